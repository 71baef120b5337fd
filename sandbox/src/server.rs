//! The server: one thread, one listener, both services.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use http::header::{DATE, HOST};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::clock::{self, Clock};
use crate::dataverse::Dataverse;
use crate::entra::Entra;
use crate::fault::{self, Faults};
use crate::request::Received;
use crate::response::{Answer, ResponseBody, answer, append, lock};
use crate::tokens::Tokens;
use crate::{Config, Fault, FaultKind, RecordedRequest, Service};

/// A server that runs for days, or under a benchmark, must not keep everything.
const RECORDED: usize = 10_000;

/// A running sandbox. Dropping it stops it.
pub struct Sandbox {
    state: Arc<State>,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts on a thread of its own, so that callers need no runtime.
    pub fn start(config: Config) -> anyhow::Result<Sandbox> {
        let listener = std::net::TcpListener::bind(config.listen)
            .with_context(|| format!("the sandbox cannot listen on {}", config.listen))?;
        listener.set_nonblocking(true)?;
        let state = Arc::new(State::new(&config, listener.local_addr()?)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shared = state.clone();
        let thread = std::thread::Builder::new().name("sandbox".into()).spawn(move || {
            // Leaving the runtime drops the connections that are still open.
            if let Err(error) = runtime.block_on(serve(listener, shared, stopped)) {
                eprintln!("sandbox: {error}");
            }
        })?;
        Ok(Sandbox {
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`: both the authority host and the environment URL.
    pub fn origin(&self) -> String {
        self.state.origin.clone()
    }

    /// Every request received so far, in order; of very many only the last 10,000.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.state.requests).iter().cloned().collect()
    }

    /// Forgets the requests received so far.
    pub fn clear_requests(&self) {
        lock(&self.state.requests).clear();
    }

    /// Queues a fault; of several that fit a request the oldest happens.
    pub fn misbehave(&self, fault: Fault) {
        self.state.faults.push(fault);
    }

    /// Forgets the faults that have not happened.
    pub fn behave(&self) {
        self.state.faults.clear();
    }

    /// Sets the clock forward, or back, by so many seconds more.
    pub fn shift_clock(&self, seconds: i64) {
        self.state.clock.shift(seconds);
    }

    /// Every token issued so far is answered with 401 from now on.
    pub fn revoke_tokens(&self) {
        self.state.tokens.revoke_all();
    }

    /// How long the tokens issued from now on are good for.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.state.tokens.set_lifetime(lifetime);
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) struct State {
    pub(crate) origin: String,
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
    requests: Mutex<VecDeque<RecordedRequest>>,
    faults: Faults,
    entra: Entra,
    dataverse: Dataverse,
}

impl State {
    fn new(config: &Config, address: SocketAddr) -> anyhow::Result<State> {
        Ok(State {
            origin: format!("http://{address}"),
            clock: Clock::default(),
            tokens: Tokens::new(config.token_lifetime),
            requests: Mutex::default(),
            faults: Faults::default(),
            entra: Entra::new(config)?,
            dataverse: Dataverse::new(config),
        })
    }
}

async fn serve(
    listener: std::net::TcpListener,
    state: Arc<State>,
    mut stopped: oneshot::Receiver<Infallible>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        tokio::select! {
            _ = &mut stopped => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(converse(stream, state.clone()))),
                // Out of file handles, or the peer left: the next one may do better.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(state.clone(), request));
    // An error here is a client that left or a fault that was asked for.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An error closes the connection without an answer.
async fn respond(state: Arc<State>, request: Request<Incoming>) -> Result<Response<ResponseBody>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Received::new(parts, body);
    state.record(&request);

    let service = service(&request.path);
    let fault = service.and_then(|service| state.faults.take(service, &request));
    let mut cut = None;
    let mut answer = match (service, fault) {
        (Some(service), Some(FaultKind::Throttle { code, retry_after_secs })) => {
            state.throttled(service, &code, retry_after_secs)
        }
        (
            _,
            Some(FaultKind::Status {
                status,
                body,
                content_type,
                headers,
            }),
        ) => fault::status(status, body, &content_type, &headers),
        (service, fault) => {
            match fault {
                Some(FaultKind::CutBody { after }) => cut = Some(after),
                Some(FaultKind::Delay(duration)) => tokio::time::sleep(duration).await,
                Some(FaultKind::Disconnect { carry_out }) => {
                    if carry_out {
                        state.normal(service, &request);
                    }
                    return Err(io::Error::other("disconnected, as asked"));
                }
                _ => {}
            }
            state.normal(service, &request)
        }
    };
    answer.headers_mut().remove(DATE);
    append(&mut answer, "date", &clock::http_date(state.clock.unix()));
    Ok(answer.map(|body| match cut {
        Some(after) => ResponseBody::cut(body, after),
        None => ResponseBody::whole(body),
    }))
}

fn service(path: &str) -> Option<Service> {
    if path.starts_with("/api/data/") {
        Some(Service::Dataverse)
    } else if path.ends_with("/oauth2/v2.0/token") {
        Some(Service::Entra)
    } else {
        None
    }
}

impl State {
    fn record(&self, request: &Received) {
        let mut requests = lock(&self.requests);
        if requests.len() == RECORDED {
            requests.pop_front();
        }
        requests.push_back(request.recorded());
    }

    fn normal(&self, service: Option<Service>, request: &Received) -> Answer {
        // RFC 9112, 3.2: without Host the request is bad. hyper leaves that to its user.
        if !request.headers.contains_key(HOST) {
            return answer(StatusCode::BAD_REQUEST, "text/plain", "A request needs a Host header.");
        }
        match service {
            Some(Service::Entra) => self.entra.answer(request, self),
            Some(Service::Dataverse) => self.dataverse.answer(request, self),
            None => answer(StatusCode::NOT_FOUND, "text/plain", "The sandbox has nothing here."),
        }
    }

    fn throttled(&self, service: Service, code: &str, retry_after_secs: u64) -> Answer {
        let answer = fault::throttled(service, code, retry_after_secs);
        match service {
            Service::Entra => answer,
            Service::Dataverse => self.dataverse.decorated(answer),
        }
    }
}
