//! What is measured: two native proxies, and the gateway in four ways.

use anyhow::{Result, ensure};
use embedded_host::{Component, Server, ServerOptions};
use http::Method;
use http_body_util::BodyExt;
use sandbox::certificate::Identity;

use super::load;
use super::proxy::{self, Reach};
use super::served::{Served, connect};
use super::upstream::{Content, Flow, ROOT, Upstream};

/// The gateway's key.
pub const KEY: &str = "bench-0123456789-0123456789-0123456789";

/// What the gateway proves itself with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    Secret,
    Certificate,
}

/// How long an instance of the gateway lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// As on Spin, and under `wasmtime serve` unless told otherwise: each request gets its own token.
    OneRequest,
    /// As under `wasmtime serve --max-instance-reuse-count`.
    ManyRequests,
}

/// Something that relays.
pub enum Target {
    Native(Reach, Served),
    Gateway(Life, Credential, Gateway),
}

/// The gateway on the embedded host.
pub struct Gateway {
    pub server: Server,
    pub origin: String,
}

/// All of them.
pub fn all(component: &Component, upstream: &Upstream, identity: &Identity) -> Result<Vec<Target>> {
    let mut all = Vec::new();
    for reach in [Reach::Pooled, Reach::New] {
        all.push(Target::Native(reach, proxy::start(upstream.origin(), reach)?));
    }
    for life in [Life::ManyRequests, Life::OneRequest] {
        for credential in [Credential::Secret, Credential::Certificate] {
            let gateway = gateway(component, upstream, identity, life, credential)?;
            all.push(Target::Gateway(life, credential, gateway));
        }
    }
    Ok(all)
}

/// Starts a gateway.
pub fn gateway(
    component: &Component,
    upstream: &Upstream,
    identity: &Identity,
    life: Life,
    credential: Credential,
) -> Result<Gateway> {
    let pem = format!("{}{}", identity.certificate_pem, identity.key_pkcs8_pem);
    let variables = [
        ("DATAVERSE_URL", upstream.origin()),
        ("AZURE_AUTHORITY_HOST", upstream.origin()),
        ("AZURE_TENANT_ID", "10000000-0000-4000-8000-000000000001"),
        ("AZURE_CLIENT_ID", "30000000-0000-4000-8000-000000000001"),
        match credential {
            Credential::Secret => ("AZURE_CLIENT_SECRET", "bench~0123456789-0123456789-01234567"),
            Credential::Certificate => ("AZURE_CLIENT_CERTIFICATE", &pem),
        },
        ("GATEWAY_KEY", KEY),
    ];
    let options = ServerOptions {
        requests_per_instance: match life {
            Life::OneRequest => 1,
            Life::ManyRequests => usize::MAX,
        },
        ..ServerOptions::default()
    };
    let server = Server::start(component, &variables, options)?;
    let origin = server.origin();
    Ok(Gateway { server, origin })
}

impl Target {
    /// What stands above its column.
    pub fn column(&self) -> [&'static str; 3] {
        match self {
            Self::Native(Reach::Pooled, _) => ["native,", "connections", "pooled"],
            Self::Native(Reach::New, _) => ["native,", "connection", "per request"],
            Self::Gateway(Life::ManyRequests, Credential::Secret, _) => ["gateway,", "secret,", "reused"],
            Self::Gateway(Life::ManyRequests, Credential::Certificate, _) => ["gateway,", "certificate,", "reused"],
            Self::Gateway(Life::OneRequest, Credential::Secret, _) => ["gateway,", "secret,", "fresh"],
            Self::Gateway(Life::OneRequest, Credential::Certificate, _) => ["gateway,", "certificate,", "fresh"],
        }
    }

    /// Where it listens.
    pub fn origin(&self) -> &str {
        match self {
            Self::Native(_, served) => served.origin(),
            Self::Gateway(.., gateway) => &gateway.origin,
        }
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        match self {
            Self::Native(..) => String::new(),
            Self::Gateway(.., gateway) => gateway.server.output(),
        }
    }

    /// Makes sure that it does what it is measured doing: the gateway changes the links, a native proxy changes nothing.
    pub fn check(&self, upstream: &Upstream) -> Result<()> {
        for content in Content::SMALL {
            let path = format!("{ROOT}{}", content.name);
            let text = load::runtime()?.block_on(async {
                let mut sender = connect(self.origin()).await?;
                let body = load::ask(&mut sender, self.origin(), Method::GET, &path, Flow::default()).await?;
                anyhow::Ok(body.collect().await?.to_bytes())
            })?;
            let original = upstream.text(&content);
            let expected = match self {
                Self::Native(..) => original,
                Self::Gateway(..) => original.replace(upstream.origin(), self.origin()),
            };
            ensure!(
                *text == *expected.as_bytes(),
                "{path} does not come through as it should"
            );
        }
        Ok(())
    }
}
