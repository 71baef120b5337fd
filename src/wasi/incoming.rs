//! Serving a request to this component.

use std::time::Duration;

use http::{Request, Response, Uri};
use wasip2::http::types as wasi;
use wasip2::http::types::{ErrorCode, Fields, OutgoingResponse, ResponseOutparam};

use super::stream::{Sink, WasiBody};
use super::{headers, method};
use crate::host::Body;

/// How long a caller may neither send nor take anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request as the gateway sees it. Nothing, when it is none.
pub(crate) fn request(incoming: wasi::IncomingRequest) -> Option<Request<WasiBody>> {
    let scheme = match incoming.scheme() {
        Some(wasi::Scheme::Https) => "https",
        _ => "http",
    };
    let headers = headers(&incoming.headers())?;
    let host = headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok().map(str::to_owned));
    let authority = incoming.authority().or(host)?;
    let path = incoming.path_with_query().unwrap_or_else(|| "/".to_owned());
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path)
        .build()
        .ok()?;
    let method = method::incoming(&incoming.method())?;
    let mut request = Request::new(WasiBody::of_request(incoming, PATIENCE)?);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Some(request)
}

/// Answers, and sends the body as it comes. One that breaks off is not finished, so that the caller sees that it is broken.
pub(crate) async fn answer<B: Body>(response: Response<B>, out: ResponseOutparam) {
    let (head, mut body) = response.into_parts();
    let fields = Fields::new();
    for (name, value) in &head.headers {
        // A host that keeps a header to itself sees to it.
        let _ = fields.append(name.as_str(), value.as_bytes());
    }
    let outgoing = OutgoingResponse::new(fields);
    let Ok(to_caller) = outgoing
        .set_status_code(head.status.as_u16())
        .and_then(|()| outgoing.body())
    else {
        return ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
    };
    // First the head: hosts hold little of a body back before it.
    ResponseOutparam::set(out, Ok(outgoing));
    let mut sink = Sink::new(to_caller);
    loop {
        match body.chunk().await {
            Ok(Some(chunk)) => {
                if sink.write(&chunk, PATIENCE).await.is_err() {
                    return;
                }
            }
            Ok(None) => {
                let _ = sink.finish(PATIENCE).await;
                return;
            }
            Err(_) => return,
        }
    }
}
