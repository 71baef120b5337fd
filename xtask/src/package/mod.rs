//! What is published: each component built twice to the same bytes, made smaller, and tested as it is published.

mod sections;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::build::{self, Output};

/// A component that is published.
struct Published {
    package: &'static str,
    file: &'static str,
    /// The maximum size, in bytes.
    limit: usize,
}

const COMPONENTS: [Published; 2] = [
    Published {
        package: "dynamics365",
        file: "dynamics365.wasm",
        limit: 1_000_000,
    },
    Published {
        package: "spin-variables",
        file: "spin_variables.wasm",
        limit: 100_000,
    },
];

/// What rustc uses of WebAssembly beyond its first version, which wasm-opt has to be told. Hosts have all of it by default.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// The names of a component's parts, which only debuggers show.
const NAMES: &str = "component-name";

/// Makes `dist/`.
///
/// # Errors
/// When a component does not build, differs when it is built in another folder, or fails a test.
pub fn run() -> Result<()> {
    let dist = crate::workspace().join("dist");
    fs::create_dir_all(&dist)?;
    let copy = copy_workspace()?;
    for Published { package, file, limit } in COMPONENTS {
        println!("== {package}");
        let built = build::in_workspace(&crate::workspace(), package, Output::Shown)?;
        println!("Building it once more, in {} ...", copy.display());
        let again = build::in_workspace(&copy, package, Output::Silent)?;
        let original = fs::read(&built)?;
        ensure!(
            original == fs::read(&again)?,
            "{} and {} differ: something of the folder, the home or the time is in them",
            built.display(),
            again.display()
        );
        let packaged = optimized(&original)?;
        println!("{file}: {} bytes, of {}", packaged.len(), original.len());
        ensure!(packaged.len() <= limit, "{file} exceeds the limit of {limit} bytes");
        fs::write(dist.join(file), packaged)?;
    }
    println!("== tests of {}", dist.display());
    let status = crate::cargo()
        .args(["test", "--test", "component"])
        .env("DYNAMICS365_COMPONENT", dist.join("dynamics365.wasm"))
        .status()
        .context("cargo")?;
    ensure!(status.success(), "what was packaged fails a test; see above");
    println!("Packaged: {}", dist.display());
    Ok(())
}

/// The files of this workspace under `target/`, without what was built of them.
fn copy_workspace() -> Result<PathBuf> {
    let workspace = crate::workspace();
    let copy = workspace.join("target").join("package").join("another folder");
    if copy.exists() {
        for entry in copy.read_dir()? {
            let path = entry?.path();
            if !path.is_dir() {
                fs::remove_file(&path)?;
            } else if !path.ends_with("target") {
                // Cargo detects what is out of date in `target`.
                fs::remove_dir_all(&path)?;
            }
        }
    }
    copy_folder(&workspace, &copy, &["target", ".git", "dist"])?;
    Ok(copy)
}

fn copy_folder(from: &Path, to: &Path, except: &[&str]) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in from.read_dir().with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        if except.iter().any(|except| name == *except) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(&name), &["target"])?;
        } else {
            fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}

/// A component whose core modules wasm-opt has made smaller.
fn optimized(component: &[u8]) -> Result<Vec<u8>> {
    sections::with_modules(component, wasm_opt, NAMES)
}

fn wasm_opt(module: &[u8]) -> Result<Vec<u8>> {
    let folder = crate::workspace().join("target").join("package");
    let (from, to) = (folder.join("module.wasm"), folder.join("optimized.wasm"));
    fs::write(&from, module)?;
    let status = Command::new("wasm-opt")
        .arg("-Oz")
        .args(FEATURES)
        .args([from.as_os_str(), "-o".as_ref(), to.as_os_str()])
        .status()
        .context("wasm-opt")?;
    ensure!(status.success(), "wasm-opt fails");
    let optimized = fs::read(&to)?;
    Ok(if optimized.len() < module.len() {
        optimized
    } else {
        module.to_vec()
    })
}
