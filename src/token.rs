//! The token endpoint: the client credentials request, its answers, and the tokens that the instance holds
//! (Microsoft's page "OAuth 2.0 client credentials flow"; RFC 6749, 4.4).

use std::cell::RefCell;
use std::rc::Rc;

use http::{HeaderMap, Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::assertion::{self, Claims};
use crate::contract::types::{EntraError, Error, OutageCause, Service, Throttling};
use crate::credential::Credential;
use crate::error::{Asked, Faults, redact};
use crate::host::{Body, Failure, Host, exchange, new_guid};
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
pub struct Tokens(RefCell<Vec<(Identity, Rc<Token>)>>);

#[derive(PartialEq, Eq)]
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
        let kept = self.kept(&identity).filter(|token| token.is_fresh(now));
        if let Some(token) = kept {
            return Ok(Acquired { token, was_kept: true });
        }
        let token = Rc::new(request(host, settings).await?);
        let mut tokens = self.0.borrow_mut();
        tokens.retain(|(kept, token)| *kept != identity && token.is_fresh(now));
        tokens.push((identity, Rc::clone(&token)));
        Ok(Acquired { token, was_kept: false })
    }

    /// Forgets a token that the environment did not accept; not one that has taken its place since.
    pub fn forget(&self, refused: &Rc<Token>) {
        self.0.borrow_mut().retain(|(_, kept)| !Rc::ptr_eq(kept, refused));
    }

    fn kept(&self, identity: &Identity) -> Option<Rc<Token>> {
        let tokens = self.0.borrow();
        let (_, token) = tokens.iter().find(|(kept, _)| kept == identity)?;
        Some(Rc::clone(token))
    }
}

async fn request(host: &impl Host, settings: &Settings) -> Result<Token, Error> {
    let client_request_id = new_guid(host);
    let asked = Asked {
        service: Service::EntraId,
        origin: &settings.authority.to_string(),
        writes: false,
        client_request_id: &client_request_id,
    };
    let now = host.now();
    let proof = Proof::make(host, settings, now)?;
    let form = form(settings, &proof);
    let request = Request::post(&settings.token_url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONTENT_LENGTH, form.len())
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, crate::USER_AGENT)
        .header("client-request-id", &client_request_id)
        .header("return-client-request-id", "true")
        .body(Some(Wiped(form.as_bytes())))
        .map_err(|error| asked.outage(Failure::not_sent(OutageCause::UnusableAnswer, error.to_string())))?;
    let answer = exchange(host, request, &settings.timeouts, MAX_ANSWER_BYTES).await;
    read(answer.map_err(|failure| asked.outage(failure))?, now, &asked, &proof)
}

/// What a token request proves the application with.
enum Proof<'a> {
    Secret(&'a str),
    Assertion(Zeroizing<String>),
}

impl<'a> Proof<'a> {
    fn make(host: &impl Host, settings: &'a Settings, now: u64) -> Result<Self, Error> {
        let certificate = match &settings.credential {
            Credential::Secret(secret) => return Ok(Self::Secret(secret.reveal())),
            Credential::Certificate(certificate) => certificate,
        };
        let claims = Claims {
            audience: &settings.token_url,
            client_id: &settings.client_id,
            now,
            id: &new_guid(host),
        };
        assertion::sign(certificate, &claims)
            .map(Self::Assertion)
            .map_err(|reason| {
                let mut faults = Faults::default();
                faults.add("credential.certificate", reason);
                faults.into_settings_error()
            })
    }

    fn text(&self) -> &str {
        match self {
            Self::Secret(secret) => secret,
            Self::Assertion(assertion) => assertion,
        }
    }
}

/// The form to post. Wiped when dropped, as it holds the secret or the assertion.
fn form(settings: &Settings, proof: &Proof<'_>) -> Zeroizing<String> {
    // Room for all of it, escapes included: growing would leave copies behind that are not wiped.
    let room = proof.text().len().saturating_mul(3).saturating_add(4 << 10);
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(room));
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", &settings.client_id);
    form.append_pair("scope", &settings.scope);
    match proof {
        Proof::Secret(secret) => {
            form.append_pair("client_secret", secret);
        }
        Proof::Assertion(assertion) => {
            form.append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            );
            form.append_pair("client_assertion", assertion);
        }
    }
    Zeroizing::new(form.finish())
}

/// A body whose pieces are wiped when they have been sent.
struct Wiped<'a>(&'a [u8]);

impl Body for Wiped<'_> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.0.chunk().await
    }

    fn sent(&mut self, mut chunk: Vec<u8>) {
        chunk.zeroize();
    }
}

fn read(answer: Response<Vec<u8>>, now: u64, asked: &Asked<'_>, proof: &Proof<'_>) -> Result<Token, Error> {
    let (head, body) = answer.into_parts();
    let body = Zeroizing::new(body);
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
        return match serde_json::from_slice::<Granted>(&body) {
            Ok(granted) => granted
                .into_token(now)
                .or_else(|reason| failed(OutageCause::UnusableAnswer, reason)),
            Err(_) => failed(
                OutageCause::UnusableAnswer,
                "the answer of 200 holds no token".to_owned(),
            ),
        };
    }
    let refused = Refused::read(&body, proof).unwrap_or_else(|| Refused::without_json(&head.headers, body.len()));
    // Throttled answers for client credentials are plain text, so this goes by the status alone.
    if status == StatusCode::TOO_MANY_REQUESTS || refused.is(&[TENANT_THROTTLED]) {
        return Err(Error::Throttled(Throttling {
            service: Service::EntraId,
            retry_after_seconds: retry_after(&head.headers, now),
            code: String::new(),
            message: "Entra ID wants fewer token requests".to_owned(),
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

/// The answer that grants a token.
#[derive(Deserialize)]
struct Granted {
    access_token: Zeroizing<String>,
    /// Seconds. A number; older endpoints wrote it as a string.
    expires_in: Value,
    token_type: String,
}

impl Granted {
    fn into_token(self, now: u64) -> Result<Token, String> {
        let text = self.access_token;
        if !self.token_type.eq_ignore_ascii_case("bearer") {
            return Err("the answer of 200 holds a token that is not a bearer token".to_owned());
        }
        // It goes into a header, of which hosts take 128 KiB; and anything but visible ASCII could end the line.
        const LONGEST: usize = 32 << 10;
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("the answer of 200 holds no usable token".to_owned());
        }
        let expires_in = self
            .expires_in
            .as_u64()
            .or_else(|| self.expires_in.as_str()?.parse().ok());
        let expires_in = expires_in.ok_or("the answer of 200 holds a token without an end")?;
        Ok(Token {
            text,
            obtained_at: now,
            expires_at: now.saturating_add(expires_in),
        })
    }
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
    fn read(body: &[u8], proof: &Proof<'_>) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let encoded: String = form_urlencoded::byte_serialize(proof.text().as_bytes()).collect();
        let encoded = Zeroizing::new(encoded);
        let text = |name: &str| match body.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(redact(text, &[proof.text(), &encoded])),
            other => Some(redact(&other.to_string(), &[proof.text(), &encoded])),
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
            client_request_id: String::new(),
        }
    }
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
        let other = Rc::new(Token {
            text: Zeroizing::new("other".to_owned()),
            obtained_at: 0,
            expires_at: 0,
        });
        tokens.forget(&other);
        let kept = block_on(tokens.acquire(&host, &contoso())).unwrap();
        assert!(kept.was_kept, "another token was refused");
        tokens.forget(&kept.token);
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
    fn odd_fields_do_not_lose_the_others() {
        let odd = br#"{"error":"invalid_client","error_codes":["7000215",7,-1,{}],"error_description":null,"claims":{"a":1}}"#;
        let refused = Refused::read(odd, &Proof::Secret("hunter2")).unwrap();
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
                Refused::read(body.as_bytes(), &Proof::Secret("hunter2")).is_none(),
                "{body}"
            );
        }
    }

    #[test]
    fn a_proof_that_is_repeated_is_not_passed_on() {
        let echo = br#"{"error":"invalid_client","error_description":"client_secret=a%2Bb%2Bc+d, that is a+b+c d"}"#;
        let refused = Refused::read(echo, &Proof::Secret("a+b+c d")).unwrap();
        assert_eq!(refused.description, "client_secret=***, that is ***");
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
