//! 1 GiB: how fast it flows, and how much memory the component takes for it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use embedded_host::Component;
use http::Method;
use sandbox::certificate::Identity;

use super::load;
use super::proxy::{self, Reach};
use super::served::connect;
use super::targets::{self, Credential, Life};
use super::upstream::{Content, Flow, ROOT, Upstream};

/// What 1 GiB took one way.
pub struct Bulk {
    pub name: String,
    /// Without any proxy.
    pub direct: Duration,
    pub native: Duration,
    pub gateway: Duration,
    /// The most linear memory that the component had, in bytes.
    pub peak_memory: usize,
}

/// Measures all ways. Each gets a gateway of its own, since that remembers its highest peak.
pub fn measure(component: &Component, upstream: &Upstream, identity: &Identity) -> Result<Vec<Bulk>> {
    let native = proxy::start(upstream.origin(), Reach::Pooled)?;
    let mut ways: Vec<_> = Content::LARGE
        .iter()
        .map(|content| (content.name, Method::GET))
        .collect();
    ways.push(("bytes_1GiB", Method::PUT));
    let mut all = Vec::new();
    for (name, method) in ways {
        let gateway = targets::gateway(component, upstream, identity, Life::OneRequest, Credential::Certificate)?;
        all.push(Bulk {
            name: format!("{name} {}", if method == Method::GET { "down" } else { "up" }),
            direct: flow(upstream.origin(), &method, name)?,
            native: flow(native.origin(), &method, name)?,
            gateway: flow(&gateway.origin, &method, name)?,
            peak_memory: gateway.server.peak_memory(),
        });
    }
    Ok(all)
}

fn flow(origin: &str, method: &Method, name: &str) -> Result<Duration> {
    let path = format!("{ROOT}{name}");
    load::runtime()?.block_on(async {
        let mut sender = connect(origin).await?;
        let start = Instant::now();
        if *method == Method::GET {
            let length = load::get(&mut sender, origin, &path).await?;
            ensure!(length > (1 << 30) - (1 << 20), "{path} is only {length} bytes long");
        } else {
            drop(load::ask(&mut sender, origin, method.clone(), &path, Flow::upload()).await?);
        }
        Ok(start.elapsed())
    })
}
