//! Reads a refusal of Entra ID and keeps what may be passed on. Each field must have its documented format,
//! and is dropped otherwise, because it may contain parts of the request (Microsoft's page "Microsoft Entra
//! authentication and authorization error codes").

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::error::EntraAnswer;
use crate::http::json;
use crate::redact::{plain_words, redact};

/// The maximum length of a text, in characters.
const LONGEST: usize = 4096;

/// Reads a body. Returns `None` unless it is Entra ID's JSON. One invalid field does not invalidate the
/// others. `proof` is the secret or the assertion of the request.
pub(super) fn read(status: StatusCode, body: &[u8], proof: &str) -> Option<EntraAnswer> {
    let body: Value = serde_json::from_slice(json::without_mark(body)).ok()?;
    let field = |name: &str, fits: fn(&str) -> bool| {
        let text = body.get(name)?.as_str()?;
        (fits(text) && redact(text, &[proof]) == text).then(|| text.to_owned())
    };
    let (error, description) = match body.get("error")? {
        Value::String(error) => (error.as_str(), body.get("error_description")),
        // The format of other Microsoft services.
        Value::Object(error) => (
            error.get("code").and_then(Value::as_str).unwrap_or_default(),
            error.get("message"),
        ),
        _ => return None,
    };
    let description = description.and_then(Value::as_str).unwrap_or_default();
    let mut codes: Vec<u32> = body
        .get("error_codes")
        .and_then(Value::as_array)
        .map(|codes| codes.iter().filter_map(code).collect())
        .unwrap_or_default();
    if codes.is_empty() {
        codes.extend(code_before(description));
    }
    Some(EntraAnswer {
        status: status.as_u16(),
        error: shown(error, proof, is_name(error)),
        description: shown(description, proof, begins_with_code(description)),
        codes,
        suberror: field("suberror", is_name),
        claims: claims(&body, proof),
        timestamp: field("timestamp", is_time),
        trace_id: field("trace_id", is_id),
        correlation_id: field("correlation_id", is_id),
        error_uri: field("error_uri", is_error_page),
    })
}

/// The id of the request in Entra ID's logs.
pub(super) fn request_id(headers: &HeaderMap, proof: &str) -> Option<String> {
    let id = headers.get("x-ms-request-id")?.to_str().ok()?;
    (is_id(id) && redact(id, &[proof]) == id).then(|| id.to_owned())
}

/// A text without the proof. If it does not have the expected format, only its plain words.
fn shown(text: &str, proof: &str, is_known: bool) -> String {
    let text = redact(text, &[proof]);
    if is_known {
        text.chars().take(LONGEST).collect()
    } else {
        plain_words(&text, LONGEST)
    }
}

fn code(code: &Value) -> Option<u32> {
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    u32::try_from(number).ok()
}

/// The code in `AADSTS7000215: Invalid client secret provided…`.
fn code_before(description: &str) -> Option<u32> {
    description.strip_prefix("AADSTS")?.split(':').next()?.parse().ok()
}

/// Whether a text begins with a code, such as `AADSTS7000215: …`, or that of a related service.
fn begins_with_code(text: &str) -> bool {
    text.split_once(": ").is_some_and(|(code, _)| {
        code.len() <= 20
            && code.starts_with(|c: char| c.is_ascii_uppercase())
            && code.ends_with(|c: char| c.is_ascii_digit())
            && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

/// Such as `invalid_client`.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// A GUID or another request id.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Such as `2026-01-31 12:00:00Z`.
fn is_time(text: &str) -> bool {
    (10..=40).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b' ' | b'T' | b'Z' | b'+'))
}

/// Such as `https://login.microsoftonline.com/error?code=7000215`.
fn is_error_page(text: &str) -> bool {
    let Some((host, code)) = text
        .strip_prefix("https://")
        .and_then(|text| text.split_once("/error?code="))
    else {
        return false;
    };
    host.len() <= 100
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        && (1..=10).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_digit())
}

/// The required claims of a token: a JSON object, or its text.
fn claims(body: &Value, proof: &str) -> Option<String> {
    let claims = match body.get("claims")? {
        Value::String(text) => text.clone(),
        object => object.to_string(),
    };
    let is_object = serde_json::from_slice::<Value>(claims.as_bytes()).is_ok_and(|claims| claims.is_object());
    (is_object && claims.len() <= LONGEST && redact(&claims, &[proof]) == claims).then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_fields_do_not_lose_the_others() {
        let odd = br#"{"error":"invalid_client","error_codes":["7000215",7,-1,{}],"error_description":null,"claims":{"a":1}}"#;
        let refused = read(StatusCode::BAD_REQUEST, odd, "hunter2").unwrap();
        assert_eq!(
            (refused.error.as_str(), refused.codes.as_slice()),
            ("invalid_client", [7_000_215, 7].as_slice())
        );
        assert_eq!(
            (refused.description.as_str(), refused.claims.as_deref()),
            ("", Some("{\"a\":1}"))
        );
        for body in ["", "{}", "[]", "null", "\"error\"", "{\"error\":null}", "{\"error\":5}"] {
            assert!(
                read(StatusCode::BAD_REQUEST, body.as_bytes(), "hunter2").is_none(),
                "{body}"
            );
        }
    }

    #[test]
    fn a_field_of_another_shape_is_left_out() {
        let odd = br#"{"error":"x=y z","error_description":"why x=y","suberror":"a b","claims":"{","timestamp":"now",
            "trace_id":"a=1","correlation_id":"x y","error_uri":"https://a.example/?x=y"}"#;
        let refused = read(StatusCode::BAD_REQUEST, odd, "hunter2").unwrap();
        assert_eq!(
            (refused.error.as_str(), refused.description.as_str()),
            ("*** z", "why ***")
        );
        assert!(refused.suberror.is_none() && refused.claims.is_none() && refused.timestamp.is_none());
        assert!(refused.trace_id.is_none() && refused.correlation_id.is_none() && refused.error_uri.is_none());
    }

    #[test]
    fn a_description_is_known_by_its_code() {
        for (text, known) in [
            ("AADSTS7000215: Invalid.", true),
            ("AADB2C90080: Expired.", true),
            ("MSIS9605: No.", true),
            ("AADSTS: Invalid.", false),
            ("aadsts1: x", false),
            ("AADSTS1=x: y", false),
            ("1: x", false),
            ("", false),
        ] {
            assert_eq!(begins_with_code(text), known, "{text}");
        }
        assert_eq!(code_before("AADSTS90002: x"), Some(90_002));
        assert_eq!(code_before("MSIS9605: x"), None);
    }
}
