//! Checks the dependencies against `deny.toml` with cargo-deny, if it is installed.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use xtask::setup::TARGET;

/// Checks licenses, bans, sources and duplicates, and known vulnerabilities if their database can be
/// fetched. Reports what it skips.
pub fn check() -> Result<()> {
    if !succeeds(&["--version"])? {
        println!("skipped: cargo-deny is not installed (`cargo install cargo-deny --locked`)");
        return Ok(());
    }
    run(&["--exclude-dev", "--target", TARGET, "check", "bans"])?;
    run(&[
        "--workspace",
        "check",
        "--allow",
        "duplicate",
        "licenses",
        "bans",
        "sources",
    ])?;
    if succeeds(&["fetch", "db"])? {
        run(&["--workspace", "check", "advisories"])
    } else {
        println!("skipped: advisories, as their database cannot be fetched");
        Ok(())
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    let status = xtask::cargo().arg("deny").args(arguments).status().context("cargo")?;
    ensure!(
        status.success(),
        "`cargo deny {}` failed; see above, and deny.toml",
        arguments.join(" ")
    );
    Ok(())
}

fn succeeds(arguments: &[&str]) -> Result<bool> {
    let status = xtask::cargo()
        .arg("deny")
        .args(arguments)
        // Git must not prompt for a password.
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("cargo")?;
    Ok(status.success())
}
