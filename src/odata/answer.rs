//! What an answer of the Web API says: the links and ids a caller would have to dig out, or the error.

use http::response::Parts;
use http::{HeaderMap, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::contract::types::{self, DataverseError, Error, OutageCause, Service, Throttling};
use crate::error::{Asked, redact};
use crate::host::{Failure, is_guid};
use crate::retry::retry_after;

/// Reads an answer. `token` is the one that the request carried, so that an answer that repeats it does not give it away;
/// `now` is in seconds since 1970.
///
/// # Errors
/// `dataverse`, `throttled`, `unavailable`.
pub fn read(answer: Response<Vec<u8>>, asked: &Asked<'_>, token: &str, now: u64) -> Result<types::Response, Error> {
    let (head, body) = answer.into_parts();
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
    let said = Said::read(&head, &body, token);
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS => Error::Throttled(Throttling {
            service: Service::Dataverse,
            retry_after_seconds: retry_after(&head.headers, now),
            code: said.code,
            message: said.message,
            request_id: request_id(&head.headers),
            client_request_id: asked.client_request_id.to_owned(),
        }),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            let detail = format!("Dataverse answered {} {}: {}", status.as_u16(), said.code, said.message);
            failed(OutageCause::ServiceUnavailable, detail)
        }
        _ => Error::Dataverse(DataverseError {
            status: status.as_u16(),
            may_have_taken_effect: asked.writes && (status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT),
            code: said.code,
            message: said.message,
            request_id: request_id(&head.headers),
            client_request_id: asked.client_request_id.to_owned(),
        }),
    })
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

/// What a body says of an error.
struct Said {
    code: String,
    message: String,
}

impl Said {
    fn read(head: &Parts, body: &[u8], token: &str) -> Self {
        Self::json(body, token).unwrap_or_else(|| Self::text(head, body, token))
    }

    /// Dataverse's own shape, or the flat one of the layers before it.
    fn json(body: &[u8], token: &str) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let text = |value: Option<&Value>| match value? {
            Value::String(text) => Some(redact(text, &[token])),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        if let Some(error) = body.get("error").filter(|error| error.is_object()) {
            return Some(Self {
                code: text(error.get("code")).unwrap_or_default(),
                message: text(error.get("message")).unwrap_or_default(),
            });
        }
        Some(Self {
            message: text(body.get("ExceptionMessage")).or_else(|| text(body.get("Message")))?,
            code: text(body.get("ErrorCode")).unwrap_or_default(),
        })
    }

    /// What came instead: the beginning of it, on one line.
    fn text(head: &Parts, body: &[u8], token: &str) -> Self {
        const SHOWN: usize = 300;
        let content_type = text_of(&head.headers, header::CONTENT_TYPE.as_str());
        // Enough that a token which begins in what is shown is there whole, and so is found.
        let read = body.len().min(token.len().saturating_add(4 * SHOWN));
        let text = String::from_utf8_lossy(body.get(..read).unwrap_or_default());
        let text = redact(&text, &[token]);
        let shown: String = text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(SHOWN)
            .collect();
        let message = format!(
            "the answer is not Dataverse's JSON ({}, {} bytes){}{shown}",
            content_type.as_deref().unwrap_or("no content type"),
            body.len(),
            if shown.is_empty() { "" } else { ": " },
        );
        Self {
            code: String::new(),
            message,
        }
    }
}

/// `REQ_ID` names the request in Dataverse's logs. Without it, the last of the `x-ms-service-request-id`s does: the header
/// comes twice, and some proxies join the two with a comma.
fn request_id(headers: &HeaderMap) -> Option<String> {
    text_of(headers, "req_id").or_else(|| {
        let ids = headers
            .get_all("x-ms-service-request-id")
            .iter()
            .next_back()?
            .to_str()
            .ok()?;
        ids.rsplit(',').next().map(|id| id.trim().to_owned())
    })
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

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
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
    }
}
