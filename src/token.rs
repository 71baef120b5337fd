//! The token endpoint: the client credentials request, its answers, and the tokens that the instance holds
//! (Microsoft's page "OAuth 2.0 client credentials flow"; RFC 6749, 4.4).

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use http::{HeaderValue, Request, Response, StatusCode, header};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::assertion::{self, Claims};
use crate::contract::types::{EntraError, Error, OutageCause, Service, Throttling};
use crate::credential::Credential;
use crate::error::{Faults, outage};
use crate::host::{Failure, Host, exchange, new_guid};
use crate::retry::retry_after;
use crate::settings::Settings;

/// A token is not used in its last five minutes, as in Microsoft's own libraries: it must outlive the request it is sent
/// with, and clocks differ.
const MARGIN: u64 = 300;

/// Token answers are a few kilobytes; more than this is none.
const MAX_ANSWER_BYTES: u32 = 1 << 20;

/// A token, wiped when dropped.
pub struct Token {
    text: Zeroizing<String>,
    obtained_at: u64,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
}

impl Token {
    /// The token itself, for the environment's origin and for the caller who asks for it.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// A token from the future means that the clock was set back: its end cannot be trusted then.
    fn is_fresh(&self, now: u64) -> bool {
        self.obtained_at <= now && now.saturating_add(MARGIN) < self.expires_at
    }
}

/// A token and whether it was there before the call.
pub struct Acquired {
    /// The token.
    pub token: Rc<Token>,
    /// Whether it was kept from an earlier call, so that the service may have revoked it since.
    pub was_kept: bool,
}

/// The tokens that the instance holds, by all that selects the identity.
#[derive(Default)]
pub struct Tokens(RefCell<HashMap<Identity, Rc<Token>>>);

#[derive(PartialEq, Eq, Hash)]
struct Identity {
    token_url: String,
    client_id: String,
    scope: String,
    credential: [u8; 32],
}

impl Identity {
    fn of(settings: &Settings) -> Self {
        Self {
            token_url: settings.token_url.clone(),
            client_id: settings.client_id.clone(),
            scope: settings.scope.clone(),
            credential: settings.credential.fingerprint(),
        }
    }
}

impl Tokens {
    /// A token that is kept and fresh, or a new one.
    ///
    /// # Errors
    /// `entra-id`, `throttled`, `unavailable`; `invalid-settings` when the key cannot sign.
    pub async fn acquire(&self, host: &impl Host, settings: &Settings) -> Result<Acquired, Error> {
        let identity = Identity::of(settings);
        let now = host.now();
        let kept = self
            .0
            .borrow()
            .get(&identity)
            .filter(|token| token.is_fresh(now))
            .cloned();
        if let Some(token) = kept {
            return Ok(Acquired { token, was_kept: true });
        }
        let token = Rc::new(request(host, settings).await?);
        let mut tokens = self.0.borrow_mut();
        tokens.retain(|_, token| token.is_fresh(now));
        tokens.insert(identity, Rc::clone(&token));
        Ok(Acquired { token, was_kept: false })
    }

    /// Forgets a token that the environment did not accept.
    pub fn forget(&self, settings: &Settings) {
        self.0.borrow_mut().remove(&Identity::of(settings));
    }
}

async fn request(host: &impl Host, settings: &Settings) -> Result<Token, Error> {
    let client_request_id = new_guid(host);
    let now = host.now();
    let form = form(host, settings, now)?;
    let fail = |failure| outage(Service::EntraId, failure, false, &client_request_id);
    let request = Request::post(&settings.token_url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONTENT_LENGTH, form.len())
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, crate::USER_AGENT)
        .header("client-request-id", &client_request_id)
        .header("return-client-request-id", "true")
        .body(Some(form.as_bytes()))
        .map_err(|error| fail(unusable(None, &format!("the request could not be made: {error}"))))?;
    let answer = exchange(host, request, &settings.timeouts, MAX_ANSWER_BYTES)
        .await
        .map_err(fail)?;
    read(answer, now, &client_request_id)
}

/// The form to post. Wiped when dropped, as it holds the secret or the assertion.
fn form(host: &impl Host, settings: &Settings, now: u64) -> Result<Zeroizing<String>, Error> {
    // Room for all of it: growing would leave copies behind that are not wiped.
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(16 << 10));
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", &settings.client_id);
    form.append_pair("scope", &settings.scope);
    match &settings.credential {
        Credential::Secret(secret) => {
            form.append_pair("client_secret", secret.reveal());
        }
        Credential::Certificate(certificate) => {
            let claims = Claims {
                audience: &settings.token_url,
                client_id: &settings.client_id,
                now,
                id: &new_guid(host),
            };
            let assertion = assertion::sign(certificate, &claims).map_err(|reason| {
                let mut faults = Faults::default();
                faults.add("credential.certificate", reason);
                faults.into_settings_error()
            })?;
            form.append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            );
            form.append_pair("client_assertion", &assertion);
        }
    }
    Ok(Zeroizing::new(form.finish()))
}

fn read(answer: Response<Vec<u8>>, now: u64, client_request_id: &str) -> Result<Token, Error> {
    let (head, body) = answer.into_parts();
    let body = Zeroizing::new(body);
    let status = head.status;
    let fail = |failure| Err(outage(Service::EntraId, failure, false, client_request_id));
    if status == StatusCode::OK {
        return match serde_json::from_slice::<Granted>(&body) {
            Ok(granted) => granted
                .into_token(now)
                .or_else(|reason| fail(unusable(Some(status), &reason))),
            Err(_) => fail(unusable(Some(status), "the answer of 200 holds no token")),
        };
    }
    // Throttled answers for client credentials are plain text, so this goes by the status alone.
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Error::Throttled(Throttling {
            service: Service::EntraId,
            retry_after_seconds: retry_after(&head.headers, now),
            code: String::new(),
            message: "Entra ID answered 429: too many token requests".to_owned(),
            request_id: None,
            client_request_id: client_request_id.to_owned(),
        }));
    }
    let refused = serde_json::from_slice::<Refused>(&body).ok();
    if status.is_server_error() {
        let said = refused.map_or_else(String::new, |refused| format!(": {}", refused.error_description));
        return fail(Failure {
            cause: OutageCause::ServiceUnavailable,
            detail: format!("Entra ID answered {}{said}", status.as_u16()),
            status: Some(status.as_u16()),
            sent: true,
        });
    }
    if !status.is_client_error() {
        let detail = format!(
            "Entra ID answered {}, which is not followed or understood",
            status.as_u16()
        );
        return fail(unusable(Some(status), &detail));
    }
    let refused = refused.unwrap_or_else(|| Refused::without_json(head.headers.get(header::CONTENT_TYPE), body.len()));
    Err(Error::EntraId(refused.into_error(status, client_request_id)))
}

fn unusable(status: Option<StatusCode>, detail: &str) -> Failure {
    Failure {
        cause: OutageCause::UnusableAnswer,
        detail: detail.to_owned(),
        status: status.map(|status| status.as_u16()),
        sent: status.is_some(),
    }
}

/// The answer that grants a token.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds. A number; older endpoints wrote it as a string.
    #[serde(deserialize_with = "number_or_text")]
    expires_in: u64,
    token_type: String,
}

impl Granted {
    fn into_token(self, now: u64) -> Result<Token, String> {
        let text = Zeroizing::new(self.access_token);
        if !self.token_type.eq_ignore_ascii_case("bearer") {
            return Err("the answer of 200 holds a token that is not a bearer token".to_owned());
        }
        // It goes into a header: anything but visible ASCII could end the line.
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("the answer of 200 holds no usable token".to_owned());
        }
        Ok(Token {
            text,
            obtained_at: now,
            expires_at: now.saturating_add(self.expires_in),
        })
    }
}

/// The answer that refuses one. Every field but `error` may be missing.
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
    suberror: Option<String>,
    claims: Option<String>,
    timestamp: Option<String>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
    error_uri: Option<String>,
}

impl Refused {
    /// For a body that is not Entra ID's JSON: a proxy's page, or nothing. What it says is not repeated, as it may quote
    /// the request.
    fn without_json(content_type: Option<&HeaderValue>, length: usize) -> Self {
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or("no content type");
        Self {
            error: String::new(),
            error_description: format!(
                "the answer is not Entra ID's JSON ({content_type}, {length} bytes): is something between this host and Entra ID, \
                 or is the authority wrong?"
            ),
            error_codes: Vec::new(),
            suberror: None,
            claims: None,
            timestamp: None,
            trace_id: None,
            correlation_id: None,
            error_uri: None,
        }
    }

    fn into_error(self, status: StatusCode, client_request_id: &str) -> EntraError {
        EntraError {
            status: status.as_u16(),
            error: self.error,
            error_codes: self.error_codes,
            description: self.error_description,
            suberror: self.suberror,
            claims: self.claims,
            timestamp: self.timestamp,
            trace_id: self.trace_id,
            correlation_id: self.correlation_id,
            error_uri: self.error_uri,
            client_request_id: client_request_id.to_owned(),
        }
    }
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Seconds;
    impl Visitor<'_> for Seconds {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Seconds)
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::host::fake::FakeHost;
    use crate::settings::tests::contoso;

    const ONE: &[&str] = &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#];
    const TWO: &[&str] = &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"two"}"#];

    fn token(tokens: &Tokens, host: &FakeHost) -> String {
        block_on(tokens.acquire(host, &contoso()))
            .unwrap()
            .token
            .reveal()
            .to_owned()
    }

    #[test]
    fn a_token_is_kept_until_five_minutes_before_its_end() {
        let host = FakeHost::new([(200, ONE), (200, TWO)]);
        let tokens = Tokens::default();
        let start = host.now();
        assert_eq!(token(&tokens, &host), "one");
        host.clock.set(start + 3600 - 301);
        assert_eq!(token(&tokens, &host), "one");
        host.clock.set(start + 3600 - 300);
        assert_eq!(token(&tokens, &host), "two");
        assert_eq!(tokens.0.borrow().len(), 1, "the old one is gone");
    }

    #[test]
    fn a_clock_that_was_set_back_ends_a_token() {
        let host = FakeHost::new([(200, ONE), (200, TWO)]);
        let tokens = Tokens::default();
        assert_eq!(token(&tokens, &host), "one");
        host.clock.set(host.now() - 1);
        assert_eq!(token(&tokens, &host), "two");
    }

    #[test]
    fn a_forgotten_token_is_asked_for_again() {
        let host = FakeHost::new([(200, ONE), (200, TWO)]);
        let tokens = Tokens::default();
        assert_eq!(token(&tokens, &host), "one");
        assert!(block_on(tokens.acquire(&host, &contoso())).unwrap().was_kept);
        tokens.forget(&contoso());
        let acquired = block_on(tokens.acquire(&host, &contoso())).unwrap();
        assert_eq!((acquired.token.reveal(), acquired.was_kept), ("two", false));
    }

    #[test]
    fn a_refusal_is_not_kept() {
        let refused: &[&str] = &[r#"{"error":"invalid_client","error_codes":[7000215]}"#];
        let host = FakeHost::new([(401, refused), (200, ONE)]);
        let tokens = Tokens::default();
        match block_on(tokens.acquire(&host, &contoso())).map(|_| ()) {
            Err(Error::EntraId(error)) => assert_eq!((error.status, error.error_codes), (401, vec![7_000_215])),
            other => panic!("{other:?}"),
        }
        assert_eq!(token(&tokens, &host), "one");
    }

    #[test]
    fn a_token_that_never_ends_does_not_overflow() {
        let host = FakeHost::new([(
            200,
            [r#"{"token_type":"Bearer","expires_in":18446744073709551615,"access_token":"x"}"#].as_slice(),
        )]);
        assert_eq!(token(&Tokens::default(), &host), "x");
    }
}
