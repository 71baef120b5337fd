//! Sends requests.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use http::uri::Scheme;
use http::{Request, Response, StatusCode, header, request};
use wasip2::http::outgoing_handler;
use wasip2::http::types as wasi;
use wasip2::http::types::ErrorCode;
use wstd::io::AsyncPollable;

use super::failure::{failure, no_answer};
use super::stream::{Sink, WasiBody};
use super::wait::Wait;
use super::{headers, method, options};
use crate::host::{Body, Cause, Failure, Timeouts};

/// See [`crate::host::Host::send`].
pub(super) async fn send<B: Body>(
    request: Request<Option<B>>,
    timeouts: &Timeouts,
) -> Result<Response<WasiBody>, Failure> {
    let (head, source) = request.into_parts();
    let (outgoing, body) = outgoing(&head, source.is_some())?;
    let options = options::options(timeouts, source.is_some().then_some(&head.headers));
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
