//! 1 GiB: how fast it flows, and how much memory the component takes for it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use embedded_host::Component;
use http::Method;
use sandbox::certificate::Identity;

use super::faces::Face;
use super::load;
use super::proxy::{self, Reach};
use super::served::connect;
use super::targets::{self, Credential, Life};
use super::upstream::{Content, Flow, ROOT, Upstream};

/// All ways are measured so often, one after the other, and the best of each counts: what else the machine does only slows.
const ROUNDS: usize = 3;

/// What 1 GiB took one way.
pub struct Bulk {
    pub content: &'static str,
    pub method: Method,
    /// Without any proxy.
    pub direct: Duration,
    pub native: Duration,
    /// Through the component that only relays, which takes no uploads.
    pub floor: Option<Duration>,
    /// Through each face.
    pub gateways: Vec<Through>,
}

/// What it took through a gateway.
pub struct Through {
    pub time: Duration,
    /// The most linear memory that the component had, in bytes.
    pub peak_memory: usize,
}

impl Bulk {
    pub fn name(&self) -> String {
        format!(
            "{} {}",
            self.content,
            if self.method == Method::GET { "down" } else { "up" }
        )
    }
}

/// Measures all ways.
pub fn measure(faces: &[Face], floor: &Component, upstream: &Upstream, identity: &Identity) -> Result<Vec<Bulk>> {
    let native = proxy::start(upstream.origin(), Reach::Pooled)?;
    let relay = targets::hosted(floor, Life::OneRequest, &[("DATAVERSE_URL", upstream.origin())])?;
    let [json, bytes] = Content::LARGE.map(|content| content.name);
    let mut all = Vec::new();
    for (content, method) in [(json, Method::GET), (bytes, Method::GET), (bytes, Method::PUT)] {
        // A gateway remembers its highest peak, so each way has its own.
        let gateway = |face: &Face| {
            let (life, credential) = (Life::OneRequest, Credential::Certificate);
            targets::gateway(&face.component, upstream, identity, life, credential)
        };
        let gateways = faces.iter().map(gateway).collect::<Result<Vec<_>>>()?;
        let bulk = Bulk {
            content,
            direct: Duration::MAX,
            native: Duration::MAX,
            floor: (method == Method::GET).then_some(Duration::MAX),
            gateways: Vec::new(),
            method,
        };
        all.push((bulk, gateways));
    }
    for _ in 0..ROUNDS {
        for (bulk, gateways) in &mut all {
            let time = |origin: &str| flow(origin, &bulk.method, bulk.content);
            bulk.direct = bulk.direct.min(time(upstream.origin())?);
            bulk.native = bulk.native.min(time(native.origin())?);
            if let Some(floor) = bulk.floor {
                bulk.floor = Some(floor.min(time(&relay.origin)?));
            }
            let before = std::mem::take(&mut bulk.gateways);
            for (index, gateway) in gateways.iter().enumerate() {
                let time = flow(&gateway.origin, &bulk.method, bulk.content)?;
                bulk.gateways.push(Through {
                    time: before.get(index).map_or(time, |before| before.time.min(time)),
                    peak_memory: gateway.server.peak_memory(),
                });
            }
        }
    }
    Ok(all.into_iter().map(|(bulk, _)| bulk).collect())
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
