//! Every check, in the order in which they fail fastest.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xtask::build::{self, Output};
use xtask::setup::TARGET;

use crate::deny;

/// Runs all of them, and ends with the counts of the tests.
pub fn everything() -> Result<()> {
    step("format", xtask::cargo().args(["fmt", "--all", "--check"]))?;
    say("dependencies");
    deny::check()?;
    step(
        "lints",
        xtask::cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]),
    )?;
    for package in [
        "dynamics365",
        "dynamics365-wasi03",
        "dynamics365-wasi03-rc",
        "spin-variables",
    ] {
        step(
            &format!("lints of {package} as a component"),
            xtask::cargo()
                .args(["clippy", "--package", package, "--lib", "--target", TARGET])
                .args(["--", "--deny", "warnings"]),
        )?;
    }
    step(
        "documentation",
        xtask::cargo()
            .args(["doc", "--workspace", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )?;
    say("components");
    build::everything(Output::Shown)?;
    tests()
}

fn say(what: &str) {
    println!("== {what}");
}

fn step(what: &str, command: &mut Command) -> Result<()> {
    say(what);
    ensure!(
        command.status().context("cargo")?.success(),
        "the check \"{what}\" failed; see above"
    );
    Ok(())
}

/// Runs the tests, and adds up the counts of the test runners, one of which there is for each file of tests.
fn tests() -> Result<()> {
    say("tests");
    let mut child = xtask::cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo")?;
    let mut total = Counts::default();
    for line in BufReader::new(child.stdout.take().context("cargo's output")?).lines() {
        let line = line?;
        println!("{line}");
        total.add(&line);
    }
    let status = child.wait()?;
    println!(
        "{} passed, {} failed, {} skipped",
        total.passed, total.failed, total.ignored
    );
    ensure!(status.success() && total.failed == 0, "tests failed; see above");
    ensure!(total.passed > 0, "no test ran");
    Ok(())
}

#[derive(Default)]
struct Counts {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Counts {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split("; ") {
            match part.split_once(' ').map(|(number, what)| (number.parse::<u32>(), what)) {
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                Some((Ok(number), "ignored")) => self.ignored += number,
                _ => {}
            }
        }
    }
}
