//! What the token endpoint answers: a token, or why there is none (Microsoft's page "Microsoft Entra authentication and
//! authorization error codes").

use http::{HeaderMap, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::contract::types::{EntraError, Error, OutageCause, Service, Throttling};
use crate::error::{Asked, redact, redact_headers};
use crate::host::Failure;
use crate::retry::retry_after;

/// Reads the answer to a token request at `now`, in seconds since 1970. `proof` is the secret or the assertion that the
/// request carried, so that an answer that repeats it does not give it away.
///
/// # Errors
/// `entra-id`, `throttled`, `unavailable`.
pub fn read(answer: Response<Vec<u8>>, now: u64, asked: &Asked<'_>, proof: &str) -> Result<Granted, Error> {
    let (mut head, body) = answer.into_parts();
    let body = Zeroizing::new(body);
    let encoded: String = form_urlencoded::byte_serialize(proof.as_bytes()).collect();
    let encoded = Zeroizing::new(encoded);
    let secrets = [proof, &encoded];
    redact_headers(&mut head.headers, &secrets);
    let status = head.status;
    let failed = |cause, detail: String| {
        Err(asked.outage(Failure {
            status: Some(status.as_u16()),
            retry_after_seconds: retry_after(&head.headers, now),
            request_id: request_id(&head.headers),
            ..Failure::new(cause, detail)
        }))
    };
    if status == StatusCode::OK {
        return match serde_json::from_slice::<Success>(&body) {
            Ok(success) => success
                .into_granted()
                .or_else(|reason| failed(OutageCause::UnusableAnswer, reason)),
            Err(_) => failed(
                OutageCause::UnusableAnswer,
                "the answer of 200 holds no token".to_owned(),
            ),
        };
    }
    let refused = Refused::read(&body, &secrets).unwrap_or_else(|| Refused::without_json(&head.headers, body.len()));
    // Throttled answers for client credentials are plain text, so this goes by the status alone.
    if status == StatusCode::TOO_MANY_REQUESTS || refused.is(&[TENANT_THROTTLED]) {
        return Err(Error::Throttled(Throttling {
            service: Service::EntraId,
            retry_after_seconds: retry_after(&head.headers, now),
            may_have_taken_effect: false,
            attempts: 1,
            code: String::new(),
            message: "Entra ID wants fewer token requests".to_owned(),
            advice: None,
            request_id: request_id(&head.headers),
            client_request_id: asked.client_request_id.to_owned(),
        }));
    }
    let comes_back = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT || refused.is_transient();
    if comes_back {
        let detail = format!("Entra ID answered {}: {}", status.as_u16(), refused.description);
        return failed(OutageCause::ServiceUnavailable, detail);
    }
    if !status.is_client_error() {
        let detail = format!(
            "Entra ID answered {}, which is neither followed nor understood",
            status.as_u16()
        );
        return failed(OutageCause::UnusableAnswer, detail);
    }
    Err(Error::EntraId(EntraError {
        status: status.as_u16(),
        client_request_id: asked.client_request_id.to_owned(),
        ..refused.into_error()
    }))
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

/// The answer that refuses one. Read leniently, so that one odd field does not lose the others, and without the proof,
/// should it be repeated.
#[derive(Default)]
struct Refused {
    error: String,
    description: String,
    codes: Vec<u32>,
    suberror: Option<String>,
    claims: Option<String>,
    timestamp: Option<String>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
    error_uri: Option<String>,
}

impl Refused {
    /// Nothing, for a body that is not Entra ID's JSON.
    fn read(body: &[u8], secrets: &[&str]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
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
        Some(Self {
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
    fn without_json(headers: &HeaderMap, length: usize) -> Self {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type
            .and_then(|value| value.split(';').next())
            .unwrap_or("no content type");
        let media_type: String = media_type.chars().take(60).collect();
        Self {
            description: format!(
                "the answer is not Entra ID's JSON ({media_type}, {length} bytes): is something between this host and Entra ID, \
                 or is the authority wrong?"
            ),
            ..Self::default()
        }
    }

    fn is(&self, codes: &[u32]) -> bool {
        self.codes.iter().any(|code| codes.contains(code))
    }

    fn is_transient(&self) -> bool {
        self.error == "temporarily_unavailable" || self.is(&TRANSIENT)
    }

    fn into_error(self) -> EntraError {
        EntraError {
            status: 0,
            error: self.error,
            error_codes: self.codes,
            description: self.description,
            suberror: self.suberror,
            claims: self.claims,
            timestamp: self.timestamp,
            trace_id: self.trace_id,
            correlation_id: self.correlation_id,
            error_uri: self.error_uri,
            advice: None,
            credential: String::new(),
            client_request_id: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_fields_do_not_lose_the_others() {
        let odd = br#"{"error":"invalid_client","error_codes":["7000215",7,-1,{}],"error_description":null,"claims":{"a":1}}"#;
        let refused = Refused::read(odd, &["hunter2"]).unwrap();
        assert_eq!(
            (refused.error.as_str(), refused.codes.as_slice()),
            ("invalid_client", [7_000_215, 7].as_slice())
        );
        assert_eq!(
            (refused.description.as_str(), refused.claims.as_deref()),
            ("", Some("{\"a\":1}"))
        );
        for body in ["", "{}", "[]", "null", "\"error\"", "{\"error\":null}"] {
            assert!(Refused::read(body.as_bytes(), &["hunter2"]).is_none(), "{body}");
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
            let asked = Asked {
                service: Service::EntraId,
                origin: "https://login.example",
                writes: false,
                client_request_id: "id",
            };
            match read(answer, 0, &asked, "a+b+c d").err().unwrap() {
                Error::EntraId(error) => error.description,
                Error::Unavailable(outage) => format!("{} {:?}", outage.detail, outage.request_id),
                other => panic!("{other:?}"),
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
