//! The faces of the gateway that are measured, and the component that they are measured against.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use embedded_host::Component;
use xtask::build::{self, Output};

/// What a face is called, and how it is built. One more line is one more face.
const FACES: [(&str, fn(Output) -> Result<PathBuf>); 1] = [("WASI 0.2", build::component)];

/// A face of the gateway.
pub struct Face {
    pub name: &'static str,
    pub component: Component,
    /// Of the file, in bytes.
    pub size: u64,
    /// How long Wasmtime took to compile it.
    pub compiling: Duration,
}

/// Builds and compiles all of them.
pub fn all() -> Result<Vec<Face>> {
    let face = |(name, build): &(&'static str, fn(Output) -> Result<PathBuf>)| {
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

/// The component that only relays: what the host itself costs.
pub fn floor() -> Result<Component> {
    Component::load(&build::bench_floor(Output::Shown)?)
}
