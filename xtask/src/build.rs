//! Builds the components, each with a separate call of cargo: in one call, cargo would unify their features, and
//! one of them would get both handlers. Cargo decides whether a component is out of date.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::remap;
use crate::setup::{TARGET, rustc};

/// The output of a build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Cargo's progress, then the file and its size.
    Shown,
    /// Only errors.
    Silent,
}

/// Builds the WASI 0.2 component if it is out of date, and returns its path.
///
/// # Errors
/// If the build fails.
pub fn component(output: Output) -> Result<PathBuf> {
    // So that a file that was packaged can be tested and measured, by the same tests.
    match std::env::var_os("DYNAMICS365_COMPONENT") {
        Some(path) => Ok(PathBuf::from(path)),
        None => wasm("dynamics365", output),
    }
}

/// Builds the WASI 0.3 component, and returns its path.
///
/// # Errors
/// If the build fails.
pub fn wasi03(output: Output) -> Result<PathBuf> {
    wasm("dynamics365-wasi03", output)
}

/// Builds the component for the release candidate of WASI 0.3 that Spin 4.0 supports, and returns its path.
///
/// # Errors
/// If the build fails.
pub fn wasi03_rc(output: Output) -> Result<PathBuf> {
    wasm("dynamics365-wasi03-rc", output)
}

/// Builds all components.
///
/// # Errors
/// If a build fails.
pub fn everything(output: Output) -> Result<()> {
    component(output)?;
    wasi03(output)?;
    wasi03_rc(output)?;
    spin_variables(output)?;
    Ok(())
}

/// Builds the adapter that passes Spin's variables to the component, and returns its path.
///
/// # Errors
/// If the build fails.
pub fn spin_variables(output: Output) -> Result<PathBuf> {
    wasm("spin-variables", output)
}

/// Builds the minimal relay, the baseline of the bench, and returns its path.
///
/// # Errors
/// If the build fails.
pub fn bench_floor(output: Output) -> Result<PathBuf> {
    wasm("bench-floor", output)
}

fn wasm(package: &str, output: Output) -> Result<PathBuf> {
    let path = in_workspace(&crate::workspace(), package, output)?;
    if output == Output::Shown {
        let size = path.metadata().with_context(|| path.display().to_string())?.len();
        let shown = path.strip_prefix(crate::workspace()).unwrap_or(&path);
        println!("Component: {} ({} kB)", shown.display(), size.div_ceil(1000));
    }
    Ok(path)
}

/// Builds a package of a workspace, which may be a copy of this one.
pub(crate) fn in_workspace(workspace: &Path, package: &str, output: Output) -> Result<PathBuf> {
    let mut cargo = crate::cargo();
    cargo
        .current_dir(workspace)
        .args(["--config", &remap::option(workspace)?])
        .args(["rustc", "--package", package, "--lib", "--release", "--target", TARGET])
        .args(["--crate-type", "cdylib", "--message-format=json-render-diagnostics"])
        .stdout(Stdio::piped());
    if workspace != crate::workspace() {
        // The copy must not share the folder that the environment may set for this workspace.
        cargo.env("CARGO_TARGET_DIR", workspace.join("target"));
    }
    if output == Output::Silent {
        cargo.arg("--quiet");
    }
    prefer_own_linker(&mut cargo)?;
    let mut child = cargo.spawn().context("cargo")?;
    let messages = BufReader::new(child.stdout.take().context("cargo's output")?);
    let mut built = None;
    for message in messages.lines() {
        built = artifact(&message?, package).or(built);
    }
    ensure!(
        child.wait()?.success(),
        "{package} does not build. If a compiler or a target is missing, `cargo xtask build` installs it or says how"
    );
    built.with_context(|| format!("cargo built no {package}"))
}

/// The path of a package's component, if it is in this message of cargo.
fn artifact(message: &str, package: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_packages = message["target"]["name"] == package.replace('-', "_");
    let mut files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    files
        .find(|file| is_packages && file.ends_with(".wasm"))
        .map(PathBuf::from)
}

/// Puts the `wasm-ld` that comes with Rust first on the path: an older one (Debian's `lld` 14) cannot link the
/// output of current Rust.
fn prefer_own_linker(cargo: &mut Command) -> Result<()> {
    let own = Path::new(&rustc(&["--print", "target-libdir"])?)
        .with_file_name("bin")
        .join("gcc-ld");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path: OsString = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&inherited)))?;
    cargo.env("PATH", path);
    Ok(())
}
