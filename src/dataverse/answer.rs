//! What an answer of the Web API says: the links and ids a caller would have to dig out, or the error.

use http::response::Parts;
use http::{HeaderMap, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::advice::advice;
use super::refusal::Refusal;
use crate::contract::types::{self, DataverseError, Error, OutageCause, RateLimit, Service, Throttling};
use crate::error::{Asked, redact_headers};
use crate::host::{Failure, is_guid};
use crate::retry::retry_after;

/// Reads an answer. `token` is the one that the request carried, so that an answer that repeats it does not give it away;
/// `now` is in seconds since 1970.
///
/// # Errors
/// `dataverse`, `throttled`, `unavailable`.
pub fn read(answer: Response<Vec<u8>>, asked: &Asked<'_>, token: &str, now: u64) -> Result<types::Response, Error> {
    let (mut head, body) = answer.into_parts();
    redact_headers(&mut head.headers, &[token]);
    let status = head.status;
    let failed = |cause, detail: String| {
        asked.outage(Failure {
            status: Some(status.as_u16()),
            retry_after_seconds: retry_after(&head.headers, now),
            request_id: request_id(&head.headers),
            ..Failure::new(cause, detail)
        })
    };
    if status.is_success() || status == StatusCode::NOT_MODIFIED || is_multipart(&head.headers) {
        return done(&head, body).map_err(|reason| failed(OutageCause::UnusableAnswer, reason));
    }
    if !status.is_client_error() && !status.is_server_error() {
        let detail = format!(
            "Dataverse answered {}, a redirect, which is never followed: is this the environment's own address?",
            status.as_u16()
        );
        return Err(failed(OutageCause::UnusableAnswer, detail));
    }
    let refusal = Refusal::read(&head.headers, &body, token);
    let advice = advice(status.as_u16(), &refusal.code, &refusal.message);
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS => Error::Throttled(Throttling {
            service: Service::Dataverse,
            retry_after_seconds: retry_after(&head.headers, now),
            may_have_taken_effect: false,
            attempts: 1,
            code: refusal.code,
            message: refusal.message,
            advice,
            request_id: request_id(&head.headers),
            client_request_id: asked.client_request_id.to_owned(),
        }),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            let detail = format!(
                "Dataverse answered {} {}: {}",
                status.as_u16(),
                refusal.code,
                refusal.message
            );
            failed(OutageCause::ServiceUnavailable, detail)
        }
        _ => Error::Dataverse(refused(&head, refusal, asked, now)),
    })
}

/// Reads the error within a batch: whatever the status, it is this one request's. Otherwise as [`read`].
pub fn read_refusal(answer: Response<&[u8]>, asked: &Asked<'_>, token: &str, now: u64) -> DataverseError {
    let (mut head, body) = answer.into_parts();
    redact_headers(&mut head.headers, &[token]);
    let refusal = Refusal::read(&head.headers, body, token);
    refused(&head, refusal, asked, now)
}

fn refused(head: &Parts, refusal: Refusal, asked: &Asked<'_>, now: u64) -> DataverseError {
    let status = head.status;
    DataverseError {
        status: status.as_u16(),
        may_have_taken_effect: asked.writes && (status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT),
        attempts: 1,
        code_number: refusal.code_number(),
        advice: advice(status.as_u16(), &refusal.code, &refusal.message),
        code: refusal.code,
        message: refusal.message,
        inner_message: refusal.inner_message,
        help_link: refusal.help_link,
        trace_text: refusal.trace_text,
        retry_after_seconds: retry_after(&head.headers, now),
        request_id: request_id(&head.headers),
        service_request_ids: service_request_ids(&head.headers),
        client_request_id: asked.client_request_id.to_owned(),
    }
}

/// The answer to a `$batch` tells of its parts, of which some may have been carried out, whatever its own status: where one
/// fails, that is the whole answer's status (Microsoft's page "Execute batch operations using the Web API").
pub fn is_multipart(headers: &HeaderMap) -> bool {
    let content_type = text_of(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    content_type.trim_start().to_ascii_lowercase().starts_with("multipart/")
}

fn done(head: &Parts, body: Vec<u8>) -> Result<types::Response, String> {
    // A part of a file of JSON is none by itself.
    let is_whole = head.status != StatusCode::PARTIAL_CONTENT;
    let control = if is_json(&head.headers) && is_whole && !body.is_empty() {
        Control::read(&body).map_err(|_| {
            format!(
                "Dataverse answered {} with JSON that cannot be read",
                head.status.as_u16()
            )
        })?
    } else {
        Control::default()
    };
    let entity_url = text_of(&head.headers, "odata-entityid");
    Ok(types::Response {
        status: head.status.as_u16(),
        next_link: control.next_link,
        delta_link: control.delta_link,
        etag: text_of(&head.headers, "etag").or(control.etag),
        entity_id: entity_url.as_deref().and_then(id_in),
        entity_url,
        attempts: 1,
        rate_limit: rate_limit(&head.headers),
        headers: listed(&head.headers),
        body,
    })
}

/// The control information of a body, whatever else it holds.
#[derive(Default, Deserialize)]
struct Control {
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta_link: Option<String>,
    #[serde(rename = "@odata.etag")]
    etag: Option<String>,
}

impl Control {
    /// A body may be any JSON value; only an object holds control information.
    fn read(body: &[u8]) -> serde_json::Result<Self> {
        if body.trim_ascii_start().starts_with(b"{") {
            serde_json::from_slice(body)
        } else {
            serde_json::from_slice::<IgnoredAny>(body).map(|_| Self::default())
        }
    }
}

/// `REQ_ID` names the request in Dataverse's logs. Without it, the last of the `x-ms-service-request-id`s does.
pub fn request_id(headers: &HeaderMap) -> Option<String> {
    text_of(headers, "req_id").or_else(|| service_request_ids(headers).pop())
}

/// The header comes twice, and some proxies join the two with a comma.
fn service_request_ids(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all("x-ms-service-request-id")
        .iter()
        .filter_map(|ids| ids.to_str().ok())
        .flat_map(|ids| ids.split(','))
        .map(|id| id.trim().to_owned())
        .collect()
}

/// The headers of Microsoft's page "Service protection API limits".
fn rate_limit(headers: &HeaderMap) -> Option<RateLimit> {
    let number = |name| whole_number(&text_of(headers, name)?);
    let limit = RateLimit {
        remaining_requests: number("x-ms-ratelimit-burst-remaining-xrm-requests"),
        remaining_seconds: number("x-ms-ratelimit-time-remaining-xrm-requests"),
        recommended_parallelism: number("x-ms-dop-hint"),
    };
    let says_something = limit.remaining_requests.is_some()
        || limit.remaining_seconds.is_some()
        || limit.recommended_parallelism.is_some();
    says_something.then_some(limit)
}

/// Of a number such as `1,200.00`, with separators of thousands and a fraction, which is left out.
fn whole_number(text: &str) -> Option<u32> {
    let whole = text.trim().split('.').next()?;
    whole.replace(',', "").parse().ok()
}

/// The GUID in the last parentheses of `.../contacts(00000000-0000-0000-0000-000000000000)`.
fn id_in(entity_url: &str) -> Option<String> {
    let (_, key) = entity_url.strip_suffix(')')?.rsplit_once('(')?;
    is_guid(key).then(|| key.to_owned())
}

/// Only the media type counts: Dataverse adds parameters such as `odata.metadata=minimal`.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = text_of(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

/// The first header of that name, if it is text.
pub fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// As the caller sees them. Cookies keep a client on one web server; there is no store for them here, and they are
/// nobody else's business.
fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| *name != header::SET_COOKIE)
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
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
    fn the_id_is_the_guid_in_the_last_parentheses() {
        let guid = "00000000-0000-0000-0000-00000000000a";
        assert_eq!(
            id_in(&format!("https://x/api/data/v9.2/contacts({guid})")).as_deref(),
            Some(guid)
        );
        for url in [
            "",
            ")",
            "contacts()",
            "contacts(1)",
            "accounts(name='00000000-0000-0000-0000-00000000000a')",
        ] {
            assert_eq!(id_in(url), None, "{url}");
        }
    }

    #[test]
    fn only_the_media_type_makes_json() {
        for (content_type, json) in [
            ("application/json", true),
            ("Application/JSON; odata.metadata=minimal; odata.streaming=true", true),
            ("application/json-patch", false),
            ("text/html", false),
        ] {
            assert_eq!(
                is_json(&headers(&[("content-type", content_type)])),
                json,
                "{content_type}"
            );
        }
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
        let limit = rate_limit(&headers(&[
            ("x-ms-ratelimit-time-remaining-xrm-requests", "1,200.00"),
            ("x-ms-ratelimit-burst-remaining-xrm-requests", "5999"),
            ("x-ms-dop-hint", "48"),
        ]))
        .unwrap();
        assert_eq!(limit.remaining_requests, Some(5999));
        assert_eq!(limit.remaining_seconds, Some(1200));
        assert_eq!(limit.recommended_parallelism, Some(48));
        assert!(rate_limit(&HeaderMap::new()).is_none());
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
    fn a_token_in_the_headers_is_not_passed_on() {
        let answer = |status: u16| {
            let builder = Response::builder()
                .status(status)
                .header("content-type", "text/x; the.token");
            builder.header("req_id", "the.token").body(Vec::new()).unwrap()
        };
        let asked = Asked {
            service: Service::Dataverse,
            origin: "https://contoso.example",
            writes: false,
            client_request_id: "id",
        };
        for status in [200, 302, 400, 429, 503] {
            let read = read(answer(status), &asked, "the.token", 0);
            assert!(!format!("{read:?}").contains("the.token"), "{read:?}");
        }
        let refused = read_refusal(answer(400).map(|_| &b"x"[..]), &asked, "the.token", 0);
        assert!(!format!("{refused:?}").contains("the.token"), "{refused:?}");
    }
}
