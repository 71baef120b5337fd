//! Sends requests.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use dynamics365::face::{Body, Cause, Failure, Timeouts};
use http::uri::Scheme;
use http::{Request, Response, StatusCode, header, request};
use wasip3::http::client;
use wasip3::http::types as wasi;

use crate::failure::no_answer;
use crate::host::headers;
use crate::stream::{Incoming, Outgoing, Transmission, no_body};
use crate::wait::Wait;
use crate::{method, options};

/// See [`dynamics365::face::Host::send`].
pub(crate) async fn send<B: Body>(
    request: Request<Option<B>>,
    timeouts: &Timeouts,
) -> Result<Response<Incoming>, Failure> {
    let (head, source) = request.into_parts();
    let options = options::options(timeouts, source.is_some().then_some(&head.headers));
    let (outgoing, transmission, mut upload) = outgoing(&head, source.is_some(), options)?;
    let mut answered = pin!(client::send(outgoing));
    let mut answer = None;
    if let Some(mut source) = source {
        let mut written = pin!(write(&mut source, &mut upload, Wait::Upload(timeouts.first_byte)));
        answer = poll_fn(|cx| match answered.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Ok(Some(answer))),
            Poll::Pending => written.as_mut().poll(cx).map_ok(|()| None),
        })
        .await?;
    }
    let wait = Wait::Answer {
        connect: timeouts.connect,
        first_byte: timeouts.first_byte,
    };
    let answer = match answer {
        Some(answer) => answer,
        None => wait.until(answered).await?,
    };
    let answer = answer.map_err(|code| no_answer(code, timeouts))?;
    response(answer, transmission, upload, timeouts)
}

/// Sends a body. A write error is not reported: the response, or its own error, says more, as when a service
/// rejects a body before reading all of it. A timeout, or a body that cannot be read, is reported, because then
/// no response will come.
async fn write(source: &mut impl Body, upload: &mut Option<Outgoing>, wait: Wait) -> Result<(), Failure> {
    while let (Some(chunk), Some(upload)) = (source.chunk().await?, upload.as_mut()) {
        let (chunk, written) = upload.write(chunk, wait).await;
        source.sent(chunk);
        match written {
            Ok(()) => {}
            Err(failure) if failure.cause == Cause::TimedOut => return Err(failure),
            Err(_) => return Ok(()),
        }
    }
    if let Some(upload) = upload.take() {
        upload.finish();
    }
    Ok(())
}

/// Builds a request. Also returns the result of its transmission and the writer for its body.
fn outgoing(
    head: &request::Parts,
    has_body: bool,
    options: wasi::RequestOptions,
) -> Result<(wasi::Request, Transmission, Option<Outgoing>), Failure> {
    let refused = |what: &str| {
        let detail = format!("the host this component runs in does not take the {what} of a request");
        Failure::not_sent(Cause::DeniedByHost, detail)
    };
    let fields = wasi::Fields::new();
    for (name, value) in &head.headers {
        let appended = fields.append(name.as_str(), value.as_bytes());
        // Some hosts set the length themselves and refuse it here.
        if appended.is_err() && name != header::CONTENT_LENGTH {
            return Err(refused(&format!("header {name}")));
        }
    }
    // Given a stream, hosts send a body even with a GET.
    let (upload, contents, end) = if has_body {
        let (upload, contents, end) = Outgoing::new();
        (Some(upload), Some(contents), end)
    } else {
        (None, None, no_body())
    };
    let (outgoing, transmission) = wasi::Request::new(fields, contents, end, Some(options));
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
    Ok((outgoing, transmission, upload))
}

fn response(
    answer: wasi::Response,
    transmission: Transmission,
    upload: Option<Outgoing>,
    timeouts: &Timeouts,
) -> Result<Response<Incoming>, Failure> {
    let status = answer.get_status_code();
    let unusable = |what: &str| Failure {
        status: Some(status),
        ..Failure::new(Cause::UnusableAnswer, format!("the answer has {what}"))
    };
    let headers = headers(&answer.get_headers()).ok_or_else(|| unusable("a header that is not valid"))?;
    let status = StatusCode::from_u16(status).map_err(|_| unusable("a status that is not valid"))?;
    let body = Incoming::of_response(answer, transmission, upload, Wait::More(timeouts.between_bytes));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
