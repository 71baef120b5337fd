//! The limit: a native reverse proxy that only adds a constant token. It does not process bodies, and does not
//! check keys.

use std::sync::{Arc, Mutex};

use anyhow::{Result, anyhow};
use http::header::{AUTHORIZATION, CONNECTION, HOST};
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

use super::served::{Served, authority, connect};
use super::upstream::token;

/// How the proxy connects to the upstream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// With persistent connections, as a native proxy and Spin do.
    Pooled,
    /// With a new connection for each request, as Wasmtime's `wasi:http` does.
    New,
}

/// Starts the proxy.
pub fn start(upstream: &str, reach: Reach) -> Result<Served> {
    let proxy = Arc::new(Proxy {
        host: HeaderValue::try_from(authority(upstream))?,
        authorization: HeaderValue::try_from(format!("Bearer {}", token()))?,
        upstream: upstream.to_owned(),
        reach,
        idle: Mutex::default(),
    });
    Served::start(move |request| Arc::clone(&proxy).relay(request))
}

struct Proxy {
    upstream: String,
    host: HeaderValue,
    authorization: HeaderValue,
    reach: Reach,
    /// Connections, some of which may still be transferring a body.
    idle: Mutex<Vec<SendRequest<Incoming>>>,
}

impl Proxy {
    async fn relay(self: Arc<Self>, mut request: Request<Incoming>) -> Result<Response<Incoming>> {
        let headers = request.headers_mut();
        headers.remove(CONNECTION);
        headers.remove("x-api-key");
        headers.insert(HOST, self.host.clone());
        headers.insert(AUTHORIZATION, self.authorization.clone());
        let mut sender = match self.idle()? {
            Some(sender) => sender,
            None => connect(&self.upstream).await?,
        };
        let answer = sender.send_request(request).await?;
        if self.reach == Reach::Pooled {
            self.pool()?.push(sender);
        }
        Ok(answer)
    }

    /// A free connection, if there is one.
    fn idle(&self) -> Result<Option<SendRequest<Incoming>>> {
        let mut pool = self.pool()?;
        pool.retain(|sender| !sender.is_closed());
        let free = pool.iter().position(SendRequest::is_ready);
        Ok(free.map(|free| pool.swap_remove(free)))
    }

    fn pool(&self) -> Result<std::sync::MutexGuard<'_, Vec<SendRequest<Incoming>>>> {
        self.idle.lock().map_err(|_| anyhow!("the pool is poisoned"))
    }
}
