//! How fast the gateway is, against two limits: a native reverse proxy that adds a constant token, and a component on the same host
//! that only relays. Everything runs in this process and talks over loopback, so on few cores the two sides, the upstream and the
//! load share them alike.
//!
//! The dev profile is fast enough for it: the root `Cargo.toml` optimizes this crate, the embedded host and all dependencies.
//! Built with `opt-level = 3` throughout and without debug assertions, the times on one connection were much the same.

mod faces;
mod findings;
mod load;
mod memory;
mod proxy;
mod report;
mod served;
mod signing;
mod startup;
mod targets;
mod tokens;
mod upstream;

use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;
use sandbox::Config;
use sandbox::certificate::Identity;

use faces::Face;
use load::{Load, Samples};
use report::{FaceNumbers, Report};
use targets::{Kind, Target};
use upstream::{Content, Upstream};

/// The load is measured in rounds over all targets, so that what else the machine does meets each of them.
const ROUNDS: usize = 6;

/// How many connections send one request after another.
const CONNECTIONS: [usize; 2] = [1, 8];

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// How long requests take.
    Requests,
    /// How many tokens a thousand requests take.
    Tokens,
    /// How fast 1 GiB flows, with links and without.
    Bulk,
    /// Starting and signing.
    Start,
}

/// Measures these parts, or all where none is named, and prints.
pub fn run(parts: &[Part]) -> Result<()> {
    let begun = Instant::now();
    let wants = |part| parts.is_empty() || parts.contains(&part);
    let faces = faces::all()?;
    let floor = faces::floor()?;
    let identity = Config::demo()?.identity;
    let upstream = Upstream::start()?;
    let mut report = Report {
        faces: faces.iter().map(numbers).collect(),
        targets: Kind::all(&faces),
        loads: Vec::new(),
        tokens: Vec::new(),
        bulk: Vec::new(),
        signing: None,
    };
    if wants(Part::Start) {
        println!("Measuring start-up and signing ...");
        start(&mut report, &faces, &upstream, &identity)?;
    }
    if wants(Part::Requests) {
        println!("Measuring requests, for some minutes ...");
        let targets = targets::all(&faces, &floor, &upstream, &identity)?;
        report.loads = loads(&targets, &upstream, &report.faces)?;
    }
    if wants(Part::Tokens) {
        println!("Counting tokens ...");
        report.tokens = tokens::measure(&faces, &upstream, &identity)?;
    }
    if wants(Part::Bulk) {
        println!("Measuring 1 GiB ...");
        report.bulk = memory::measure(&faces, &floor, &upstream, &identity)?;
    }
    println!();
    report.print();
    println!();
    println!("The bench took {} s.", begun.elapsed().as_secs());
    Ok(())
}

fn numbers(face: &Face) -> FaceNumbers {
    FaceNumbers {
        name: face.name,
        size: face.size,
        compiling: face.compiling,
        startup: None,
    }
}

fn start(report: &mut Report, faces: &[Face], upstream: &Upstream, identity: &Identity) -> Result<()> {
    for (face, numbers) in faces.iter().zip(&mut report.faces) {
        numbers.startup = Some(startup::measure(&face.component, upstream, identity)?);
    }
    // Only this one has functions, of which one asks for a token and nothing else. The code that signs is the same in all.
    if let Some(face) = faces.first() {
        report.signing = Some(signing::measure(&face.component, identity)?);
    }
    Ok(())
}

/// What one target did under one load.
struct Measured {
    content: Content,
    connections: usize,
    /// In the order of the targets.
    samples: Vec<Samples>,
}

impl Measured {
    fn name(&self) -> String {
        let plural = if self.connections == 1 { "" } else { "s" };
        format!("{}, {} connection{plural}", self.content.name, self.connections)
    }
}

fn loads(targets: &[Target], upstream: &Upstream, faces: &[FaceNumbers]) -> Result<Vec<Measured>> {
    let names: Vec<_> = faces.iter().map(|face| face.name).collect();
    let name = |target: &Target| target.kind.column(&names).join(" ");
    for target in targets {
        target.check(upstream).with_context(|| name(target))?;
    }
    let mut all = Vec::new();
    for content in Content::SMALL {
        for connections in CONNECTIONS {
            all.push(Measured {
                content,
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
                    path: target.path(&measured.content),
                    connections: measured.connections,
                };
                let more = load
                    .run()
                    .with_context(|| format!("{}, {}\n{}", name(target), measured.content.name, target.output()))?;
                samples.add(more);
            }
        }
    }
    Ok(all)
}
