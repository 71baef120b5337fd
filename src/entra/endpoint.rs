//! The token endpoint: the client credentials request (Microsoft's page "OAuth 2.0 client credentials flow";
//! RFC 6749, 4.4).

use http::{Request, header};
use serde_json::{Value, json};
use zeroize::{Zeroize, Zeroizing};

use super::answer::{self, Refused};
use super::assertion::{self, Claims};
use crate::credential::{Credential, Named};
use crate::error::{Asked, Error, Reason, Service};
use crate::faults::Faults;
use crate::guid::new_guid;
use crate::host::{Body, Cause, Failure, Host, Timeouts};
use crate::http::body::exchange;
use crate::http::date;
use crate::settings::Settings;

pub(super) use super::answer::Granted;

/// The maximum size of an answer. Token answers are a few kilobytes.
const MAX_ANSWER_BYTES: u32 = 1 << 20;

/// The inputs of a token request.
pub(super) struct TokenRequest<'a> {
    pub settings: &'a Settings,
    pub tenant: &'a str,
    pub named: &'a Named,
    /// The claims that the environment requires.
    pub claims: Option<&'a Value>,
    pub timeouts: &'a Timeouts,
    /// The signing time of an assertion, in seconds since 1970 by Entra ID's clock.
    pub assertion_time: u64,
}

/// The outcome of one token request.
pub(super) enum Outcome {
    /// A token.
    Granted(Granted),
    /// Nothing was sent.
    NotSent(Error),
    /// Entra ID refused, or sent no usable answer.
    Refused(Refused, Told),
}

/// Entra ID's own time, in seconds since 1970, if its answer contains it.
pub(super) type Told = Option<u64>;

/// A description of the token request, for errors.
pub(super) fn asked(host: &impl Host, settings: &Settings) -> Asked {
    Asked {
        service: Service::EntraId,
        origin: settings.authority.to_string(),
        writes: false,
        client_request_id: new_guid(host),
    }
}

/// Sends one token request.
pub(super) async fn ask(host: &impl Host, wanted: &TokenRequest<'_>, client_request_id: &str) -> Outcome {
    let token_url = wanted.settings.token_url(wanted.tenant);
    let proof = match Proof::make(host, wanted, &token_url) {
        Ok(proof) => proof,
        Err(error) => return Outcome::NotSent(error),
    };
    let form = form(wanted, &proof);
    let request = Request::post(&token_url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONTENT_LENGTH, form.len())
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, crate::USER_AGENT)
        .header("client-request-id", client_request_id)
        .header("return-client-request-id", "true")
        .body(Some(Wiped(form.as_bytes())));
    let failed = |failure| Outcome::Refused(Refused::Unsaid(Reason::NoAnswer(failure)), None);
    let request = match request {
        Ok(request) => request,
        Err(error) => return failed(Failure::not_sent(Cause::UnusableAnswer, error.to_string())),
    };
    match exchange(host, request, wanted.timeouts, MAX_ANSWER_BYTES).await {
        Ok(answer) => {
            let told = date::of(answer.headers());
            match answer::read(answer, host.now(), proof.text()) {
                Ok(granted) => Outcome::Granted(granted),
                Err(refused) => Outcome::Refused(refused, told),
            }
        }
        Err(failure) => failed(failure),
    }
}

/// The proof of the application's identity.
enum Proof<'a> {
    Secret(&'a str),
    Assertion(Zeroizing<String>),
}

impl<'a> Proof<'a> {
    fn make(host: &impl Host, wanted: &TokenRequest<'a>, token_url: &str) -> Result<Self, Error> {
        let certificate = match &wanted.named.credential {
            Credential::Secret(secret) => return Ok(Self::Secret(secret.reveal())),
            Credential::Assertion(assertion) => {
                return Ok(Self::Assertion(Zeroizing::new(assertion.reveal().to_owned())));
            }
            Credential::Certificate(certificate) => certificate,
        };
        let claims = Claims {
            audience: token_url,
            client_id: &wanted.settings.client_id,
            now: wanted.assertion_time,
            id: &new_guid(host),
        };
        assertion::sign(certificate, &claims)
            .map(Self::Assertion)
            .map_err(|reason| Faults::one(&wanted.named.name, reason).into_settings_error())
    }

    fn text(&self) -> &str {
        match self {
            Self::Secret(secret) => secret,
            Self::Assertion(assertion) => assertion,
        }
    }
}

/// The form to post. Wiped when dropped, because it contains the secret or the assertion.
fn form(wanted: &TokenRequest<'_>, proof: &Proof<'_>) -> Zeroizing<String> {
    let claims = claims(wanted.claims);
    // The capacity covers the whole form, including escapes. Growing would leave copies that are not wiped.
    let lengths = proof.text().len().saturating_add(claims.len());
    let room = lengths.saturating_mul(3).saturating_add(4 << 10);
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(room));
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", &wanted.settings.client_id);
    form.append_pair("scope", &wanted.settings.scope);
    form.append_pair("claims", &claims);
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

/// The claims of the request: those that the environment requires, and the capability to handle claims
/// challenges. Without it, services do not send such challenges (Microsoft's page "Claims challenges, claims
/// requests, and client capabilities").
fn claims(demanded: Option<&Value>) -> String {
    let mut claims = demanded.cloned().unwrap_or_else(|| json!({}));
    if let Some(claims) = claims.as_object_mut() {
        let of_token = claims.entry("access_token").or_insert_with(|| json!({}));
        if !of_token.is_object() {
            *of_token = json!({});
        }
        if let Some(of_token) = of_token.as_object_mut() {
            of_token.insert("xms_cc".to_owned(), json!({"values": ["CP1"]}));
        }
    }
    claims.to_string()
}

/// A body whose chunks are wiped after they were sent.
struct Wiped<'a>(&'a [u8]);

impl Body for Wiped<'_> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.0.chunk().await
    }

    fn sent(&mut self, mut chunk: Vec<u8>) {
        chunk.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demanded_claims_stand_beside_the_capability() {
        assert_eq!(claims(None), r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#);
        let demanded = json!({"access_token": {"nbf": {"essential": true, "value": "1"}}, "id_token": {}});
        let merged: Value = serde_json::from_str(&claims(Some(&demanded))).unwrap();
        assert_eq!(merged["access_token"]["nbf"], demanded["access_token"]["nbf"]);
        assert_eq!(merged["access_token"]["xms_cc"]["values"], json!(["CP1"]));
        assert_eq!(merged["id_token"], json!({}));
        for odd in [json!({"access_token": null}), json!({"access_token": [1]}), json!([])] {
            serde_json::from_str::<Value>(&claims(Some(&odd))).unwrap();
        }
    }
}
