//! Serves the sandbox for experiments.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use sandbox::{Config, Sandbox};

use crate::until_ctrl_c;

/// Serves until Ctrl-C, and prints settings to copy.
pub fn serve(change: impl FnOnce(&mut Config)) -> Result<()> {
    let mut demo = Config::demo()?;
    change(&mut demo.config);
    let tenant = demo.config.tenant_id.clone();
    let sandbox = Sandbox::start(demo.config)?;
    let origin = sandbox.origin();
    // Several may run at once, each on its own port.
    let port = sandbox.address().port();
    let folder = xtask::workspace().join("target/sandbox").join(port.to_string());
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
    if let Some(authority) = sandbox.authority_pem() {
        println!();
        print_trust(authority, &folder)?;
    }
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

/// Writes the authority's certificate, and says how clients trust it.
fn print_trust(authority: &str, folder: &Path) -> Result<()> {
    let path = folder.join("ca.pem");
    fs::write(&path, authority).with_context(|| path.display().to_string())?;
    let path = path.display();
    println!(
        "Its server certificate is issued by a new authority. Clients trust it by these variables: Node.js, Python's"
    );
    println!("requests, OpenSSL and what is built on it (Python's ssl and httpx), and curl:");
    println!();
    for variable in [
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "CURL_CA_BUNDLE",
    ] {
        println!("export {variable}='{path}'");
    }
    Ok(())
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
