//! Relays a request to the environment, and streams the response back.

use std::rc::Rc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};

use super::batch::Batch;
use super::headers::{check_coding, check_size, inward, outward};
use super::json_links::JsonLinks;
use super::links::{Origins, replace_in_query};
use super::multipart::MultipartLinks;
use super::opened::Opened;
use super::public_origin::PublicOrigin;
use super::refusal::Refusal;
use super::reply::{Reply, ReplyBody};
use super::rewrite::{Rewrite, Rewritten, Stopped};
use crate::dataverse::advice::advice;
use crate::dataverse::answer::{redirect, request_id};
use crate::dataverse::client::{Connection, Outgoing, Sent, Times};
use crate::dataverse::received::Received;
use crate::dataverse::url::refuse_dot_segments;
use crate::error::{Asked, DataverseRefusal, Reason, Service};
use crate::host::{Body, Failure, Host};
use crate::http::body::Payload;
use crate::http::boundary::boundary_of;
use crate::http::decoded::forget_bytes;
use crate::http::{length, media_type};

/// A body that may need new links is buffered up to this size, so that its new length can be sent: Microsoft
/// does not document whether Dataverse accepts a body without a length. Longer bodies are sent in chunks.
const MAX_HELD: usize = 1 << 20;

/// Headers of file uploads (Microsoft's page "Use file column data"). The contents of a file are never changed,
/// even if it is JSON.
const FILE_HEADERS: [&str; 3] = ["content-range", "x-ms-file-name", "x-ms-transfer-mode"];

/// Whether a path is `/api/data/v9.2`, or another version, or below it.
pub(super) fn is_web_api(path: &str) -> bool {
    let version = path.strip_prefix("/api/data/v").and_then(|rest| rest.split('/').next());
    version.is_some_and(|version| !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

pub(super) async fn relay<H: Host, B: Body>(
    host: &H,
    connection: &Connection,
    request: Request<B>,
    opened: &Rc<Opened>,
    public_origin: &PublicOrigin,
    id: &str,
) -> Result<Reply<H>, Refusal> {
    let (head, body) = request.into_parts();
    // TRACE echoes the request, including the token.
    if head.method == Method::TRACE || head.method == Method::CONNECT {
        return Err(Refusal::not_allowed("GET, HEAD, POST, PATCH, PUT, DELETE"));
    }
    refuse_dot_segments(head.uri.path()).map_err(|reason| Refusal::bad_request(format!("the path {reason}")))?;
    let callers = public_origin
        .seen_by(&head.uri, &head.headers)
        .map_err(Refusal::bad_request)?;
    let environment = connection.environment().to_string();
    let inwards = Origins {
        from: callers.clone(),
        to: environment.clone(),
    };
    let outwards = Origins {
        from: environment.clone(),
        to: callers,
    };

    check_coding(&head.headers)?;
    let mut headers = inward(&head.headers, opened, id).map_err(Refusal::forbidden)?;
    opened
        .check_query(head.uri.query().unwrap_or_default())
        .map_err(Refusal::forbidden)?;
    let batch = Batch::of(&head.method, &head.uri, &head.headers, opened).map_err(Refusal::bad_request)?;
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let replaced = replace_in_query(&inwards, target);
    let path = replaced.as_deref().unwrap_or(target);
    let uri: Uri = format!("{environment}{path}")
        .parse()
        .map_err(|_| Refusal::bad_request("the path cannot be relayed".to_owned()))?;
    check_size(&headers).map_err(Refusal::headers_too_large)?;
    let upload = Upload::prepare(
        body,
        &head.method,
        &head.headers,
        &inwards,
        batch.as_ref(),
        &mut headers,
    )
    .await
    .map_err(|_| refused(batch.as_ref(), false).unwrap_or_else(Refusal::broken_off))?;

    let reads = head.method == Method::GET || head.method == Method::HEAD;
    let outgoing = Outgoing {
        asked: Asked {
            service: Service::Dataverse,
            origin: environment,
            writes: !reads,
            client_request_id: id.to_owned(),
        },
        repeatable: reads,
        method: &head.method,
        uri: &uri,
        headers: &headers,
    };
    let read = async |answer: Response<Received<H::Body>>, _: &str| check_accepted(answer, host.now());
    let held;
    let payload = match upload {
        Upload::None => Payload::None,
        Upload::Held(bytes) => {
            held = bytes;
            Payload::Held(&held)
        }
        Upload::Flowing(body) => Payload::Flowing(Some(body)),
    };
    let sent = connection.send(host, &outgoing, payload, read).await;
    let Sent { value, times, .. } =
        sent.map_err(|error| refused(batch.as_ref(), true).unwrap_or_else(|| Refusal::from_error(host, error)))?;
    reply(value, &outwards, &head.method, times)
}

/// Passes on a response, unless Dataverse refused the gateway's own token: a caller with a valid key would
/// interpret that 401 as its own. Redirects are errors too, because they would make a caller sign in.
fn check_accepted<B>(answer: Response<B>, now: u64) -> Result<Response<B>, Reason> {
    let (head, body) = answer.into_parts();
    if let Some(reason) = redirect(&head, now) {
        return Err(reason);
    }
    if head.status != StatusCode::UNAUTHORIZED || media_type::is_multipart(&head.headers) {
        return Ok(Response::from_parts(head, body));
    }
    Err(Reason::Dataverse(Box::new(DataverseRefusal {
        status: StatusCode::UNAUTHORIZED.as_u16(),
        message: "Dataverse does not accept the gateway's token".to_owned(),
        advice: advice(401, "", ""),
        request_id: request_id(&head.headers),
        ..DataverseRefusal::default()
    })))
}

/// The reason why a part of a batch stopped it, if any. Once the batch is being sent, the parts before that one
/// may have taken effect.
fn refused(batch: Option<&Batch>, is_under_way: bool) -> Option<Refusal> {
    let unsure = if is_under_way {
        "; the requests before it may have taken effect"
    } else {
        ""
    };
    Some(match batch?.stopped()? {
        Stopped::Forbidden(reason) => Refusal::forbidden(format!("{reason}{unsure}")),
        Stopped::Unclear(reason) => Refusal::bad_request(format!("{reason}{unsure}")),
    })
}

/// The body of a request.
enum Upload<B> {
    None,
    /// Complete, so that it can be sent again.
    Held(Vec<u8>),
    Flowing(Flowing<B>),
}

impl<B: Body> Upload<B> {
    /// Prepares the body: chooses the change to its links, and sets the length in `headers`.
    async fn prepare(
        body: B,
        method: &Method,
        given: &HeaderMap,
        origins: &Origins,
        batch: Option<&Batch>,
        headers: &mut HeaderMap,
    ) -> Result<Self, Failure> {
        let length = length::of(given);
        // `request_body` sets the header, if a body without a length has begun.
        let is_chunked = given.contains_key(TRANSFER_ENCODING);
        if length == Some(0) || (length.is_none() && !is_chunked) {
            // These methods declare that they have no body (RFC 9110, 8.6).
            if [Method::POST, Method::PUT, Method::PATCH].contains(method) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
                return Ok(Self::Held(Vec::new()));
            }
            return Ok(Self::None);
        }
        let is_file = FILE_HEADERS.iter().any(|name| given.contains_key(*name));
        let change = match batch {
            Some(batch) => Some(batch.change(origins)),
            None if is_file => None,
            None => change_for(given, origins),
        };
        let is_changed = change.is_some();
        let mut rest = Rewritten::new(body, change);
        let mut begun = Vec::new();
        if let (Some(length), false) = (length, is_changed) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            return Ok(Self::Flowing(Flowing { begun, rest }));
        }
        while let Some(chunk) = rest.chunk().await? {
            begun.extend_from_slice(&chunk);
            if !is_changed || begun.len() > MAX_HELD {
                return Ok(Self::Flowing(Flowing { begun, rest }));
            }
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from(begun.len()));
        Ok(Self::Held(begun))
    }
}

/// A body whose beginning has already been read.
struct Flowing<B> {
    begun: Vec<u8>,
    rest: Rewritten<B>,
}

impl<B: Body> Body for Flowing<B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if self.begun.is_empty() {
            self.rest.chunk().await
        } else {
            Ok(Some(std::mem::take(&mut self.begun)))
        }
    }
}

/// The change to a body with these headers, if it may contain links.
fn change_for(headers: &HeaderMap, origins: &Origins) -> Option<Box<dyn Rewrite>> {
    if media_type::is_json(headers) {
        return Some(Box::new(JsonLinks::new(origins.clone())));
    }
    let boundary = boundary_of(headers.get(CONTENT_TYPE)?.to_str().ok()?)?;
    Some(Box::new(MultipartLinks::new(origins.clone(), &boundary)))
}

/// Converts a response for the caller.
fn reply<B: Body>(
    answer: Response<Received<B>>,
    origins: &Origins,
    method: &Method,
    times: Times,
) -> Result<Response<ReplyBody<B>>, Refusal> {
    let (mut head, body) = answer.into_parts();
    let is_file = head.headers.contains_key("x-ms-file-name");
    let change = if is_file {
        None
    } else {
        change_for(&head.headers, origins)
    };
    let timing = format!(
        "token;dur={}, upstream;dur={}",
        times.token.as_millis(),
        times.upstream.as_millis()
    );
    head.headers = outward(&head.headers, origins);
    if change.is_some() {
        forget_bytes(&mut head.headers);
    }
    if head.status == StatusCode::NO_CONTENT {
        // RFC 9110, 8.6.
        head.headers.remove(CONTENT_LENGTH);
    }
    if let Ok(timing) = HeaderValue::try_from(timing) {
        head.headers.insert("server-timing", timing);
    }
    check_size(&head.headers).map_err(Refusal::bad_gateway)?;
    // Bytes that a server sends after such a head are not a body (RFC 9112, 6.3).
    let has_body =
        *method != Method::HEAD && head.status != StatusCode::NO_CONTENT && head.status != StatusCode::NOT_MODIFIED;
    let body = if has_body {
        ReplyBody::Relayed(Rewritten::new(body, change))
    } else {
        ReplyBody::Own(None)
    };
    Ok(Response::from_parts(head, body))
}
