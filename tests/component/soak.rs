//! Short runs of `cargo xtask soak`.

use embedded_host::Component;
use xtask::soak::{Plan, Report, Through, run};

use crate::gateway::WASI03;
use crate::support::COMPONENT;

fn soak(component: &Component, through: Through) -> Report {
    let plan = Plan {
        through,
        calls: 600,
        callers: 8,
        seed: 1,
    };
    let report = run(component, plan).unwrap_or_else(|error| panic!("{error:#}"));
    println!("{report}");
    assert!(report.faults > 50, "{report}");
    assert!(
        report.counts.reads_answered > 50 && report.counts.done > 100,
        "{report}"
    );
    assert!(
        report.counts.uncertain > 0 && report.counts.uncertain_done > 0,
        "{report}"
    );
    report
}

#[test]
fn every_write_happens_as_its_caller_is_told() {
    let report = soak(&COMPONENT, Through::Functions);
    assert!(report.counts.done_again > 0, "{report}");
}

#[test]
fn every_write_through_the_gateway_happens_as_its_caller_is_told() {
    for component in [&*COMPONENT, &*WASI03] {
        let report = soak(component, Through::Gateway);
        assert!(report.counts.left > 20 && report.counts.uploads > 5, "{report}");
        assert_eq!(report.counts.done_twice, 0, "{report}");
    }
}
