//! Sending a request.

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

/// As [`crate::host::Host::send`].
pub(super) async fn send<B: Body>(
    request: Request<Option<B>>,
    timeouts: &Timeouts,
) -> Result<Response<WasiBody>, Failure> {
    let (head, source) = request.into_parts();
    let (outgoing, body) = outgoing(&head, source.is_some())?;
    let options = options(timeouts, source.is_some() && may_be_long(&head.headers));
    let future = outgoing_handler::handle(outgoing, Some(options)).map_err(|code| Failure {
        // Refused at the door.
        sent: false,
        ..failure(code)
    })?;
    // Held until the answer has been read: letting go of an unfinished upload ends the connection, and with it the answer.
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
        // It is ready, and is asked for once.
        Some(Err(())) | None => return Err(failure(ErrorCode::InternalError(None))),
    };
    response(answer, upload, timeouts)
}

/// Sends a body. That it cannot be written is not told: the answer then says what that means, or says something better, as
/// when a service refuses a body before having read it. That it stalls, or cannot be read, is, since then no answer will
/// come.
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
        // Some hosts keep the length to themselves, and see to it.
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
    // Asking for the body makes hosts send one, even on a GET.
    let body = if has_body {
        Some(outgoing.body().map_err(|()| refused("body"))?)
    } else {
        None
    };
    Ok((outgoing, body))
}

/// A host may say that it has no such timeout; its own then holds. Two of them are longer than ours (`wait.rs`), which are to
/// pass first: the one within a body, as Wasmtime 48 tells of its own without an error code; and the one to the first byte
/// where an upload may take its time, as hosts count that in.
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

/// Whether a body is of unknown length, or too long to be gone at once.
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
