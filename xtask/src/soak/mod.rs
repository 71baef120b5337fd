//! A long run of mixed reads and writes against a sandbox that throttles, fails, breaks connections before and after it acts,
//! and revokes tokens. At the end, what the callers were told of each write is compared with what the sandbox did.

mod chaos;
mod ledger;
mod worker;

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use embedded_host::Component;
use sandbox::{Config, Demo, Sandbox};

use chaos::{Chaos, Random};
pub use ledger::Counts;
use worker::Worker;

/// How long and how wild a run is.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Calls altogether.
    pub calls: u32,
    /// Instances of the component that call at the same time, each with rows of its own.
    pub instances: u32,
    /// Where the random numbers begin. The instances still meet each other's faults in an order of their own.
    pub seed: u64,
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    /// What was told and what was done.
    pub counts: Counts,
    /// Faults that the sandbox was told to commit.
    pub faults: u32,
    took: Duration,
}

/// Runs.
///
/// # Errors
/// When a write was carried out otherwise than its caller was told, a read saw anything but what was written, or a call was refused
/// without reason.
pub fn run(component: &Component, plan: Plan) -> Result<Report> {
    let start = Instant::now();
    let demo = Config::demo()?;
    let sandbox = Sandbox::start(demo.config.clone())?;
    let shares = (0..plan.instances).map(|number| work(component, &sandbox, &demo, plan, number));
    let mut counts = Counts::default();
    let mut ledger = Vec::new();
    let mut faults = 0;
    thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = shares.map(|share| scope.spawn(share)).collect();
        for thread in threads {
            let done = thread.join().map_err(|_| anyhow!("an instance's thread panicked"))??;
            counts.add_reads(done.reads);
            faults += done.faults;
            ledger.extend(done.ledger);
        }
        Ok(())
    })?;
    counts.compare(&ledger, &sandbox.committed_writes())?;
    Ok(Report {
        plan,
        counts,
        faults,
        took: start.elapsed(),
    })
}

/// The work of one instance.
fn work<'a>(
    component: &'a Component,
    sandbox: &'a Sandbox,
    demo: &'a Demo,
    plan: Plan,
    number: u32,
) -> impl FnOnce() -> Result<worker::Done> + Send + 'a {
    move || {
        let mut random = Random::new(plan.seed.wrapping_mul(1000).wrapping_add(number.into()));
        let chaos = Chaos::new(sandbox, Random::new(random.next()));
        let worker = Worker::start(component, sandbox, demo, number, random)?;
        worker
            .run(plan.calls.div_ceil(plan.instances.max(1)), chaos)
            .with_context(|| format!("instance {number}, seed {}", plan.seed))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, counts, .. } = self;
        let row = |f: &mut fmt::Formatter<'_>, name: &str, number: u32, remark: &str| {
            writeln!(f, "  {name:<28} {number:>7}  {remark}")
        };
        writeln!(
            f,
            "{} calls by {} instances in {:.0?}, seed {}",
            plan.calls, plan.instances, self.took, plan.seed
        )?;
        row(
            f,
            "faults",
            self.faults,
            "throttling, outages, broken connections, revoked tokens",
        )?;
        row(f, "reads answered", counts.reads_answered, "each with what was written")?;
        row(f, "reads not answered", counts.reads_failed, "")?;
        row(f, "writes told as done", counts.done, "each carried out; once, but for")?;
        row(f, "  of these sent again", counts.done_again, "")?;
        row(
            f,
            "  of these written twice",
            counts.done_twice,
            "all PATCH with If-Match: *, to which it makes no difference",
        )?;
        row(f, "writes told as not done", counts.not_done, "none carried out")?;
        row(f, "writes told as uncertain", counts.uncertain, "")?;
        row(f, "  of these carried out", counts.uncertain_done, "")
    }
}
