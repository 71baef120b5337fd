//! The measured faces of the gateway, and the minimal relay.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use embedded_host::Component;
use xtask::build::{self, Output};

/// The name of each face, and the function that builds it. Another line adds another face.
const FACES: [(&str, Build); 2] = [("WASI 0.2", build::component), ("WASI 0.3", build::wasi03)];

type Build = fn(Output) -> Result<PathBuf>;

/// A face of the gateway.
pub struct Face {
    pub name: &'static str,
    pub component: Component,
    /// Size of the file, in bytes.
    pub size: u64,
    /// How long Wasmtime took to compile it.
    pub compiling: Duration,
}

/// Builds and compiles all faces.
pub fn all() -> Result<Vec<Face>> {
    let face = |(name, build): &(&'static str, Build)| {
        let path = build(Output::Shown)?;
        let start = Instant::now();
        let component = Component::load(&path)?;
        Ok(Face {
            name,
            component,
            size: path.metadata()?.len(),
            compiling: start.elapsed(),
        })
    };
    FACES.iter().map(face).collect()
}

/// The minimal relay: the overhead of the host alone.
pub fn floor() -> Result<Component> {
    Component::load(&build::bench_floor(Output::Shown)?)
}
