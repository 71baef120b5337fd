//! The token endpoint: the client credentials request (Microsoft's page "OAuth 2.0 client credentials flow"; RFC 6749,
//! 4.4).

use http::{Request, header};
use zeroize::{Zeroize, Zeroizing};

use super::Token;
use super::answer;
use crate::assertion::{self, Claims};
use crate::attempts::counted;
use crate::contract::types::{Error, OutageCause, Service};
use crate::credential::Credential;
use crate::error::{Asked, Faults};
use crate::host::{Body, Failure, Host, exchange, new_guid};
use crate::retry::{Budget, may_pass, retry_after_of};
use crate::settings::Settings;

/// Token answers are a few kilobytes; more than this is none.
const MAX_ANSWER_BYTES: u32 = 1 << 20;

/// Asks for a token, and again where Entra ID is out of reach, cannot answer, or wants to be asked later.
///
/// # Errors
/// `entra-id`, `throttled`, `unavailable`; `invalid-settings` when the key cannot sign.
pub async fn request(host: &impl Host, settings: &Settings, budget: &Budget) -> Result<Token, Error> {
    let mut failed = 0;
    loop {
        let error = match ask(host, settings).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        failed = u32::saturating_add(failed, 1);
        if !(may_pass(&error, failed) && budget.pause(host, failed, retry_after_of(&error)).await) {
            return Err(counted(error, failed));
        }
    }
}

/// One attempt.
async fn ask(host: &impl Host, settings: &Settings) -> Result<Token, Error> {
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
    answer::read(
        answer.map_err(|failure| asked.outage(failure))?,
        now,
        &asked,
        proof.text(),
    )
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
