//! Shared by the tasks and the tests: set-up, build, packaging, and the soak test.

pub mod build;
#[cfg(test)]
mod one_build;
pub mod package;
mod remap;
pub mod setup;
pub mod soak;

use std::path::PathBuf;
use std::process::Command;

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.pop();
    folder
}

/// The cargo that runs this, in the workspace's folder.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    cargo
}
