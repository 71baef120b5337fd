//! Searches for inputs that make a parser panic.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs all fuzz targets in turn, or only one. Stops at the first input that panics or takes too long.
pub fn run(seconds: u32, only: Option<&str>) -> Result<()> {
    let by_hand =
        "install a nightly toolchain and cargo-fuzz: `rustup toolchain install nightly`, `cargo install cargo-fuzz`";
    let has = nightly(&["fuzz", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ensure!(has.context(by_hand)?.success(), "{by_hand}");

    let corpus = xtask::workspace().join("fuzz/corpus");
    let mut ran = 0;
    for folder in fs::read_dir(&corpus).with_context(|| corpus.display().to_string())? {
        let name = folder?.file_name().to_string_lossy().into_owned();
        if only.is_none_or(|only| only == name) {
            fuzz(&name, seconds)?;
            ran += 1;
        }
    }
    ensure!(ran > 0, "{} has no folder of that name", corpus.display());
    Ok(())
}

fn fuzz(name: &str, seconds: u32) -> Result<()> {
    println!("== {name}");
    // New inputs are stored here, so that the corpus in the repository stays small.
    let found = format!("target/fuzz/found/{name}");
    let crashes = format!("target/fuzz/crashes/{name}/");
    for folder in [&found, &crashes] {
        fs::create_dir_all(xtask::workspace().join(folder)).with_context(|| folder.clone())?;
    }
    let status = nightly(&["fuzz", "run", "--target-dir", "target/fuzz", "any"])
        .args([&found, &format!("fuzz/corpus/{name}"), "--"])
        .args([
            format!("-max_total_time={seconds}"),
            format!("-artifact_prefix={crashes}"),
        ])
        .args(["-timeout=20", "-max_len=16384"])
        .env("FUZZ_TARGET", name)
        .status();
    ensure!(
        status.context("rustup")?.success(),
        "{name} failed; see above. The input is in {crashes}: after the fix, add it to fuzz/corpus/{name}/"
    );
    Ok(())
}

fn nightly(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("rustup");
    cargo
        .args(["run", "nightly", "cargo"])
        .args(arguments)
        .current_dir(xtask::workspace());
    cargo
}
