//! A short run of `cargo xtask soak`.

use xtask::soak::{Plan, run};

use crate::support::COMPONENT;

#[test]
fn every_write_happens_as_its_caller_is_told() {
    let plan = Plan {
        calls: 600,
        instances: 8,
        seed: 1,
    };
    let report = run(&COMPONENT, plan).unwrap_or_else(|error| panic!("{error:#}"));
    println!("{report}");
    let counts = &report.counts;
    assert!(report.faults > 50, "{report}");
    assert!(counts.reads_answered > 50 && counts.done > 100, "{report}");
    assert!(
        counts.done_again > 0 && counts.uncertain > 0 && counts.uncertain_done > 0,
        "{report}"
    );
}
