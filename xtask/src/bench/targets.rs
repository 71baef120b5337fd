//! What is measured: two native proxies, a component that only relays, and each face of the gateway.

use anyhow::{Result, ensure};
use embedded_host::{Component, Server, ServerOptions};
use http::Method;
use http_body_util::BodyExt;
use sandbox::certificate::Identity;
use serde_json::Value;

use super::faces::Face;
use super::load;
use super::proxy::{self, Reach};
use super::served::{Served, connect};
use super::upstream::{Content, Flow, Upstream};

/// The gateway's key.
pub const KEY: &str = "bench-0123456789-0123456789-0123456789";

/// What the gateway proves itself with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    Secret,
    Certificate,
}

/// How long an instance of a component lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// As on Spin, and under `wasmtime serve` unless told otherwise: each request gets its own token.
    OneRequest,
    /// As under `wasmtime serve --max-instance-reuse-count`.
    ManyRequests,
}

/// What relays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Native(Reach),
    /// The component that only relays.
    Floor(Life),
    /// The gateway, with the place of its face in the list.
    Gateway(usize, Life, Credential),
}

/// Something that relays.
pub struct Target {
    pub kind: Kind,
    server: Running,
}

enum Running {
    Native(Served),
    Component(Hosted),
}

/// A component on the embedded host.
pub struct Hosted {
    pub server: Server,
    pub origin: String,
}

impl Kind {
    /// All of them.
    pub fn all(faces: &[Face]) -> Vec<Self> {
        let mut all = vec![Self::Native(Reach::Pooled), Self::Native(Reach::New)];
        all.extend([Life::ManyRequests, Life::OneRequest].map(Self::Floor));
        for face in 0..faces.len() {
            all.extend([
                Self::Gateway(face, Life::ManyRequests, Credential::Certificate),
                Self::Gateway(face, Life::OneRequest, Credential::Secret),
                Self::Gateway(face, Life::OneRequest, Credential::Certificate),
            ]);
        }
        all
    }

    /// What stands above its column.
    pub fn column(self, faces: &[&'static str]) -> [&'static str; 3] {
        match self {
            Self::Native(Reach::Pooled) => ["native,", "connections", "pooled"],
            Self::Native(Reach::New) => ["native,", "connection", "per request"],
            Self::Floor(Life::ManyRequests) => ["floor,", "", "reused"],
            Self::Floor(Life::OneRequest) => ["floor,", "", "fresh"],
            Self::Gateway(face, life, credential) => {
                let name = faces.get(face).copied().unwrap_or_default();
                match (life, credential) {
                    (Life::ManyRequests, Credential::Secret) => [name, "secret,", "reused"],
                    (Life::ManyRequests, Credential::Certificate) => [name, "certificate,", "reused"],
                    (Life::OneRequest, Credential::Secret) => [name, "secret,", "fresh"],
                    (Life::OneRequest, Credential::Certificate) => [name, "certificate,", "fresh"],
                }
            }
        }
    }
}

/// Starts all of them.
pub fn all(faces: &[Face], floor: &Component, upstream: &Upstream, identity: &Identity) -> Result<Vec<Target>> {
    let start = |kind| {
        let server = match kind {
            Kind::Native(reach) => Running::Native(proxy::start(upstream.origin(), reach)?),
            Kind::Floor(life) => Running::Component(hosted(floor, life, &[("DATAVERSE_URL", upstream.origin())])?),
            Kind::Gateway(face, life, credential) => {
                let component = &faces[face].component;
                Running::Component(gateway(component, upstream, identity, life, credential)?)
            }
        };
        Ok(Target { kind, server })
    };
    Kind::all(faces).into_iter().map(start).collect()
}

/// Starts a gateway.
pub fn gateway(
    component: &Component,
    upstream: &Upstream,
    identity: &Identity,
    life: Life,
    credential: Credential,
) -> Result<Hosted> {
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
    hosted(component, life, &variables)
}

/// Starts a component.
pub fn hosted(component: &Component, life: Life, variables: &[(&str, &str)]) -> Result<Hosted> {
    let options = ServerOptions {
        requests_per_instance: match life {
            Life::OneRequest => 1,
            Life::ManyRequests => usize::MAX,
        },
        ..ServerOptions::default()
    };
    let server = Server::start(component, variables, options)?;
    let origin = server.origin();
    Ok(Hosted { server, origin })
}

impl Target {
    /// Where it listens.
    pub fn origin(&self) -> &str {
        match &self.server {
            Running::Native(served) => served.origin(),
            Running::Component(hosted) => &hosted.origin,
        }
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        match &self.server {
            Running::Native(_) => String::new(),
            Running::Component(hosted) => hosted.server.output(),
        }
    }

    /// The path under which it has a content.
    pub fn path(&self, content: &Content) -> String {
        match (self.kind, content.route) {
            (Kind::Gateway(..), Some(route)) => route.to_owned(),
            _ => content.path(),
        }
    }

    /// Makes sure that it does what it is measured doing: the gateway changes the links, the others change nothing.
    pub fn check(&self, upstream: &Upstream) -> Result<()> {
        for content in Content::SMALL {
            let path = self.path(&content);
            let text = load::runtime()?.block_on(async {
                let mut sender = connect(self.origin()).await?;
                let body = load::ask(&mut sender, self.origin(), Method::GET, &path, Flow::default()).await?;
                anyhow::Ok(body.collect().await?.to_bytes())
            })?;
            let original = upstream.text(&content);
            let is_right = match self.kind {
                Kind::Gateway(..) if content.route.is_some() => {
                    serde_json::from_slice::<Value>(&text)? == serde_json::from_str::<Value>(&original)?
                }
                Kind::Gateway(..) => *text == *original.replace(upstream.origin(), self.origin()).as_bytes(),
                _ => *text == *original.as_bytes(),
            };
            ensure!(is_right, "{path} does not come through as it should");
        }
        Ok(())
    }
}
