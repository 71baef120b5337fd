//! `Host` over WASI 0.2.
//!
//! What the order of things here owes to `wasi:http`: a body is written only after `handle`, since hosts hold little of it
//! back; a stream is dropped before the body it came from, and a body before its answer, as dropping a parent first traps;
//! and an answer that comes before the upload has ended wins over whatever then happens to the upload.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::http::outgoing_handler;
use wasip2::http::types as wasi;
use wasip2::http::types::ErrorCode;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::random::random;
use wstd::io::AsyncPollable;

use crate::contract::types::OutageCause;
use crate::host::{Body, Failure, Host, Timeouts};

/// How much is read from, or written to, a stream at once, in bytes.
const CHUNK: u64 = 64 << 10;

/// How much later than this component a host may notice that a body has stalled.
const GRACE: Duration = Duration::from_secs(2);

/// The host that WASI describes. Its calls wait inside `wstd::runtime::block_on`.
pub struct WasiHost;

impl Host for WasiHost {
    type Body = WasiBody;

    async fn send(&self, request: Request<Option<&[u8]>>, timeouts: &Timeouts) -> Result<Response<WasiBody>, Failure> {
        let (outgoing, body) = outgoing(&request)?;
        let future = outgoing_handler::handle(outgoing, Some(options(timeouts))).map_err(failure)?;
        // Held until the answer has been read: letting go of an unfinished upload ends the connection, and with it the
        // answer.
        let mut upload = Upload(body);
        let incoming = {
            let limit = timeouts.connect.saturating_add(timeouts.first_byte);
            let mut answer = pin!(answer(&future, limit));
            let mut write = pin!(upload.write(request.body().unwrap_or_default()));
            let early = poll_fn(|cx| match answer.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => write.as_mut().poll(cx).map(|()| None),
            })
            .await;
            match early {
                Some(answer) => answer,
                None => answer.await,
            }
        };
        response(incoming?, upload, timeouts)
    }

    fn now(&self) -> u64 {
        wall_clock::now().seconds
    }

    fn random(&self) -> [u8; 16] {
        let (high, low) = (random::get_random_u64(), random::get_random_u64());
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }
}

fn outgoing(request: &Request<Option<&[u8]>>) -> Result<(wasi::OutgoingRequest, Option<wasi::OutgoingBody>), Failure> {
    let refused = |what: &str| Failure {
        cause: OutageCause::DeniedByHost,
        detail: format!("the host this component runs in does not take the {what} of a request"),
        status: None,
        sent: false,
    };
    let headers = wasi::Fields::new();
    for (name, value) in request.headers() {
        headers
            .append(name.as_str(), value.as_bytes())
            .map_err(|_| refused(&format!("header {name}")))?;
    }
    let outgoing = wasi::OutgoingRequest::new(headers);
    let uri = request.uri();
    let scheme = if uri.scheme() == Some(&Scheme::HTTP) {
        wasi::Scheme::Http
    } else {
        wasi::Scheme::Https
    };
    outgoing
        .set_method(&method(request.method()))
        .map_err(|()| refused("method"))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
    outgoing
        .set_authority(uri.authority().map(http::uri::Authority::as_str))
        .map_err(|()| refused("host name"))?;
    outgoing
        .set_path_with_query(uri.path_and_query().map(http::uri::PathAndQuery::as_str))
        .map_err(|()| refused("path"))?;
    // Asking for the body makes hosts send one, even on a GET.
    let body = match request.body() {
        Some(_) => Some(outgoing.body().map_err(|()| refused("body"))?),
        None => None,
    };
    Ok((outgoing, body))
}

fn method(method: &Method) -> wasi::Method {
    match *method {
        Method::GET => wasi::Method::Get,
        Method::POST => wasi::Method::Post,
        Method::PUT => wasi::Method::Put,
        Method::DELETE => wasi::Method::Delete,
        Method::PATCH => wasi::Method::Patch,
        _ => wasi::Method::Other(method.to_string()),
    }
}

/// A host may say that it has no such timeout; its own then holds. The one within a body is a little longer than ours
/// (`within`), which is to pass first: Wasmtime 48 tells of its own without an error code.
fn options(timeouts: &Timeouts) -> wasi::RequestOptions {
    let options = wasi::RequestOptions::new();
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).ok();
    let _ = options.set_connect_timeout(nanoseconds(timeouts.connect));
    let _ = options.set_first_byte_timeout(nanoseconds(timeouts.first_byte));
    let _ = options.set_between_bytes_timeout(nanoseconds(timeouts.between_bytes.saturating_add(GRACE)));
    options
}

async fn answer(future: &wasi::FutureIncomingResponse, limit: Duration) -> Result<wasi::IncomingResponse, Failure> {
    within(limit, AsyncPollable::new(future.subscribe())).await?;
    match future.get() {
        Some(Ok(answer)) => answer.map_err(failure),
        // It is ready, and is asked for once.
        Some(Err(())) | None => Err(failure(ErrorCode::InternalError(Some(
            "the host gave no answer".to_owned(),
        )))),
    }
}

/// Waits until something is ready, no longer than `limit`. The timeouts that `wasi:http` knows are not enough: a host need
/// not have them, and none covers a TLS handshake that does not end.
async fn within(limit: Duration, ready: AsyncPollable) -> Result<(), Failure> {
    let nanoseconds = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    let timer = AsyncPollable::new(monotonic_clock::subscribe_duration(nanoseconds));
    let mut ready = pin!(ready.wait_for());
    let mut over = pin!(timer.wait_for());
    poll_fn(|cx| match ready.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(Ok(())),
        Poll::Pending => over
            .as_mut()
            .poll(cx)
            .map(|()| Err(failure(ErrorCode::ConnectionReadTimeout))),
    })
    .await
}

/// The body of a request on its way out.
struct Upload(Option<wasi::OutgoingBody>);

impl Upload {
    /// Writes the whole body and finishes it. A failure is not told: the answer says what it means, or says something
    /// better, as when a service refuses a body before having read it.
    async fn write(&mut self, bytes: &[u8]) {
        let Some(body) = &self.0 else { return };
        if write_all(body, bytes).await.is_ok()
            && let Some(body) = self.0.take()
        {
            let _ = wasi::OutgoingBody::finish(body, None);
        }
    }
}

async fn write_all(body: &wasi::OutgoingBody, mut bytes: &[u8]) -> Result<(), StreamError> {
    let Ok(stream) = body.write() else {
        return Err(StreamError::Closed);
    };
    while !bytes.is_empty() {
        // More than the permit would trap.
        let permit = permit(&stream).await?.min(CHUNK);
        let length = usize::try_from(permit).unwrap_or(usize::MAX).min(bytes.len());
        let (now, later) = bytes.split_at(length);
        stream.write(now)?;
        bytes = later;
    }
    stream.flush()?;
    permit(&stream).await.map(|_| ())
}

/// Waits until the stream takes bytes, and says how many.
async fn permit(stream: &OutputStream) -> Result<u64, StreamError> {
    loop {
        match stream.check_write()? {
            0 => AsyncPollable::new(stream.subscribe()).wait_for().await,
            permit => return Ok(permit),
        }
    }
}

fn response(
    incoming: wasi::IncomingResponse,
    upload: Upload,
    timeouts: &Timeouts,
) -> Result<Response<WasiBody>, Failure> {
    let status = incoming.status();
    let broken = |what: &str| Failure {
        cause: OutageCause::UnusableAnswer,
        detail: format!("the answer has {what}"),
        status: Some(status),
        sent: true,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in incoming.headers().entries() {
        let name = HeaderName::try_from(name).map_err(|_| broken("a header name that is none"))?;
        let value = HeaderValue::try_from(value).map_err(|_| broken("a header value that is none"))?;
        headers.append(name, value);
    }
    let body = incoming.consume().map_err(|()| broken("no body"))?;
    let stream = body.stream().map_err(|()| broken("no body"))?;
    let body = WasiBody {
        stream: Some(stream),
        body: Some(body),
        _response: incoming,
        _upload: upload,
        limit: timeouts.between_bytes,
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| broken("a status that is none"))?;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The body of an answer on its way in. The fields are dropped in this order, children before their parents.
pub struct WasiBody {
    stream: Option<InputStream>,
    body: Option<wasi::IncomingBody>,
    _response: wasi::IncomingResponse,
    _upload: Upload,
    /// How long to wait for more.
    limit: Duration,
}

impl Body for WasiBody {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        while let Some(stream) = &self.stream {
            within(self.limit, AsyncPollable::new(stream.subscribe())).await?;
            match stream.read(CHUNK) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                Err(StreamError::Closed) => self.end(),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(wasi::http_error_code(&error).map_or_else(|| cut_off(&error), failure));
                }
            }
        }
        Ok(None)
    }
}

impl WasiBody {
    fn end(&mut self) {
        self.stream = None;
        if let Some(body) = self.body.take() {
            drop(wasi::IncomingBody::finish(body));
        }
    }
}

fn cut_off(error: &wasip2::io::error::Error) -> Failure {
    Failure {
        cause: OutageCause::CutOff,
        detail: format!("the connection broke: {}", error.to_debug_string()),
        status: None,
        sent: true,
    }
}

/// What an error of `wasi:http` means to a caller. Only those that can come from nowhere but before the request was sent
/// count as not sent.
fn failure(code: ErrorCode) -> Failure {
    let (cause, sent, what) = match &code {
        ErrorCode::HttpRequestDenied => (
            OutageCause::DeniedByHost,
            false,
            "the host this component runs in denies the request: allow the address (on Spin, in allowed_outbound_hosts)",
        ),
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            (OutageCause::NoConnection, false, "the host name was not found")
        }
        ErrorCode::DestinationIpProhibited => (
            OutageCause::DeniedByHost,
            false,
            "the host this component runs in prohibits the address",
        ),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable | ErrorCode::ConnectionRefused => {
            (OutageCause::NoConnection, false, "the connection was refused")
        }
        ErrorCode::ConnectionLimitReached => (
            OutageCause::NoConnection,
            false,
            "the host this component runs in allows no more connections now",
        ),
        ErrorCode::TlsCertificateError => (
            OutageCause::NoConnection,
            false,
            "the service's TLS certificate is not trusted",
        ),
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => (OutageCause::NoConnection, true, "TLS failed"),
        ErrorCode::ConnectionTimeout => (OutageCause::TimedOut, false, "no connection within connect-timeout-ms"),
        ErrorCode::ConnectionReadTimeout => (
            OutageCause::TimedOut,
            true,
            "no answer within first-byte-timeout-ms, or nothing more of it within between-bytes-timeout-ms",
        ),
        ErrorCode::ConnectionWriteTimeout | ErrorCode::HttpResponseTimeout => {
            (OutageCause::TimedOut, true, "the request took too long")
        }
        _ => (
            OutageCause::CutOff,
            true,
            "the connection broke before the answer ended",
        ),
    };
    Failure {
        cause,
        detail: format!("{what} ({code:?})"),
        status: None,
        sent,
    }
}
