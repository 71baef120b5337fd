//! The gateway in front of a sandbox, for experiments with any HTTP client.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use embedded_host::{Component, Server, ServerOptions};
use sandbox::{Config, Sandbox};

use crate::until_ctrl_c;

/// Serves until Ctrl-C, and prints calls to copy.
pub fn serve(component: &Path, listen: SocketAddr) -> Result<()> {
    let demo = Config::demo()?;
    let sandbox = Sandbox::start(demo.config.clone())?;
    let origin = sandbox.origin();
    let pem = format!("{}{}", demo.identity.certificate_pem, demo.identity.key_pkcs8_pem);
    // The sandbox has just generated it at random.
    let key = demo.client_secret.replace("sandbox~", "gateway-");
    let variables = [
        ("DATAVERSE_URL", origin.as_str()),
        ("AZURE_AUTHORITY_HOST", &origin),
        ("AZURE_TENANT_ID", &demo.config.tenant_id),
        ("AZURE_CLIENT_ID", &demo.client_id),
        ("AZURE_CLIENT_CERTIFICATE", &pem),
        ("GATEWAY_KEY", &key),
    ];
    println!("Compiling the component for the embedded Wasmtime ...");
    let component = Component::load(component)?;
    // As `wasmtime serve --max-instance-reuse-count 1000`: the token is cached between calls.
    let options = ServerOptions {
        listen,
        requests_per_instance: 1000,
        ..ServerOptions::default()
    };
    let gateway = Server::start(&component, &variables, options)?;
    let url = gateway.origin();

    println!("The gateway serves at {url} until Ctrl-C, in front of a sandbox at {origin}. Calls to paste:");
    println!();
    println!("export KEY={key}");
    println!("curl {url}/healthz");
    println!("curl -H \"x-api-key: $KEY\" {url}/whoami");
    println!(
        "curl -H \"x-api-key: $KEY\" -H 'Prefer: odata.maxpagesize=3' '{url}/api/data/v9.2/contacts?$select=fullname'"
    );
    println!(
        "curl -i -H \"x-api-key: $KEY\" -H 'Content-Type: application/json' -d '{{\"lastname\":\"Hopper\"}}' {url}/api/data/v9.2/contacts"
    );
    println!("curl -H \"x-api-key: $KEY\" {url}/api/data/v9.2/opportunities   # closed: 403");
    println!("curl -u me:$KEY {url}/api/data/v9.2/accounts   # as Excel does");
    until_ctrl_c()?;
    print!("{}", gateway.output());
    Ok(())
}
