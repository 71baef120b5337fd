//! Reads the answers of the Web API: their links and ids, or why the request was refused.

use http::response::Parts;
use http::{HeaderMap, Response, StatusCode, Uri, header};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::advice::advice;
use super::refusal::{ErrorBody, beginning, place};
use super::{key, resolve};
use crate::error::{DataverseRefusal, Reason, Throttled};
use crate::host::{Cause, Failure};
use crate::http::{json, media_type, retry_after, stranger};

/// A complete answer that is not an error.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, without the token.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The control information in the body.
    pub control: Control,
    entity_url: Option<String>,
}

/// The remaining service protection limits (Microsoft's page "Service protection API limits").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests until the limit.
    pub remaining_requests: Option<u32>,
    /// Seconds of execution time until the limit.
    pub remaining_seconds: Option<u32>,
    /// The recommended number of concurrent requests.
    pub recommended_parallelism: Option<u32>,
}

impl Answer {
    /// The first header with this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The version of the row.
    pub fn etag(&self) -> Option<&str> {
        self.header("etag").or(self.control.etag.as_deref())
    }

    /// The URL of the row that was written.
    pub fn entity_url(&self) -> Option<&str> {
        self.entity_url.as_deref()
    }

    /// The id of the row that was written.
    pub fn entity_id(&self) -> Option<&str> {
        key::id_in(self.entity_url()?)
    }

    /// Makes links absolute that are relative to the request's URL, or to the URL of the body's context.
    pub(crate) fn resolve(&mut self, request: &Uri) {
        if let Some(url) = &mut self.entity_url {
            resolve::against(&request.to_string(), url);
        }
        self.control.resolve(request);
    }

    /// The remaining service protection limits.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        RateLimit::read(&self.headers)
    }
}

impl RateLimit {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let number = |name| whole_number(headers.get(name)?.to_str().ok()?);
        let limit = Self {
            remaining_requests: number("x-ms-ratelimit-burst-remaining-xrm-requests"),
            remaining_seconds: number("x-ms-ratelimit-time-remaining-xrm-requests"),
            recommended_parallelism: number("x-ms-dop-hint"),
        };
        let says_something = limit.remaining_requests.is_some()
            || limit.remaining_seconds.is_some()
            || limit.recommended_parallelism.is_some();
        says_something.then_some(limit)
    }
}

/// Reads an answer, in which the token is masked (`received`). `token` is that of the request: messages quote no
/// part of it. `now` is in seconds since 1970.
///
/// # Errors
/// Why the request failed.
pub fn read(answer: Response<Vec<u8>>, token: &str, now: u64) -> Result<Answer, Reason> {
    let (head, body) = answer.into_parts();
    let status = head.status;
    if let Some(reason) = redirect(&head, now) {
        return Err(reason);
    }
    if status.is_success() || status == StatusCode::NOT_MODIFIED || media_type::is_multipart(&head.headers) {
        return match Control::read(&head, &body, token) {
            Ok(control) => Ok(Answer {
                status,
                entity_url: entity_url(&head),
                headers: head.headers,
                body,
                control,
            }),
            Err(reason) => Err(failed(&head, now, Cause::UnusableAnswer, reason)),
        };
    }
    let refusal = refused(&head, &body, token, now);
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS => Reason::Throttled(Box::new(Throttled {
            retry_after_seconds: refusal.retry_after_seconds,
            code: refusal.code,
            message: refusal.message,
            advice: refusal.advice,
            request_id: refusal.request_id,
        })),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            failed(&head, now, Cause::ServiceUnavailable, refusal.summary())
        }
        _ => Reason::Dataverse(Box::new(refusal)),
    })
}

/// The error for a redirect, or for another status that is neither a result nor an error. The token must not
/// be sent to another address. A caller who followed the redirect would sign in there, or read a sign-in page
/// as rows.
pub(crate) fn redirect(head: &Parts, now: u64) -> Option<Reason> {
    let status = head.status;
    let is_usable = status.is_success() || status.is_client_error() || status.is_server_error();
    if is_usable || status == StatusCode::NOT_MODIFIED {
        return None;
    }
    let leads_to = stranger::leads_to(&head.headers).map_or_else(String::new, |origin| format!(" to {origin}"));
    let detail = format!(
        "Dataverse answered {}, a redirect{leads_to}, which is never followed: is this the environment's own address?",
        status.as_u16()
    );
    Some(failed(head, now, Cause::UnusableAnswer, detail))
}

/// Reads an error within a batch. Every status concerns only this request. Otherwise like [`read`].
pub fn read_refusal(answer: Response<&[u8]>, token: &str, now: u64) -> DataverseRefusal {
    let (head, body) = answer.into_parts();
    refused(&head, body, token, now)
}

/// The error for an unusable answer.
pub(crate) fn failed(head: &Parts, now: u64, cause: Cause, detail: impl Into<String>) -> Reason {
    Reason::NoAnswer(Failure {
        status: Some(head.status.as_u16()),
        retry_after_seconds: retry_after::seconds(&head.headers, now),
        request_id: request_id(&head.headers),
        ..Failure::new(cause, detail)
    })
}

fn refused(head: &Parts, body: &[u8], token: &str, now: u64) -> DataverseRefusal {
    let said = ErrorBody::read(&head.headers, body, token);
    let status = head.status.as_u16();
    DataverseRefusal {
        status,
        code_number: said.code_number(),
        advice: advice(status, &said.code, &said.message),
        code: said.code,
        message: said.message,
        inner_message: said.inner_message,
        help_link: said.help_link,
        trace_text: said.trace_text,
        retry_after_seconds: retry_after::seconds(&head.headers, now),
        request_id: request_id(&head.headers),
        service_request_ids: service_request_ids(&head.headers),
    }
}

/// The control information of a body.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Control {
    /// The link to the next page.
    #[serde(rename = "@odata.nextLink")]
    pub next_link: Option<String>,
    /// The link to later changes.
    #[serde(rename = "@odata.deltaLink")]
    pub delta_link: Option<String>,
    #[serde(rename = "@odata.context")]
    context: Option<serde_json::Value>,
    #[serde(rename = "@odata.etag")]
    etag: Option<String>,
    /// The rows of a page.
    value: Option<IgnoredAny>,
    /// FetchXML: whether there is another page.
    #[serde(rename = "@Microsoft.Dynamics.CRM.morerecords")]
    pub more_records: Option<serde_json::Value>,
    /// FetchXML: the cookie for the next page.
    #[serde(rename = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie")]
    pub paging_cookie: Option<serde_json::Value>,
}

impl Control {
    fn read(head: &Parts, body: &[u8], token: &str) -> Result<Self, String> {
        // A part of a JSON file need not be valid JSON.
        let is_whole = head.status != StatusCode::PARTIAL_CONTENT;
        if !is_whole || body.is_empty() {
            return Ok(Self::default());
        }
        if !media_type::is_json(&head.headers) {
            // Some proxies remove the type. A file that starts like JSON need not be JSON.
            return Ok(Self::in_json(body).unwrap_or_default());
        }
        Self::in_json(body).map_err(|error| {
            format!(
                "Dataverse answered {} with JSON that cannot be read {}: {}",
                head.status.as_u16(),
                place(&error),
                beginning(json::without_mark(body), token)
            )
        })
    }

    /// Resolves relative URLs against the context's URL if there is one, and otherwise against the request's
    /// (OData JSON Format 4.0, 4.3). A context of another origin is ignored.
    fn resolve(&mut self, request: &Uri) {
        let request = request.to_string();
        let mut base = request.clone();
        if let Some(serde_json::Value::String(context)) = &self.context {
            let mut context = context.clone();
            resolve::against(&request, &mut context);
            if resolve::origin(&context) == resolve::origin(&request) {
                base = context;
            }
        }
        for link in [&mut self.next_link, &mut self.delta_link].into_iter().flatten() {
            resolve::against(&base, link);
        }
    }

    /// Whether the body is a page: an object with a `value`.
    pub(crate) fn is_page(&self) -> bool {
        self.value.is_some()
    }

    /// Reads control information. A body may be any JSON value, but only an object contains control
    /// information.
    fn in_json(body: &[u8]) -> serde_json::Result<Self> {
        let text = json::without_mark(body);
        if json::is_object(text) {
            serde_json::from_slice(text)
        } else {
            serde_json::from_slice::<IgnoredAny>(text).map(|_| Self::default())
        }
    }
}

/// The id of the request in Dataverse's logs: `REQ_ID`, or otherwise the last `x-ms-service-request-id`.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    text_of(headers, "req_id").or_else(|| service_request_ids(headers).pop())
}

/// The header occurs twice, and some proxies join the values with a comma.
fn service_request_ids(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all("x-ms-service-request-id")
        .iter()
        .filter_map(|ids| ids.to_str().ok())
        .flat_map(|ids| ids.split(','))
        .map(|id| id.trim().to_owned())
        .collect()
}

/// The whole part of a number such as `1,200.00`, without thousands separators.
fn whole_number(text: &str) -> Option<u32> {
    let whole = text.trim().split('.').next()?;
    whole.replace(',', "").parse().ok()
}

/// The URL of a row that was written: `OData-EntityId`, or otherwise a `Location` that names a row (OData
/// Protocol 4.0, 8.3.2 and 8.3.4).
fn entity_url(head: &Parts) -> Option<String> {
    let location = || {
        let is_new = head.status == StatusCode::CREATED || head.status == StatusCode::NO_CONTENT;
        text_of(&head.headers, header::LOCATION.as_str()).filter(|url| is_new && url.ends_with(')'))
    };
    text_of(&head.headers, "odata-entityid").or_else(location)
}

/// The first header with this name, if it is text.
pub(crate) fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_request_id_is_req_id_or_the_last_service_request_id() {
        let twice = [("x-ms-service-request-id", "a"), ("x-ms-service-request-id", "b")];
        assert_eq!(request_id(&headers(&twice)).as_deref(), Some("b"));
        assert_eq!(
            request_id(&headers(&[("x-ms-service-request-id", "a, b")])).as_deref(),
            Some("b")
        );
        assert_eq!(request_id(&headers(&[("req_id", "c"), twice[0]])).as_deref(), Some("c"));
        assert_eq!(request_id(&HeaderMap::new()), None);
        assert_eq!(service_request_ids(&headers(&twice)), ["a", "b"]);
        assert_eq!(
            service_request_ids(&headers(&[("x-ms-service-request-id", "a, b")])),
            ["a", "b"]
        );
    }

    #[test]
    fn the_rate_limit_is_numbers() {
        let limit = RateLimit::read(&headers(&[
            ("x-ms-ratelimit-time-remaining-xrm-requests", "1,200.00"),
            ("x-ms-ratelimit-burst-remaining-xrm-requests", "5999"),
            ("x-ms-dop-hint", "48"),
        ]))
        .unwrap();
        assert_eq!(limit.remaining_requests, Some(5999));
        assert_eq!(limit.remaining_seconds, Some(1200));
        assert_eq!(limit.recommended_parallelism, Some(48));
        assert!(RateLimit::read(&HeaderMap::new()).is_none());
        for (text, number) in [
            ("1,199.97", Some(1199)),
            ("1,234,567", Some(1_234_567)),
            ("0.5", Some(0)),
            (" 7 ", Some(7)),
            ("-1", None),
            ("", None),
            (".5", None),
            ("many", None),
            ("99999999999", None),
        ] {
            assert_eq!(whole_number(text), number, "{text}");
        }
    }

    #[test]
    fn only_an_error_may_come_in_parts() {
        let of = |status: u16| {
            let answer = Response::builder()
                .status(status)
                .header("content-type", "multipart/mixed; boundary=b");
            read(answer.body(Vec::new()).unwrap(), "", 0)
        };
        for status in [200, 304, 400, 500] {
            assert_eq!(of(status).unwrap().status.as_u16(), status);
        }
        for status in [193, 302, 307, 600] {
            let failure = match of(status).unwrap_err() {
                Reason::NoAnswer(failure) => failure,
                other => panic!("{other:?}"),
            };
            assert_eq!((failure.cause, failure.status), (Cause::UnusableAnswer, Some(status)));
        }
    }
}
