//! The controls of a running sandbox, for tests.

mod credentials;
mod dataverse;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Uri;
use tokio::sync::oneshot;

use crate::certificate::ServerCertificate;
use crate::config::Config;
use crate::fault::Fault;
use crate::request::RecordedRequest;
use crate::server;
use crate::state::State;
use crate::tls;

/// A running sandbox. Dropping it stops it.
pub struct Sandbox {
    state: Arc<State>,
    address: SocketAddr,
    authority_pem: Option<String>,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts the sandbox on its own thread, so that callers need no runtime.
    pub fn start(config: Config) -> anyhow::Result<Sandbox> {
        let listener = std::net::TcpListener::bind(config.listen)
            .with_context(|| format!("the sandbox cannot listen on {}", config.listen))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let certificate = config
            .tls
            .then(|| ServerCertificate::generate(address.ip()))
            .transpose()?;
        let tls = certificate.as_ref().map(tls::acceptor).transpose()?;
        let state = Arc::new(State::new(&config, origin(&config, address)?)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shared = state.clone();
        let thread = std::thread::Builder::new().name("sandbox".into()).spawn(move || {
            // Dropping the runtime closes open connections.
            if let Err(error) = runtime.block_on(server::serve(listener, tls, shared, stopped)) {
                eprintln!("sandbox: {error}");
            }
        })?;
        Ok(Sandbox {
            state,
            address,
            authority_pem: certificate.map(|certificate| certificate.authority_pem),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Both the authority host and the environment URL: `http://127.0.0.1:PORT`, with TLS `https://127.0.0.1:PORT`, or
    /// the configured origin.
    pub fn origin(&self) -> String {
        self.state.shared.origin.clone()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// With TLS, the certificate of the authority that clients have to trust, PEM.
    pub fn authority_pem(&self) -> Option<&str> {
        self.authority_pem.as_deref()
    }

    /// The requests received so far, in order; only the last 10,000, or 64 MiB of bodies.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.recorder.all()
    }

    /// Forgets the requests received so far.
    pub fn clear_requests(&self) {
        self.state.recorder.clear();
    }

    /// Queues a fault; of several that match a request, the oldest happens.
    pub fn misbehave(&self, fault: Fault) {
        self.state.faults.push(fault);
    }

    /// Forgets the faults that have not happened.
    pub fn behave(&self) {
        self.state.faults.clear();
    }

    /// From now on, a GET whose path and query begin with `path_prefix` is answered with that many bytes,
    /// generated while they are sent: the byte at n is n modulo 256. The last matching setting counts.
    /// Below `/api/data/` the request needs a valid token, and faults apply as to any other request.
    pub fn serve_large(&self, path_prefix: &str, bytes: u64) {
        self.state.large.serve(path_prefix, bytes);
    }

    /// From now on, the body of a PUT or PATCH whose path and query begin with `path_prefix` is counted and
    /// discarded, regardless of its size, and answered with 204; nothing is written. Other bodies must be
    /// smaller than 128 MiB.
    pub fn swallow_uploads(&self, path_prefix: &str) {
        self.state.large.swallow(path_prefix);
    }

    /// The number of discarded bytes so far, including those of uploads that are in progress or were cut
    /// off.
    pub fn swallowed(&self) -> u64 {
        self.state.large.swallowed()
    }

    /// Moves the clock forward or back by this many seconds.
    pub fn shift_clock(&self, seconds: i64) {
        self.state.shared.clock.shift(seconds);
    }

    /// Revokes every token issued so far: requests with it get 401.
    pub fn revoke_tokens(&self) {
        self.state.shared.tokens.revoke_all();
    }

    /// Sets the lifetime of the tokens issued from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.state.shared.tokens.set_lifetime(lifetime);
    }

    /// Sets the `refresh_in` of the tokens issued from now on.
    pub fn set_refresh_in(&self, refresh_in: Option<Duration>) {
        self.state.shared.tokens.set_refresh_in(refresh_in);
    }
}

fn origin(config: &Config, address: SocketAddr) -> anyhow::Result<String> {
    let Some(origin) = &config.origin else {
        let scheme = if config.tls { "https" } else { "http" };
        return Ok(format!("{scheme}://{address}"));
    };
    let uri: Uri = origin.parse().with_context(|| format!("{origin} is not a URL"))?;
    let is_origin = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'))
        && uri.path() == "/"
        && uri.query().is_none();
    ensure!(is_origin, "{origin} is not an origin such as https://crm.example:8443");
    Ok(origin.trim_end_matches('/').to_ascii_lowercase())
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
