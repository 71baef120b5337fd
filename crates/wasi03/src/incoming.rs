//! Serving a request to this component.

use std::time::Duration;

use dynamics365::face::{Body, note};
use http::{Request, StatusCode, Uri, response};
use wasip3::http::types as wasi;
use wasip3::http::types::{ErrorCode, Fields};

use crate::host::{WasiHost, headers};
use crate::method;
use crate::stream::{Incoming, Outgoing, no_body};
use crate::wait::Wait;

/// How long a caller may neither send nor take anything.
const PATIENCE: Wait = Wait::Caller(Duration::from_secs(60));

/// A request as the gateway sees it; `None` when its line or headers are not valid. Hosts need not say where it came in.
pub(crate) fn request(incoming: wasi::Request) -> Option<Request<Incoming>> {
    let headers = headers(&incoming.get_headers())?;
    let path = incoming.get_path_with_query().unwrap_or_else(|| "/".to_owned());
    let mut uri = Uri::builder().path_and_query(path);
    if let Some(authority) = incoming.get_authority() {
        let scheme = match incoming.get_scheme() {
            Some(wasi::Scheme::Https) => "https",
            _ => "http",
        };
        uri = uri.scheme(scheme).authority(authority);
    }
    let uri = uri.build().ok()?;
    let method = method::incoming(&incoming.get_method())?;
    let mut request = Request::new(Incoming::of_request(incoming, PATIENCE));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Some(request)
}

/// The head of an answer. Its body is sent after that, as it comes; one that breaks off is not finished, so that the caller sees
/// that it is broken.
pub(crate) fn response(
    reply: http::Response<impl Body + 'static>,
    asked: &wasi::Method,
) -> Result<wasi::Response, ErrorCode> {
    let (head, body) = reply.into_parts();
    if has_no_body(asked, head.status) {
        let (response, _) = wasi::Response::new(fields(&head), None, no_body());
        return with_status(response, &head);
    }
    let (outgoing, contents, end) = Outgoing::new();
    let (response, transmission) = wasi::Response::new(fields(&head), Some(contents), end);
    let response = with_status(response, &head)?;
    crate::spawn_local(async move {
        send(body, outgoing).await;
        drop(transmission);
    });
    Ok(response)
}

/// Whether an answer has no body, whatever length it tells (RFC 9110, 6.4.1).
fn has_no_body(asked: &wasi::Method, status: StatusCode) -> bool {
    matches!(asked, wasi::Method::Head) || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

async fn send(mut body: impl Body, mut outgoing: Outgoing) {
    loop {
        match body.chunk().await {
            Ok(Some(chunk)) => {
                let (_, written) = outgoing.write(chunk, PATIENCE).await;
                if written.is_err() {
                    return;
                }
            }
            Ok(None) => return outgoing.finish(),
            Err(failure) => return note(&WasiHost, format_args!("an answer broke off: {}", failure.detail)),
        }
    }
}

fn with_status(response: wasi::Response, head: &response::Parts) -> Result<wasi::Response, ErrorCode> {
    response
        .set_status_code(head.status.as_u16())
        .map_err(|()| ErrorCode::InternalError(None))?;
    Ok(response)
}

fn fields(head: &response::Parts) -> Fields {
    let fields = Fields::new();
    for (name, value) in &head.headers {
        // A host that keeps a header to itself sees to it.
        let _ = fields.append(name.as_str(), value.as_bytes());
    }
    fields
}
