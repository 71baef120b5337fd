//! What the token endpoint answers: a token, or why there is none (Microsoft's page "Microsoft Entra authentication and
//! authorization error codes").

use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::codes::{self, Consequence};
use super::refusal;
use crate::error::{EntraAnswer, Reason, Throttled};
use crate::host::{Cause, Failure};
use crate::http::{json, retry_after, stranger};

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
    let (head, body) = answer.into_parts();
    let body = Zeroizing::new(body);
    let status = head.status;
    let retry_after_seconds = retry_after::seconds(&head.headers, now);
    let request_id = refusal::request_id(&head.headers, proof);
    let failed = |cause, detail: String| {
        Err(Refused::Unsaid(Reason::NoAnswer(Failure {
            status: Some(status.as_u16()),
            retry_after_seconds,
            request_id: request_id.clone(),
            ..Failure::new(cause, detail)
        })))
    };
    // What came in Entra ID's place is never its word, and no credential is at fault.
    let not_its_own = || {
        format!(
            "answered {} with what is not Entra ID's ({}): is something between this host and Entra ID, such as a proxy or a \
             network's sign-in page, or is the authority wrong?",
            status.as_u16(),
            stranger::describe(&head.headers, &body, &[proof])
        )
    };
    if status == StatusCode::OK {
        return match serde_json::from_slice::<Success>(json::without_mark(&body)) {
            Ok(success) => success
                .into_granted()
                .or_else(|reason| failed(Cause::UnusableAnswer, reason)),
            Err(_) => failed(Cause::UnusableAnswer, format!("no token: it {}", not_its_own())),
        };
    }
    let said = refusal::read(status, &body, proof);
    let codes = said.as_ref().map_or(&[][..], |said| &said.codes);
    // Throttled answers for client credentials are plain text, so this goes by the status alone.
    if status == StatusCode::TOO_MANY_REQUESTS || codes::has(codes, Consequence::Throttled) {
        return Err(Refused::Unsaid(Reason::Throttled(Box::new(Throttled {
            retry_after_seconds,
            message: "Entra ID wants fewer token requests".to_owned(),
            request_id,
            ..Throttled::default()
        }))));
    }
    let is_transient = codes::has(codes, Consequence::ComeBack)
        || said
            .as_ref()
            .is_some_and(|said| said.error == "temporarily_unavailable");
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT || is_transient {
        let detail = said.map_or_else(
            || format!("it {}", not_its_own()),
            |said| format!("Entra ID answered {}: {}", status.as_u16(), said.description),
        );
        return failed(Cause::ServiceUnavailable, detail);
    }
    match said {
        Some(said) if status.is_client_error() => Err(Refused::Said(said)),
        _ => failed(Cause::UnusableAnswer, format!("it {}", not_its_own())),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let json = r#"{"error":"invalid_client","error_description":"AADSTS1: s=a%2Bb%2bc+d, that is a+b+c d"}"#;
        assert_eq!(echo(401, "application/json", json), "AADSTS1: s=***, that is ***");
        let by_headers = echo(502, "a+b+c d", "");
        assert!(
            by_headers.contains("(an odd content type, 0 bytes)") && by_headers.ends_with("None"),
            "{by_headers}"
        );
    }
}
