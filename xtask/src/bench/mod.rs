//! How fast the gateway is, against the limit: a native reverse proxy that adds a constant token. Everything runs in this
//! process and talks over loopback, so on few cores the two sides, the upstream and the load share them alike.
//!
//! The dev profile is fast enough for it: the root `Cargo.toml` optimizes this crate, the embedded host and all dependencies.
//! Built with `opt-level = 3` throughout and without debug assertions, the times on one connection were much the same.

mod findings;
mod load;
mod memory;
mod proxy;
mod report;
mod served;
mod signing;
mod startup;
mod targets;
mod upstream;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use embedded_host::Component;
use sandbox::Config;

use load::{Load, Samples};
use report::Report;
use targets::Target;
use upstream::{Content, Upstream};

/// The load is measured in rounds over all targets, so that what else the machine does meets each of them.
const ROUNDS: usize = 6;

/// How many connections send one request after another.
const CONNECTIONS: [usize; 2] = [1, 8];

/// Measures, and prints.
pub fn run(component: &Path) -> Result<()> {
    let begun = Instant::now();
    let size = component.metadata()?.len();
    println!("Compiling the component for the embedded Wasmtime ...");
    let start = Instant::now();
    let component = Component::load(component)?;
    let compiling = start.elapsed();

    let identity = Config::demo()?.identity;
    let upstream = Upstream::start()?;
    let targets = targets::all(&component, &upstream, &identity)?;
    let names = targets.iter().map(Target::column).collect();

    println!("Measuring start-up and signing ...");
    let startup = startup::measure(&component, &upstream, &identity)?;
    let signing = signing::measure(&component, &identity)?;
    println!("Measuring requests, for two minutes ...");
    let loads = loads(&targets, &upstream)?;
    println!("Measuring 1 GiB ...");
    let bulk = memory::measure(&component, &upstream, &identity)?;

    println!();
    let report = Report {
        targets: names,
        size,
        compiling,
        loads,
        bulk,
        startup,
        signing,
    };
    report.print();
    println!();
    println!("The bench took {} s.", begun.elapsed().as_secs());
    Ok(())
}

/// What one target did under one load.
struct Measured {
    content: &'static str,
    connections: usize,
    /// In the order of the targets.
    samples: Vec<Samples>,
}

impl Measured {
    fn name(&self) -> String {
        let plural = if self.connections == 1 { "" } else { "s" };
        format!("{}, {} connection{plural}", self.content, self.connections)
    }

    /// Half of a target's answers took no longer than this.
    fn p50(&self, target: usize) -> Duration {
        self.samples
            .get(target)
            .map(|samples| samples.percentile(50))
            .unwrap_or_default()
    }
}

fn loads(targets: &[Target], upstream: &Upstream) -> Result<Vec<Measured>> {
    for target in targets {
        target.check(upstream)?;
    }
    let mut all = Vec::new();
    for content in Content::SMALL {
        for connections in CONNECTIONS {
            all.push(Measured {
                content: content.name,
                connections,
                samples: targets.iter().map(|_| Samples::default()).collect(),
            });
        }
    }
    for _ in 0..ROUNDS {
        for measured in &mut all {
            for (target, samples) in targets.iter().zip(&mut measured.samples) {
                let load = Load {
                    origin: target.origin(),
                    path: format!("{}{}", upstream::ROOT, measured.content),
                    connections: measured.connections,
                };
                let more = load.run().with_context(|| {
                    format!(
                        "{}, {}\n{}",
                        target.column().join(" "),
                        measured.content,
                        target.output()
                    )
                })?;
                samples.add(more);
            }
        }
    }
    Ok(all)
}
