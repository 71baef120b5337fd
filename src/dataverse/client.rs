//! A connection to one environment as one application: it authorises and sends requests, and renews tokens.
//! The only place that sets `Authorization`.

use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};

use super::answer;
use super::batch::{Batch, PartResult};
use super::exchange::Exchange;
use super::received::{Received, receive};
use super::request::{Draft, Request};
use super::tenant::Tenants;
use super::whoami::{self, Identity};
use crate::entra::{AccessToken, Acquired, Token, Tokens};
use crate::error::{Asked, Error, Reason};
use crate::guid::new_guid;
use crate::host::{Body, Failure, Host};
use crate::http::body::{Payload, read_whole};
use crate::http::origin::Origin;
use crate::http::{content_coding, media_type, retry_after};
use crate::retry::{self, Attempt, Budget};
use crate::settings::Settings;

/// State that all connections of a component instance share.
#[derive(Default)]
pub struct Instance {
    tokens: Tokens,
    tenants: Tenants,
}

/// A connection to one environment as one application.
pub struct Connection {
    settings: Rc<Settings>,
    instance: Rc<Instance>,
    /// `None`: each call has its own budget.
    budget: Option<Budget>,
}

/// A request to the environment without its token.
pub(crate) struct Outgoing<'a> {
    /// A description of the request, for errors.
    pub asked: Asked,
    /// Whether it is idempotent.
    pub repeatable: bool,
    /// The method.
    pub method: &'a Method,
    /// A URI in the environment's origin.
    pub uri: &'a Uri,
    /// All headers but `Authorization`. One that accepts gzip is answered with gzip where nobody has to look into it.
    pub headers: &'a HeaderMap,
}

/// The result of a request.
pub(crate) struct Sent<T> {
    /// The value that was read from the answer.
    pub value: T,
    /// How often the request was sent.
    pub attempts: u32,
    /// The durations of the last attempt.
    pub times: Times,
}

/// The durations of the last attempt.
#[derive(Clone, Copy, Default)]
pub(crate) struct Times {
    /// The time to get a token.
    pub token: Duration,
    /// The time until the answer's headers.
    pub upstream: Duration,
}

impl Connection {
    /// Creates a connection without sending anything. `instance` is the shared state, so that connections
    /// with the same identity share a token.
    pub fn new(settings: Settings, instance: Rc<Instance>) -> Self {
        Self {
            settings: Rc::new(settings),
            instance,
            budget: None,
        }
    }

    /// The same connection, with one budget for all its calls, starting now.
    pub fn as_one_call(&self, host: &impl Host) -> Self {
        Self {
            settings: Rc::clone(&self.settings),
            instance: Rc::clone(&self.instance),
            budget: Some(self.budget(host)),
        }
    }

    /// A token for the environment.
    ///
    /// # Errors
    /// As `acquire-token` in `wit/dataverse.wit`.
    pub async fn acquire_token(&self, host: &impl Host) -> Result<AccessToken, Error> {
        let token = self.token(host, &self.budget(host)).await?.token;
        Ok(token.describe(&self.settings, host.now()))
    }

    /// The identity under which the environment knows the caller.
    ///
    /// # Errors
    /// As `whoami` in `wit/dataverse.wit`.
    pub async fn whoami(&self, host: &impl Host) -> Result<Identity, Error> {
        let exchange = self.request(host, Draft::get(whoami::PATH)).await?;
        Identity::read(&exchange)
    }

    /// Validates and sends a request.
    ///
    /// # Errors
    /// As `odata-request` in `wit/dataverse.wit`.
    pub async fn request(&self, host: &impl Host, draft: Draft) -> Result<Exchange, Error> {
        let request = self.check(host, draft)?;
        self.exchange(host, &request).await
    }

    /// Validates a request.
    ///
    /// # Errors
    /// `invalid-request`, with all faults.
    pub fn check(&self, host: &impl Host, draft: Draft) -> Result<Request, Error> {
        Request::new(&self.settings, draft, new_guid(host))
    }

    /// Sends a request and reads the full answer. A request whose URL is too long is sent in a batch.
    ///
    /// # Errors
    /// As `odata-request` in `wit/dataverse.wit`, except `invalid-request`.
    pub async fn exchange(&self, host: &impl Host, request: &Request) -> Result<Exchange, Error> {
        let mut sent = if request.is_long() {
            let batch = Batch::of_one(host, &self.settings, request.clone())?;
            let read = |answer, token: &str| batch.only(answer, token, host.now());
            self.send_whole(host, batch.request(), read).await?
        } else {
            let read = |answer, token: &str| answer::read(answer, token, host.now());
            self.send_whole(host, request, read).await?
        };
        sent.value.resolve(request.uri());
        let asked = request.asked(&self.settings.environment);
        Ok(Exchange::new(asked, sent.attempts, sent.value))
    }

    /// Sends a batch. Returns the result of each request, and the number of attempts.
    ///
    /// # Errors
    /// As `odata-batch` in `wit/dataverse.wit`.
    pub async fn batch(&self, host: &impl Host, batch: &Batch) -> Result<(Vec<PartResult>, u32), Error> {
        let read = |answer, token: &str| batch.results(answer, token, host.now());
        let sent = self.send_whole(host, batch.request(), read).await?;
        Ok((sent.value, sent.attempts))
    }

    /// Sends a request with a token. Retries it with a new token if the environment did not accept the
    /// first, and otherwise as `retry::run` decides. `read` converts the answer; it gets the token to
    /// remove even parts of it from any text that it quotes.
    ///
    /// # Errors
    /// As `odata-request` in `wit/dataverse.wit`, except `invalid-request`.
    pub(crate) async fn send<H: Host, B: Body, T>(
        &self,
        host: &H,
        outgoing: &Outgoing<'_>,
        mut payload: Payload<'_, B>,
        mut read: impl AsyncFnMut(Response<Received<H::Body>>, &str) -> Result<T, Reason>,
    ) -> Result<Sent<T>, Error> {
        let budget = self.budget(host);
        let mut times = Times::default();
        let mut is_renewed = false;
        let takes_gzip = content_coding::accepts_gzip(outgoing.headers);
        // Of all attempts: a late answer may repeat what an earlier one carried.
        let mut tokens: Vec<Rc<Token>> = Vec::new();
        let attempt = async || {
            let start = host.elapsed();
            let acquired = match self.token(host, &budget).await {
                Ok(acquired) => acquired,
                Err(error) => return Attempt::NotMade(error),
            };
            let authorised = host.elapsed();
            let head = authorise(outgoing, &acquired.token);
            let answer = payload.send(host, head, &self.settings.timeouts).await;
            times = Times {
                token: authorised.saturating_sub(start),
                upstream: host.elapsed().saturating_sub(authorised),
            };
            if !tokens.iter().any(|token| Rc::ptr_eq(token, &acquired.token)) {
                tokens.push(Rc::clone(&acquired.token));
            }
            let outcome = match answer {
                Ok(answer) => {
                    if refuses_token(&answer) {
                        let may_do_better = self.instance.tokens.refuse(host, &acquired, answer.headers());
                        if may_do_better && payload.is_left() && !std::mem::replace(&mut is_renewed, true) {
                            // Refused before anything was done, so that even a write may be sent again.
                            return Attempt::Mended;
                        }
                    } else {
                        self.instance.tokens.accept(&acquired);
                    }
                    let texts: Vec<_> = tokens.iter().map(|token| token.reveal()).collect();
                    match receive(answer, takes_gzip, &texts, host.now()) {
                        Ok(answer) => read(answer, acquired.token.reveal()).await,
                        Err(reason) => Err(reason),
                    }
                }
                Err(failure) => Err(Reason::NoAnswer(failure)),
            };
            match outcome {
                Ok(value) => Attempt::Done(value),
                Err(reason) if payload.is_left() => Attempt::Failed(reason),
                Err(reason) => Attempt::FailedForGood(reason),
            }
        };
        let (value, attempts) = retry::run(host, &budget, &outgoing.asked, outgoing.repeatable, attempt).await?;
        Ok(Sent { value, attempts, times })
    }

    /// The origin that the token is sent to.
    pub fn environment(&self) -> &Origin {
        &self.settings.environment
    }

    /// The settings of the connection.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The maximum length of a request body, in bytes.
    pub fn max_request_bytes(&self) -> u32 {
        self.settings.max_request_bytes
    }

    /// The maximum length of an answer body, in bytes.
    pub fn max_answer_bytes(&self) -> u32 {
        self.settings.max_answer_bytes
    }

    /// The retry budget of one call that starts now.
    fn budget(&self, host: &impl Host) -> Budget {
        self.budget
            .unwrap_or_else(|| Budget::start(host, self.settings.retry_budget))
    }

    async fn token(&self, host: &impl Host, budget: &Budget) -> Result<Acquired, Error> {
        let tenant = self.instance.tenants.of(host, &self.settings, budget).await?;
        self.instance
            .tokens
            .acquire(host, &self.settings, &tenant, budget)
            .await
    }

    async fn send_whole<T>(
        &self,
        host: &impl Host,
        request: &Request,
        read: impl Fn(Response<Vec<u8>>, &str) -> Result<T, Reason>,
    ) -> Result<Sent<T>, Error> {
        let outgoing = Outgoing {
            asked: request.asked(&self.settings.environment),
            repeatable: request.is_repeatable(),
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
        };
        let payload: Payload<'_, &[u8]> = request.body().map_or(Payload::None, Payload::Held);
        let max_bytes = self.settings.max_answer_bytes;
        self.send(host, &outgoing, payload, async |answer, token| {
            read(whole(answer, max_bytes, host.now()).await?, token)
        })
        .await
    }
}

/// Whether the answer refuses the token. A 401 in the answer to a batch concerns one of its parts.
fn refuses_token<B>(answer: &Response<B>) -> bool {
    answer.status() == StatusCode::UNAUTHORIZED && !media_type::is_multipart(answer.headers())
}

/// Adds the token to a request.
fn authorise(outgoing: &Outgoing<'_>, token: &Token) -> http::Request<()> {
    let mut request = http::Request::new(());
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = outgoing.uri.clone();
    *request.headers_mut() = outgoing.headers.clone();
    // Without this header, any coding is acceptable (RFC 9110, 12.5.3).
    let headers = request.headers_mut();
    headers
        .entry(header::ACCEPT_ENCODING)
        .or_insert(content_coding::IDENTITY);
    // `entra/answer.rs` accepts only tokens of visible ASCII, so this is a valid header value.
    if let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", token.reveal())) {
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
    }
    request
}

/// Reads the body of an answer.
async fn whole(answer: Response<impl Body>, max_bytes: u32, now: u64) -> Result<Response<Vec<u8>>, Reason> {
    let (head, mut body) = answer.into_parts();
    let (status, headers) = (head.status, &head.headers);
    let is_refused = status.is_client_error() || status.is_server_error();
    match read_whole(&mut body, status, headers, max_bytes).await {
        Ok(body) => Ok(Response::from_parts(head, body)),
        // Status and headers are enough: they say that the request was refused and when to retry.
        Err(_) if is_refused && !media_type::is_multipart(headers) => Ok(Response::from_parts(head, Vec::new())),
        Err(failure) => Err(Reason::NoAnswer(Failure {
            status: Some(status.as_u16()),
            // An answer arrived, so the request was sent.
            sent: true,
            retry_after_seconds: retry_after::seconds(headers, now),
            request_id: answer::request_id(headers),
            ..failure
        })),
    }
}

#[cfg(test)]
mod tests;
