//! Serves the sandbox for experiments.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use sandbox::{Config, Sandbox};

use crate::until_ctrl_c;

/// Serves until Ctrl-C, and prints settings to copy.
pub fn serve(listen: SocketAddr) -> Result<()> {
    let mut demo = Config::demo()?;
    demo.config.listen = listen;
    let tenant = demo.config.tenant_id.clone();
    let sandbox = Sandbox::start(demo.config)?;
    let origin = sandbox.origin();
    let folder = xtask::workspace().join("target").join("sandbox");
    fs::create_dir_all(&folder)?;
    let pem = folder.join("client.pem");
    write_private(
        &pem,
        &format!("{}{}", demo.identity.certificate_pem, demo.identity.key_pkcs8_pem),
    )
    .with_context(|| pem.display().to_string())?;

    println!("The sandbox, a local Entra ID and Dataverse, serves at {origin} until Ctrl-C.");
    println!(
        "It has one application, whose user may do everything with contacts, read accounts and leads, and not read"
    );
    println!("opportunities. Certificate and secret are new each time; rows are kept in memory only.");
    println!();
    println!("Settings, to paste into a shell:");
    println!();
    println!("export DATAVERSE_URL={origin}");
    println!("export AZURE_AUTHORITY_HOST={origin}");
    println!("export AZURE_TENANT_ID={tenant}");
    println!("export AZURE_CLIENT_ID={}", demo.client_id);
    println!("export AZURE_CLIENT_CERTIFICATE=\"$(cat '{}')\"", pem.display());
    println!("# or, in place of the certificate:");
    println!("# export AZURE_CLIENT_SECRET='{}'", demo.client_secret);
    println!();
    println!("A first call, in that shell, once `cargo xtask build` has been run:");
    println!();
    println!(
        "wasmtime run -Shttp --env DATAVERSE_URL --env AZURE_AUTHORITY_HOST --env AZURE_TENANT_ID --env AZURE_CLIENT_ID \\"
    );
    println!("  --env AZURE_CLIENT_CERTIFICATE --invoke 'whoami(none)' \\");
    println!(
        "  {}",
        xtask::workspace()
            .join("target/wasm32-wasip2/release/dynamics365.wasm")
            .display()
    );

    until_ctrl_c()
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())?;
    Ok(())
}
