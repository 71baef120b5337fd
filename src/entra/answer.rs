//! What the token endpoint answers: a token, or why there is none (Microsoft's page "Microsoft Entra authentication and
//! authorization error codes").

use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::error::{EntraAnswer, Reason, Throttled};
use crate::host::{Cause, Failure};
use crate::http::{json, media_type, retry_after};
use crate::redact::{redact, redact_headers};

/// Why there is no token.
#[derive(Debug)]
pub enum Refused {
    /// Entra ID says why.
    Said(EntraAnswer),
    /// Entra ID was throttling, or no answer can be used.
    Unsaid(Reason),
}

/// Reads the answer to a token request at `now`, in seconds since 1970. `proof` is the secret or the assertion that the
/// request carried, so that an answer that repeats it does not give it away.
///
/// # Errors
/// Why there is no token.
pub fn read(answer: Response<Vec<u8>>, now: u64, proof: &str) -> Result<Granted, Refused> {
    let (mut head, body) = answer.into_parts();
    let body = Zeroizing::new(body);
    let encoded: String = form_urlencoded::byte_serialize(proof.as_bytes()).collect();
    let encoded = Zeroizing::new(encoded);
    let secrets = [proof, &encoded];
    redact_headers(&mut head.headers, &secrets);
    let status = head.status;
    let failed = |cause, detail: String| {
        Err(Refused::Unsaid(Reason::NoAnswer(Failure {
            status: Some(status.as_u16()),
            retry_after_seconds: retry_after::seconds(&head.headers, now),
            request_id: request_id(&head.headers),
            ..Failure::new(cause, detail)
        })))
    };
    if status == StatusCode::OK {
        return match serde_json::from_slice::<Success>(json::without_mark(&body)) {
            Ok(success) => success
                .into_granted()
                .or_else(|reason| failed(Cause::UnusableAnswer, reason)),
            Err(_) => failed(Cause::UnusableAnswer, "the answer of 200 holds no token".to_owned()),
        };
    }
    let said = said(status, &body, &secrets).unwrap_or_else(|| without_json(status, &head.headers, body.len()));
    // Throttled answers for client credentials are plain text, so this goes by the status alone.
    if status == StatusCode::TOO_MANY_REQUESTS || is(&said, &[TENANT_THROTTLED]) {
        return Err(Refused::Unsaid(Reason::Throttled(Box::new(Throttled {
            retry_after_seconds: retry_after::seconds(&head.headers, now),
            message: "Entra ID wants fewer token requests".to_owned(),
            request_id: request_id(&head.headers),
            ..Throttled::default()
        }))));
    }
    let comes_back = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT || is_transient(&said);
    if comes_back {
        let detail = format!("Entra ID answered {}: {}", status.as_u16(), said.description);
        return failed(Cause::ServiceUnavailable, detail);
    }
    if !status.is_client_error() {
        let detail = format!(
            "Entra ID answered {}, which is neither followed nor understood",
            status.as_u16()
        );
        return failed(Cause::UnusableAnswer, detail);
    }
    Err(Refused::Said(said))
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-ms-request-id")?.to_str().ok().map(str::to_owned)
}

/// A token as Entra ID grants it.
pub struct Granted {
    /// The token itself, wiped when dropped.
    pub text: Zeroizing<String>,
    /// In how many seconds it ends.
    pub expires_in: u64,
    /// In how many seconds Entra ID would like to be asked for the next one.
    pub refresh_in: Option<u64>,
}

/// The answer that grants a token. Seconds are numbers; older endpoints wrote them as strings.
#[derive(Deserialize)]
struct Success {
    access_token: Zeroizing<String>,
    expires_in: Value,
    #[serde(default)]
    refresh_in: Value,
    token_type: String,
}

impl Success {
    fn into_granted(self) -> Result<Granted, String> {
        let text = self.access_token;
        if !self.token_type.eq_ignore_ascii_case("bearer") {
            return Err("the answer of 200 holds a token that is not a bearer token".to_owned());
        }
        // It goes into a header, of which hosts take 128 KiB; and anything but visible ASCII could end the line.
        const LONGEST: usize = 32 << 10;
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("the answer of 200 holds no usable token".to_owned());
        }
        Ok(Granted {
            text,
            expires_in: seconds(&self.expires_in).ok_or("the answer of 200 holds a token without an end")?,
            refresh_in: seconds(&self.refresh_in),
        })
    }
}

fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// AADSTS90055: the tenant is throttled.
const TENANT_THROTTLED: u32 = 90_055;
/// The AADSTS codes by which Entra ID asks to come back later ("Microsoft Entra authentication and authorization error
/// codes").
const TRANSIENT: [u32; 4] = [90_006, 90_024, 90_033, 90_090];

/// The answer that refuses one; nothing for a body that is not Entra ID's JSON. Read leniently, so that one odd field does not lose
/// the others, and without the proof, should it be repeated.
fn said(status: StatusCode, body: &[u8], secrets: &[&str]) -> Option<EntraAnswer> {
    let body: Value = serde_json::from_slice(json::without_mark(body)).ok()?;
    let text = |name: &str| match body.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(redact(text, secrets)),
        other => Some(redact(&other.to_string(), secrets)),
    };
    let code = |code: &Value| {
        let number = code.as_u64().or_else(|| code.as_str()?.parse().ok());
        number.and_then(|number| u32::try_from(number).ok())
    };
    let codes = body.get("error_codes").and_then(Value::as_array);
    Some(EntraAnswer {
        status: status.as_u16(),
        error: text("error")?,
        description: text("error_description").unwrap_or_default(),
        codes: codes
            .map(|codes| codes.iter().filter_map(code).collect())
            .unwrap_or_default(),
        suberror: text("suberror"),
        claims: text("claims"),
        timestamp: text("timestamp"),
        trace_id: text("trace_id"),
        correlation_id: text("correlation_id"),
        error_uri: text("error_uri"),
    })
}

/// For a proxy's page, or nothing. What it says is not repeated, as it may quote the request.
fn without_json(status: StatusCode, headers: &HeaderMap, length: usize) -> EntraAnswer {
    let media_type = media_type::of(headers).unwrap_or("no content type");
    let media_type: String = media_type.chars().take(60).collect();
    EntraAnswer {
        status: status.as_u16(),
        description: format!(
            "the answer is not Entra ID's JSON ({media_type}, {length} bytes): is something between this host and Entra ID, or \
             is the authority wrong?"
        ),
        ..EntraAnswer::default()
    }
}

fn is(said: &EntraAnswer, codes: &[u32]) -> bool {
    said.codes.iter().any(|code| codes.contains(code))
}

fn is_transient(said: &EntraAnswer) -> bool {
    said.error == "temporarily_unavailable" || is(said, &TRANSIENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_fields_do_not_lose_the_others() {
        let odd = br#"{"error":"invalid_client","error_codes":["7000215",7,-1,{}],"error_description":null,"claims":{"a":1}}"#;
        let refused = said(StatusCode::BAD_REQUEST, odd, &["hunter2"]).unwrap();
        assert_eq!(
            (refused.error.as_str(), refused.codes.as_slice()),
            ("invalid_client", [7_000_215, 7].as_slice())
        );
        assert_eq!(
            (refused.description.as_str(), refused.claims.as_deref()),
            ("", Some("{\"a\":1}"))
        );
        for body in ["", "{}", "[]", "null", "\"error\"", "{\"error\":null}"] {
            assert!(
                said(StatusCode::BAD_REQUEST, body.as_bytes(), &["hunter2"]).is_none(),
                "{body}"
            );
        }
    }

    #[test]
    fn a_proof_that_is_repeated_is_not_passed_on() {
        let echo = |status: u16, content_type: &str, body: &str| {
            let answer = Response::builder()
                .status(status)
                .header("content-type", content_type)
                .header("x-ms-request-id", "a%2Bb%2Bc+d")
                .body(body.as_bytes().to_vec())
                .unwrap();
            match read(answer, 0, "a+b+c d").err().unwrap() {
                Refused::Said(said) => said.description,
                Refused::Unsaid(Reason::NoAnswer(failure)) => format!("{} {:?}", failure.detail, failure.request_id),
                Refused::Unsaid(other) => panic!("{other:?}"),
            }
        };
        let json = r#"{"error":"invalid_client","error_description":"client_secret=a%2Bb%2Bc+d, that is a+b+c d"}"#;
        assert_eq!(echo(401, "application/json", json), "client_secret=***, that is ***");
        let by_headers = echo(502, "a+b+c d", "");
        assert!(
            by_headers.contains("(***, 0 bytes)") && by_headers.ends_with("Some(\"***\")"),
            "{by_headers}"
        );
    }
}
