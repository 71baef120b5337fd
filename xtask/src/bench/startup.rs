//! From a compiled component to an answer.

use std::time::{Duration, Instant};

use anyhow::Result;
use embedded_host::Component;
use sandbox::certificate::Identity;

use super::load::{self, percentile};
use super::served::connect;
use super::targets::{self, Credential, Hosted, Life};
use super::upstream::Upstream;

const TIMES: usize = 100;

/// Half of the answers of `/healthz` took no longer than this.
#[derive(Default)]
pub struct Startup {
    /// A new server, the linking included, a new connection and a new instance.
    pub server: Duration,
    /// A new instance, in a server that runs, on a connection that is open.
    pub instance: Duration,
    /// An instance that has answered before.
    pub reused: Duration,
}

/// Measures.
pub fn measure(component: &Component, upstream: &Upstream, identity: &Identity) -> Result<Startup> {
    let start = |life| targets::gateway(component, upstream, identity, life, Credential::Certificate);
    let mut servers = Vec::new();
    for _ in 0..TIMES / 4 {
        let begun = Instant::now();
        let gateway = start(Life::OneRequest)?;
        answers(&gateway, 1)?;
        servers.push(begun.elapsed());
    }
    let typical = |life| anyhow::Ok(percentile(&answers(&start(life)?, TIMES)?, 50));
    Ok(Startup {
        server: percentile(&servers, 50),
        instance: typical(Life::OneRequest)?,
        reused: typical(Life::ManyRequests)?,
    })
}

fn answers(gateway: &Hosted, times: usize) -> Result<Vec<Duration>> {
    load::runtime()?.block_on(async {
        let mut sender = connect(&gateway.origin).await?;
        let mut all = Vec::new();
        for _ in 0..times {
            let start = Instant::now();
            load::get(&mut sender, &gateway.origin, "/healthz").await?;
            all.push(start.elapsed());
        }
        Ok(all)
    })
}
