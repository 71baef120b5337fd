//! A long run of mixed reads and writes against a sandbox that throttles, fails, breaks connections before
//! and after it acts, and revokes tokens: through the functions of the contract, or through the gateway. At
//! the end, the result of each write that a caller received is compared with its effect in the sandbox.

mod chaos;
mod component;
mod face;
mod gateway;
mod leaving;
mod ledger;
mod rows;
mod worker;

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use embedded_host::{Component, Server};
use sandbox::{Config, Demo, Sandbox};

use chaos::{Chaos, Random};
use component::Functions;
use face::Face;
use gateway::Http;
pub use ledger::Counts;
use worker::Worker;

/// The time in which calls must end after their caller has disconnected.
const IDLE_DEADLINE: Duration = Duration::from_secs(120);

/// The chunk size of uploads, in bytes.
const CHUNK: u64 = 50_000;

/// The parameters of a run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The interface to call.
    pub through: Through,
    /// The total number of calls.
    pub calls: u32,
    /// The number of concurrent callers, each with its own rows.
    pub callers: u32,
    /// The seed of the random numbers. The order in which callers meet faults still varies.
    pub seed: u64,
}

/// The interface of the component to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// The functions of the contract, each caller in its own instance.
    Functions,
    /// The gateway, over HTTP. Callers also upload and download files, and disconnect early.
    Gateway,
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    plan: Plan,
    /// The totals of reported results and effects.
    pub counts: Counts,
    /// Faults that the sandbox was told to make.
    pub faults: u32,
    took: Duration,
}

/// Runs the soak test.
///
/// # Errors
/// If the effect of a write does not match its result, a read returned anything but the last write, a call
/// was refused unexpectedly, or the component trapped.
pub fn run(component: &Component, plan: Plan) -> Result<Report> {
    let mut demo = Config::demo()?;
    // The component promises a new assertion for each request.
    demo.config.refuse_replayed_assertions = true;
    let sandbox = Sandbox::start(demo.config.clone())?;
    sandbox.set_file_chunk_size(CHUNK);
    let soak = Soak {
        sandbox,
        demo,
        plan,
        start: Instant::now(),
    };
    let Soak { sandbox, demo, .. } = &soak;
    match plan.through {
        Through::Functions => soak.run(|| Functions::start(component, sandbox, demo), || Ok(())),
        Through::Gateway => {
            let gateway = gateway::start(component, sandbox, demo)?;
            let origin = gateway.origin();
            soak.run(|| Ok(Http { origin: origin.clone() }), || rest(&gateway))
        }
    }
}

struct Soak {
    sandbox: Sandbox,
    demo: Demo,
    plan: Plan,
    start: Instant,
}

impl Soak {
    /// `face` makes a caller's interface, on the caller's own thread; `rest` waits until no call is in
    /// progress.
    fn run<F: Face + Send>(
        &self,
        face: impl Fn() -> Result<F> + Sync,
        rest: impl Fn() -> Result<()>,
    ) -> Result<Report> {
        let mut workers = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.plan.callers)
                .map(|number| {
                    let face = &face;
                    scope.spawn(move || self.work(face, number))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("a caller's thread panicked"))?)
                .collect::<Result<Vec<_>>>()
        })?;
        rest()?;

        let writes = self.sandbox.committed_writes();
        let mut counts = Counts::default();
        counts.compare(workers.iter().flat_map(|worker| &worker.done.ledger), &writes)?;
        let carried_out = ledger::carried_out(&writes);
        for worker in &mut workers {
            worker.check(&carried_out)?;
            counts.add(&worker.done);
        }
        rest()?;
        Ok(Report {
            plan: self.plan,
            counts,
            faults: workers.iter().map(|worker| worker.done.faults).sum(),
            took: self.start.elapsed(),
        })
    }

    /// The work of one caller.
    fn work<F: Face>(&self, face: impl Fn() -> Result<F>, number: u32) -> Result<Worker<F>> {
        let Plan {
            calls, callers, seed, ..
        } = self.plan;
        let mut random = Random::new(seed.wrapping_mul(1000).wrapping_add(number.into()));
        let chaos = Chaos::new(&self.sandbox, Random::new(random.next()));
        let mut worker = Worker::new(face()?, number, random);
        worker
            .run(calls.div_ceil(callers.max(1)), chaos)
            .with_context(|| format!("caller {number}, seed {seed}"))?;
        Ok(worker)
    }
}

/// Waits until the gateway is idle, which must happen soon even after callers disconnected.
fn rest(gateway: &Server) -> Result<()> {
    let start = Instant::now();
    while gateway.in_flight() > 0 {
        ensure!(
            start.elapsed() < IDLE_DEADLINE,
            "{} calls never end",
            gateway.in_flight()
        );
        thread::sleep(Duration::from_millis(10));
    }
    let traps = gateway.traps();
    ensure!(traps.is_empty(), "{} traps, first {}", traps.len(), traps.join("\n"));
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, counts, .. } = self;
        let through = match plan.through {
            Through::Functions => "of the functions",
            Through::Gateway => "of the gateway",
        };
        let row = |f: &mut fmt::Formatter<'_>, name: &str, number: u32, remark: &str| {
            writeln!(f, "  {name:<28} {number:>7}  {remark}")
        };
        writeln!(
            f,
            "{} calls {} by {} callers in {:.0?}, seed {}",
            plan.calls, through, plan.callers, self.took, plan.seed
        )?;
        row(
            f,
            "faults",
            self.faults,
            "throttling, outages, broken connections, revoked tokens",
        )?;
        if plan.through == Through::Gateway {
            row(
                f,
                "callers who left",
                counts.left,
                "in the middle of a request or an answer",
            )?;
            row(f, "files uploaded", counts.uploads, "in one request or in chunks")?;
        }
        row(f, "reads answered", counts.reads_answered, "each with what was written")?;
        row(f, "reads not answered", counts.reads_failed, "")?;
        row(
            f,
            "writes reported as done",
            counts.done,
            "each carried out; once, but for",
        )?;
        row(f, "  of these sent again", counts.done_again, "")?;
        row(
            f,
            "  of these written twice",
            counts.done_twice,
            "all PATCH with If-Match: *, to which it makes no difference",
        )?;
        row(f, "writes reported as not done", counts.not_done, "none carried out")?;
        row(f, "writes reported as uncertain", counts.uncertain, "")?;
        row(f, "  of these carried out", counts.uncertain_done, "")
    }
}
