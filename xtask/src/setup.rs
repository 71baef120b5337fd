//! Installs what a plain Rust installation lacks for building the component.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The target of components for WASI 0.2.
pub const TARGET: &str = "wasm32-wasip2";

/// Installs missing prerequisites and reports them.
///
/// # Errors
/// If something must be installed manually; the error says what.
pub fn install() -> Result<()> {
    install_target()?;
    install_clang()
}

/// Installs additional tools for the checks: those that rustup's minimal profile lacks, and OpenSSL.
///
/// # Errors
/// As [`install`].
pub fn install_checkers() -> Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let has = || succeeds_silently(crate::cargo().args([subcommand, "--version"]));
        if has() {
            continue;
        }
        println!("Adding {component} ...");
        let added = Command::new("rustup")
            .args(["component", "add", component])
            .current_dir(crate::workspace())
            .status();
        let by_hand = format!("install {component}: with rustup, `rustup component add {component}`");
        ensure!(added.context(by_hand.clone())?.success() && has(), "{by_hand}");
    }
    install_openssl()
}

/// The tests make certificates with OpenSSL's command line, also with ciphers of its legacy provider. Newer
/// Debian versions have it in a separate package.
fn install_openssl() -> Result<()> {
    let has = || succeeds("openssl", &["list", "-providers", "-provider", "legacy"]);
    for package in ["openssl", "openssl-provider-legacy"] {
        if has() {
            return Ok(());
        }
        if is_debian_root() {
            println!("Installing {package} with apt-get (the tests make certificates with it) ...");
            apt_get(&["update", "--quiet=2"])?;
            apt_get(&["install", "--yes", "--quiet=2", "--no-install-recommends", package])?;
        }
    }
    ensure!(
        has(),
        "install OpenSSL 3 with its legacy provider, and run this again. Debian, Ubuntu: `sudo apt-get install openssl`, and \
         `openssl-provider-legacy` where there is such a package. Fedora: `sudo dnf install openssl`. macOS: `brew install \
         openssl@3`, then put `$(brew --prefix openssl@3)/bin` first on the path (Apple's own is another program)"
    );
    Ok(())
}

/// Installs what packaging needs on top: the optimizer of Binaryen.
///
/// # Errors
/// As [`install`].
pub fn install_optimizer() -> Result<()> {
    let has = || succeeds("wasm-opt", &["--version"]);
    if !has() && is_debian_root() {
        println!("Installing binaryen with apt-get (wasm-opt makes the component smaller) ...");
        apt_get(&["update", "--quiet=2"])?;
        apt_get(&["install", "--yes", "--quiet=2", "--no-install-recommends", "binaryen"])?;
    }
    ensure!(
        has(),
        "install Binaryen 108 or later, so that `wasm-opt` is on the path, and run this again. Debian, Ubuntu: `sudo apt-get \
         install binaryen`. Fedora: `sudo dnf install binaryen`. macOS: `brew install binaryen`"
    );
    Ok(())
}

fn install_target() -> Result<()> {
    if has_target()? {
        return Ok(());
    }
    println!("Adding the Rust target {TARGET} ...");
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(crate::workspace())
        .status();
    let by_hand = format!("install the Rust target {TARGET}: with rustup, `rustup target add {TARGET}`");
    ensure!(added.context(by_hand.clone())?.success() && has_target()?, "{by_hand}");
    Ok(())
}

fn has_target() -> Result<bool> {
    let libraries = rustc(&["--print", "target-libdir", "--target", TARGET])?;
    Ok(Path::new(&libraries).is_dir())
}

/// ring, which signs, is partly written in C.
fn install_clang() -> Result<()> {
    if let Some(compiler) = chosen_compiler() {
        ensure!(
            targets_wasm(&compiler),
            "{compiler}, which the environment names as the C compiler for {TARGET}, cannot compile for WebAssembly: \
             name a clang that can, or unset the variable"
        );
        return Ok(());
    }
    if targets_wasm("clang") {
        return Ok(());
    }
    if is_debian_root() {
        println!("Installing clang with apt-get (ring's C code is compiled for WebAssembly with it) ...");
        apt_get(&["update", "--quiet=2"])?;
        apt_get(&["install", "--yes", "--quiet=2", "--no-install-recommends", "clang"])?;
        if targets_wasm("clang") {
            return Ok(());
        }
    }
    bail!(
        "install a clang that can compile for WebAssembly, and run this again. Debian, Ubuntu: `sudo apt-get install clang`. \
         Fedora: `sudo dnf install clang`. macOS: `brew install llvm`, then `export CC_wasm32_wasip2=$(brew --prefix llvm)/bin/clang` \
         (Apple's own cannot)"
    )
}

/// The variables that the `cc` crate checks before it uses `clang`.
fn chosen_compiler() -> Option<String> {
    ["CC_wasm32-wasip2", "CC_wasm32_wasip2", "TARGET_CC"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
}

fn targets_wasm(compiler: &str) -> bool {
    succeeds(compiler, &["--target=wasm32-wasip2", "-S", "-x", "c", "-o", "-", "-"])
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    succeeds_silently(Command::new(program).args(arguments))
}

fn succeeds_silently(command: &mut Command) -> bool {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn is_debian_root() -> bool {
    let id = || Command::new("id").arg("-u").output();
    Path::new("/etc/debian_version").exists() && id().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status();
    ensure!(
        status.context("apt-get")?.success(),
        "apt-get {} failed",
        arguments.join(" ")
    );
    Ok(())
}

/// The output of rustc.
pub(crate) fn rustc(arguments: &[&str]) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(arguments)
        .current_dir(crate::workspace())
        .output()
        .context("rustc")?;
    ensure!(output.status.success(), "rustc {} failed", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
