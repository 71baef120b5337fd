//! Paths of the builder's machine, which panic messages would name, are left out of a component: its bytes must not depend on
//! whose it is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::setup::{TARGET, rustc};

/// The option of cargo that has rustc leave out where the sources in `workspace` and those of its dependencies are.
pub(crate) fn option(workspace: &Path) -> Result<String> {
    let flags = prefixes(workspace)?.into_iter().map(|(from, to)| {
        let flag = format!("--remap-path-prefix={}={to}", from.display());
        // A basic string of TOML has the escapes of JSON.
        serde_json::to_string(&flag)
    });
    let flags = flags.collect::<Result<Vec<_>, _>>()?;
    Ok(format!("target.{TARGET}.rustflags=[{}]", flags.join(",")))
}

/// Where sources are, and what is to be named instead. The last one that fits is taken.
fn prefixes(workspace: &Path) -> Result<Vec<(PathBuf, String)>> {
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?);
    let version = rustc(&["--version", "--verbose"])?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
    let sources = cargo_home()?.join("registry").join("src");
    let mut prefixes = vec![
        (workspace.to_owned(), String::new()),
        // Where rustup has put the standard library's sources, or would.
        (
            sysroot.join("lib/rustlib/src/rust"),
            format!("/rustc/{}", commit.unwrap_or_default()),
        ),
        (sources.clone(), String::new()),
    ];
    prefixes.extend(registries(&sources)?.into_iter().map(|folder| (folder, String::new())));
    Ok(prefixes)
}

/// The folders of crates, one for each registry.
fn registries(sources: &Path) -> Result<Vec<PathBuf>> {
    if !sources.is_dir() {
        let fetched = crate::cargo().args(["fetch", "--locked"]).status().context("cargo")?;
        ensure!(fetched.success(), "cargo cannot fetch the dependencies");
    }
    let Ok(folders) = sources.read_dir() else {
        return Ok(Vec::new());
    };
    let mut folders = folders.map(|folder| Ok(folder?.path())).collect::<Result<Vec<_>>>()?;
    folders.sort();
    Ok(folders)
}

/// Where cargo keeps what it has fetched.
fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(PathBuf::from(home));
    }
    let home = std::env::home_dir().context("no home folder: set CARGO_HOME")?;
    Ok(home.join(".cargo"))
}
