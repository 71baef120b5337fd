//! Relaying a request to the environment, and its answer back, as they flow.

use std::rc::Rc;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};

use super::batch::Batch;
use super::headers::{check_size, inward, outward};
use super::links::{JsonLinks, Origins, replace_in_query};
use super::multipart::MultipartLinks;
use super::opened::Opened;
use super::public_origin::public_origin;
use super::reply::{Refusal, Reply, ReplyBody};
use super::rewrite::{Rewrite, Rewritten, Stopped};
use crate::attempts::counted;
use crate::contract::types::{DataverseError, Error, Service};
use crate::dataverse::advice::advice;
use crate::dataverse::answer::is_multipart;
use crate::dataverse::batch::boundary::boundary_of;
use crate::dataverse::client::{Connection, authorise};
use crate::dataverse::url::refuse_dot_segments;
use crate::entra::Token;
use crate::error::Asked;
use crate::host::{Body, Failure, Host};

/// A body that may need new links is held back up to this many bytes, so that its new length can be told: whether Dataverse
/// takes a body without one is not documented. A longer one is sent in chunks.
const MAX_HELD: usize = 1 << 20;

/// What uploads of files carry (Microsoft's page "Use file column data"). A file is its owner's, even one that is JSON.
const FILE_HEADERS: [&str; 3] = ["content-range", "x-ms-file-name", "x-ms-transfer-mode"];

/// Whether a path is `/api/data/v9.2` or below it, or another version's.
pub fn is_web_api(path: &str) -> bool {
    let version = path.strip_prefix("/api/data/v").and_then(|rest| rest.split('/').next());
    version.is_some_and(|version| !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// Relays a request.
pub async fn relay<H: Host, B: Body>(
    host: &H,
    connection: &Connection,
    request: Request<B>,
    opened: &Rc<Opened>,
    id: &str,
) -> Result<Reply<H>, Refusal> {
    let (head, body) = request.into_parts();
    // TRACE answers with the request itself, the token in it.
    if head.method == Method::TRACE || head.method == Method::CONNECT {
        return Err(Refusal::not_allowed("GET, HEAD, POST, PATCH, PUT, DELETE"));
    }
    refuse_dot_segments(head.uri.path()).map_err(|reason| Refusal::bad_request(format!("the path {reason}")))?;
    let callers = public_origin(&head.uri, &head.headers).map_err(Refusal::bad_request)?;
    let environment = connection.environment().to_string();
    let inwards = Origins {
        from: callers.clone(),
        to: environment.clone(),
    };
    let outwards = Origins {
        from: environment.clone(),
        to: callers,
    };

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

    let sending = Sending {
        host,
        connection,
        method: &head.method,
        uri: &uri,
        headers: &headers,
        id,
    };
    let sent = sending.send(upload).await;
    let (answer, times) = sent.map_err(|refusal| refused(batch.as_ref(), true).unwrap_or(refusal))?;
    reply(answer, &outwards, &head.method, &times)
}

/// Why a part of a batch stopped it, if one did. Once the batch is under way, what stood before that part may have been done.
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

/// The body of a request on its way in.
enum Upload<B> {
    None,
    /// All there, so that it can be sent again.
    Held(Vec<u8>),
    Flowing(Flowing<B>),
}

impl<B: Body> Upload<B> {
    /// Sees to the links in a body and to the length that `headers` tell.
    async fn prepare(
        body: B,
        method: &Method,
        given: &HeaderMap,
        origins: &Origins,
        batch: Option<&Batch>,
        headers: &mut HeaderMap,
    ) -> Result<Self, Failure> {
        let length = given
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let usually_has_one = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        let is_chunked = given.contains_key("transfer-encoding");
        if length == Some(0) || (length.is_none() && !is_chunked && !usually_has_one) {
            if usually_has_one {
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

/// A body whose beginning is here already.
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

/// What has to be done to a body with these headers, if it may hold links.
fn change_for(headers: &HeaderMap, origins: &Origins) -> Option<Box<dyn Rewrite>> {
    // Compressed, it cannot be read; nor does the gateway ask for that.
    if headers.contains_key(CONTENT_ENCODING) {
        return None;
    }
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Some(Box::new(JsonLinks::new(origins.clone())));
    }
    let boundary = boundary_of(content_type)?;
    Some(Box::new(MultipartLinks::new(origins.clone(), &boundary)))
}

/// How long what took, for `Server-Timing`.
struct Times {
    token: Duration,
    upstream: Duration,
}

struct Sending<'a, H> {
    host: &'a H,
    connection: &'a Connection,
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    id: &'a str,
}

impl<H: Host> Sending<'_, H> {
    /// Sends, and again where that cannot do a thing twice: a read whose answer has not begun, once; anything whose body is
    /// here, after a 401 to a token that was kept.
    async fn send<B: Body>(&self, upload: Upload<B>) -> Result<(Response<H::Body>, Times), Refusal> {
        let mut upload = Some(upload);
        let budget = self.connection.budget(self.host);
        let mut may_repeat = *self.method == Method::GET || *self.method == Method::HEAD;
        let mut attempts: u32 = 0;
        let mut is_renewed = false;
        loop {
            attempts = attempts.saturating_add(1);
            let start = self.host.elapsed();
            let acquired = self
                .connection
                .token(self.host, &budget)
                .await
                .map_err(Refusal::from_error)?;
            let sent = self.host.elapsed();
            let outcome = self.attempt(&acquired.token, &mut upload).await;
            let times = Times {
                token: sent.saturating_sub(start),
                upstream: self.host.elapsed().saturating_sub(sent),
            };
            let has_body_left = upload.is_some();
            match outcome {
                Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED && !is_multipart(answer.headers()) => {
                    let may_do_better = self.connection.refuse(self.host, &acquired, answer.headers());
                    if !(may_do_better && has_body_left) || std::mem::replace(&mut is_renewed, true) {
                        return Err(Refusal::from_error(refused_token(self.id, attempts)));
                    }
                }
                Ok(answer) => return Ok((answer, times)),
                Err(_) if may_repeat && has_body_left && budget.pause(self.host, 1, None).await => {
                    may_repeat = false;
                }
                Err(failure) => {
                    let writes = *self.method != Method::GET && *self.method != Method::HEAD;
                    let origin = self.connection.environment().to_string();
                    let asked = Asked {
                        service: Service::Dataverse,
                        origin: &origin,
                        writes,
                        client_request_id: self.id,
                    };
                    return Err(Refusal::from_error(counted(asked.outage(failure), attempts)));
                }
            }
        }
    }

    /// Sends once. A body that flows is gone then; any other is left.
    async fn attempt<B: Body>(
        &self,
        token: &Token,
        upload: &mut Option<Upload<B>>,
    ) -> Result<Response<H::Body>, Failure> {
        let timeouts = self.connection.timeouts();
        match upload.take() {
            Some(Upload::Flowing(flowing)) => self.host.send(self.request(token, Some(flowing)), timeouts).await,
            Some(Upload::Held(bytes)) => {
                let answer = self
                    .host
                    .send(self.request(token, Some(bytes.as_slice())), timeouts)
                    .await;
                *upload = Some(Upload::Held(bytes));
                answer
            }
            Some(Upload::None) | None => {
                *upload = Some(Upload::None);
                self.host.send(self.request(token, None::<&[u8]>), timeouts).await
            }
        }
    }

    fn request<T>(&self, token: &Token, body: Option<T>) -> Request<Option<T>> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        authorise(request.headers_mut(), token);
        request
    }
}

fn refused_token(id: &str, attempts: u32) -> Error {
    Error::Dataverse(DataverseError {
        status: 401,
        may_have_taken_effect: false,
        attempts,
        code: String::new(),
        code_number: None,
        message: "Dataverse does not accept the gateway's token".to_owned(),
        inner_message: None,
        help_link: None,
        trace_text: None,
        advice: advice(401, "", ""),
        retry_after_seconds: None,
        request_id: None,
        service_request_ids: Vec::new(),
        client_request_id: id.to_owned(),
    })
}

/// The answer as the caller gets it.
fn reply<B: Body>(
    answer: Response<B>,
    origins: &Origins,
    method: &Method,
    times: &Times,
) -> Result<Response<ReplyBody<B>>, Refusal> {
    let (mut head, body) = answer.into_parts();
    let is_file = head.headers.contains_key("x-ms-file-name");
    let change = if *method == Method::HEAD || is_file {
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
        head.headers.remove(CONTENT_LENGTH);
    }
    if let Ok(timing) = HeaderValue::try_from(timing) {
        head.headers.insert("server-timing", timing);
    }
    check_size(&head.headers).map_err(Refusal::bad_gateway)?;
    Ok(Response::from_parts(
        head,
        ReplyBody::Relayed(Rewritten::new(body, change)),
    ))
}
