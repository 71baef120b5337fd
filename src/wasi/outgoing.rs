//! Sends requests.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderMap, Request, Response, StatusCode, header, request};
use wasip2::http::outgoing_handler;
use wasip2::http::types as wasi;
use wasip2::http::types::ErrorCode;
use wstd::io::AsyncPollable;

use super::failure::{failure, no_answer};
use super::stream::{Sink, WasiBody};
use super::wait::Wait;
use super::{headers, method};
use crate::host::{Body, Cause, Failure, Timeouts};

/// See [`crate::host::Host::send`].
pub(super) async fn send<B: Body>(
    request: Request<Option<B>>,
    timeouts: &Timeouts,
) -> Result<Response<WasiBody>, Failure> {
    let (head, source) = request.into_parts();
    let (outgoing, body) = outgoing(&head, source.is_some())?;
    let options = options(timeouts, source.is_some() && may_be_long(&head.headers));
    let future = outgoing_handler::handle(outgoing, Some(options)).map_err(|code| Failure {
        // Refused before anything was sent.
        sent: false,
        ..failure(code)
    })?;
    // Kept until the response has been read: dropping an unfinished upload closes the connection, which cuts off
    // the response.
    let mut upload = body.map(Sink::new);
    if let (Some(mut source), Some(upload)) = (source, &mut upload) {
        let ready = AsyncPollable::new(future.subscribe());
        let mut answered = pin!(ready.wait_for());
        let mut written = pin!(write(&mut source, upload, Wait::Upload(timeouts.first_byte)));
        poll_fn(|cx| match answered.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => written.as_mut().poll(cx),
        })
        .await?;
    }
    let wait = Wait::Answer {
        connect: timeouts.connect,
        first_byte: timeouts.first_byte,
    };
    wait.until(AsyncPollable::new(future.subscribe()).wait_for()).await?;
    let answer = match future.get() {
        Some(Ok(answer)) => answer.map_err(|code| no_answer(code, timeouts))?,
        // The future is ready, and this is its first `get`.
        Some(Err(())) | None => return Err(failure(ErrorCode::InternalError(None))),
    };
    response(answer, upload, timeouts)
}

/// Sends a body. A write error is not reported: the response, or its own error, says more, as when a service
/// rejects a body before reading all of it. A timeout, or a body that cannot be read, is reported, because then
/// no response will come.
async fn write(source: &mut impl Body, upload: &mut Sink, wait: Wait) -> Result<(), Failure> {
    while let Some(chunk) = source.chunk().await? {
        let written = upload.write(&chunk, wait).await;
        source.sent(chunk);
        match written {
            Ok(()) => {}
            Err(failure) if failure.cause == Cause::TimedOut => return Err(failure),
            Err(_) => return Ok(()),
        }
    }
    let _ = upload.finish(wait).await;
    Ok(())
}

fn outgoing(
    head: &request::Parts,
    has_body: bool,
) -> Result<(wasi::OutgoingRequest, Option<wasi::OutgoingBody>), Failure> {
    let refused = |what: &str| {
        let detail = format!("the host this component runs in does not take the {what} of a request");
        Failure::not_sent(Cause::DeniedByHost, detail)
    };
    let headers = wasi::Fields::new();
    for (name, value) in &head.headers {
        let appended = headers.append(name.as_str(), value.as_bytes());
        // Some hosts set the length themselves and refuse it here.
        if appended.is_err() && name != header::CONTENT_LENGTH {
            return Err(refused(&format!("header {name}")));
        }
    }
    let outgoing = wasi::OutgoingRequest::new(headers);
    let uri = &head.uri;
    let scheme = if uri.scheme() == Some(&Scheme::HTTP) {
        wasi::Scheme::Http
    } else {
        wasi::Scheme::Https
    };
    outgoing
        .set_method(&method::outgoing(&head.method))
        .map_err(|()| refused("method"))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
    outgoing
        .set_authority(uri.authority().map(http::uri::Authority::as_str))
        .map_err(|()| refused("host name"))?;
    outgoing
        .set_path_with_query(uri.path_and_query().map(http::uri::PathAndQuery::as_str))
        .map_err(|()| refused("path"))?;
    // Once the body is requested, hosts send one, even with a GET.
    let body = if has_body {
        Some(outgoing.body().map_err(|()| refused("body"))?)
    } else {
        None
    };
    Ok((outgoing, body))
}

/// Hosts refuse a timeout that they do not support and use their own. Two of these timeouts are longer than ours
/// (`wait.rs`), so that ours expire first: the one between bytes, because Wasmtime 48 reports its own without an
/// error code, and, for long uploads, the one to the first byte, because hosts count the upload in it.
fn options(timeouts: &Timeouts, upload_may_be_long: bool) -> wasi::RequestOptions {
    const GRACE: Duration = Duration::from_secs(2);
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let options = wasi::RequestOptions::new();
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).ok();
    let first_byte = if upload_may_be_long { A_DAY } else { timeouts.first_byte };
    let _ = options.set_connect_timeout(nanoseconds(timeouts.connect));
    let _ = options.set_first_byte_timeout(nanoseconds(first_byte));
    let _ = options.set_between_bytes_timeout(nanoseconds(timeouts.between_bytes.saturating_add(GRACE)));
    options
}

/// Whether a body has an unknown length, or is too long to be sent immediately.
fn may_be_long(headers: &HeaderMap) -> bool {
    const SHORT: u64 = 64 << 10;
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_none_or(|length| length > SHORT)
}

fn response(
    answer: wasi::IncomingResponse,
    upload: Option<Sink>,
    timeouts: &Timeouts,
) -> Result<Response<WasiBody>, Failure> {
    let status = answer.status();
    let unusable = |what: &str| Failure {
        status: Some(status),
        ..Failure::new(Cause::UnusableAnswer, format!("the answer has {what}"))
    };
    let headers = headers(&answer.headers()).ok_or_else(|| unusable("a header that is not valid"))?;
    let status = StatusCode::from_u16(status).map_err(|_| unusable("a status that is not valid"))?;
    let body =
        WasiBody::of_response(answer, upload, Wait::More(timeouts.between_bytes)).ok_or_else(|| unusable("no body"))?;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
