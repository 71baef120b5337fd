//! The server: one thread, one listener, both services.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use http::header::{DATE, HOST};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::clock::{self, Clock};
use crate::dataverse::{Challenge, Dataverse, Refusal};
use crate::entra::Entra;
use crate::fault::{self, Faults};
use crate::large::{Body, Generated, Large};
use crate::recorder::Recorder;
use crate::request::Received;
use crate::response::{Answer, ResponseBody, answer, append, empty};
use crate::tokens::Tokens;
use crate::{Config, Fault, FaultKind, RecordedRequest, Service};

/// A running sandbox. Dropping it stops it.
pub struct Sandbox {
    pub(crate) state: Arc<State>,
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

    /// Every request received so far, in order; of very many only the last: 10,000, or 64 MiB of bodies.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.recorder.all()
    }

    /// Forgets the requests received so far.
    pub fn clear_requests(&self) {
        self.state.recorder.clear();
    }

    /// Queues a fault; of several that fit a request the oldest happens.
    pub fn misbehave(&self, fault: Fault) {
        self.state.faults.push(fault);
    }

    /// Forgets the faults that have not happened.
    pub fn behave(&self) {
        self.state.faults.clear();
    }

    /// From now on a GET whose path and query begin with `path_prefix` is answered with that many bytes, made as they
    /// flow and held nowhere: the byte at n is n modulo 256. The last setting that fits counts. Below `/api/data/` it
    /// takes a good token, as everything does there; faults happen to it as to anything else.
    pub fn serve_large(&self, path_prefix: &str, bytes: u64) {
        self.state.large.serve(path_prefix, bytes);
    }

    /// From now on the body of a PUT or PATCH whose path and query begin with `path_prefix` is counted and thrown away,
    /// whatever its size, and answered with 204; nothing is written. Other bodies have to be smaller than 128 MiB.
    pub fn swallow_uploads(&self, path_prefix: &str) {
        self.state.large.swallow(path_prefix);
    }

    /// How many bytes were swallowed so far, those of uploads that are still under way or broke off among them.
    pub fn swallowed(&self) -> u64 {
        self.state.large.swallowed()
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

    /// The `refresh_in` of the tokens issued from now on.
    pub fn set_refresh_in(&self, refresh_in: Option<Duration>) {
        self.state.tokens.set_refresh_in(refresh_in);
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
    recorder: Recorder,
    large: Large,
    faults: Faults,
    pub(crate) entra: Entra,
    pub(crate) challenge: Challenge,
    pub(crate) dataverse: Dataverse,
}

impl State {
    fn new(config: &Config, address: SocketAddr) -> anyhow::Result<State> {
        Ok(State {
            origin: format!("http://{address}"),
            clock: Clock::default(),
            tokens: Tokens::new(config),
            recorder: Recorder::default(),
            large: Large::default(),
            faults: Faults::default(),
            entra: Entra::new(config)?,
            challenge: Challenge::new(config),
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
    let mut request = Received::new(parts);
    let mut instead = None;
    let length = match state.large.read(&request, body).await? {
        Body::Whole(body) => {
            request.body = body;
            request.body.len() as u64
        }
        Body::Swallowed(length) => {
            instead = Some(StatusCode::NO_CONTENT);
            length
        }
        Body::TooLarge(length) => {
            instead = Some(StatusCode::PAYLOAD_TOO_LARGE);
            length
        }
    };
    state.recorder.record(&request, length);

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
        (_, Some(FaultKind::EntraError(code))) => state.entra.refuse(code, &request, &state),
        (service, fault) => {
            match fault {
                Some(FaultKind::CutBody { after }) => cut = Some(after),
                Some(FaultKind::Delay(duration)) => tokio::time::sleep(duration).await,
                Some(FaultKind::Disconnect { carry_out }) => {
                    if carry_out {
                        state.normal(service, &request, instead);
                    }
                    return Err(io::Error::other("disconnected, as asked"));
                }
                _ => {}
            }
            state.normal(service, &request, instead)
        }
    };
    answer.headers_mut().remove(DATE);
    append(&mut answer, "date", &clock::http_date(state.clock.unix()));
    let generated = answer.extensions_mut().remove::<Generated>();
    let answer = answer.map(|body| match generated {
        Some(Generated(length)) => ResponseBody::generated(length),
        None => ResponseBody::whole(body),
    });
    Ok(match cut {
        Some(after) => answer.map(|body| body.cut(after)),
        None => answer,
    })
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
    /// `instead`: the status of a request whose body is not there to be looked at.
    fn normal(&self, service: Option<Service>, request: &Received, instead: Option<StatusCode>) -> Answer {
        // RFC 9112, 3.2: without Host the request is bad. hyper leaves that to its user.
        if !request.headers.contains_key(HOST) {
            return answer(StatusCode::BAD_REQUEST, "text/plain", "A request needs a Host header.");
        }
        let large = match instead {
            // facts: dataverse 1.8 has the status. Guess: the empty code and the text.
            Some(StatusCode::PAYLOAD_TOO_LARGE) => {
                let message = "The request is too large.";
                Some(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "", message).into_answer())
            }
            Some(status) => Some(empty(status)),
            None => self.large.answer(request),
        };
        if let Some(answer) = large {
            return match service {
                Some(Service::Dataverse) => match self.dataverse.refuse_stranger(request, self) {
                    Some(refused) => refused,
                    None => self.dataverse.decorated(answer),
                },
                _ => answer,
            };
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
