//! Settings from the caller's record or from environment variables, not validated yet.

use zeroize::Zeroizing;

use super::elsewhere::Elsewhere;
use super::names::{ASSERTION, CERTIFICATES, SECRETS, VARIABLES};
use super::parse::{parse_algorithm, parse_flag, plain};
use crate::credential::AssertionAlgorithm;
use crate::faults::Faults;

/// Settings before validation.
#[derive(Default)]
pub struct Given {
    pub environment_url: Option<String>,
    pub tenant_id: Option<String>,
    pub client_id: Option<String>,
    pub credentials: Vec<GivenCredential>,
    pub authority: Option<String>,
    pub scope: Option<String>,
    pub algorithm: Option<AssertionAlgorithm>,
    pub send_chain: Option<bool>,
    pub connect_timeout_ms: Option<u32>,
    pub first_byte_timeout_ms: Option<u32>,
    pub between_bytes_timeout_ms: Option<u32>,
    pub retry_budget_ms: Option<u32>,
    pub call_timeout_ms: Option<u32>,
    pub max_request_bytes: Option<u32>,
    pub max_answer_bytes: Option<u32>,
    pub organization_id: Option<String>,
    /// Hints for missing settings that other tools' variables contain.
    pub elsewhere: Elsewhere,
}

/// A credential before validation.
pub struct GivenCredential {
    /// The settings field or the variable.
    pub name: String,
    pub text: GivenText,
}

pub enum GivenText {
    Certificate {
        text: Zeroizing<String>,
        password: Option<Zeroizing<String>>,
    },
    Assertion(Zeroizing<String>),
    Secret(Zeroizing<String>),
}

impl Given {
    /// An empty variable counts as not set, because shells and manifests often cannot omit one.
    pub fn from_variables(variables: &[(String, String)], faults: &mut Faults) -> Self {
        let value = |name: &str| {
            let (_, value) = variables.iter().find(|(key, _)| key == name)?;
            Some(value.trim()).filter(|value| !value.is_empty())
        };
        let text = |name| value(name).map(str::to_owned);
        let algorithm =
            value(VARIABLES.algorithm).and_then(|name| faults.keep(VARIABLES.algorithm, plain(name, parse_algorithm)));
        let send_chain =
            value(VARIABLES.send_chain).and_then(|flag| faults.keep(VARIABLES.send_chain, plain(flag, parse_flag)));
        let mut number = |name: &str| {
            let whole = |text: &str| {
                text.parse()
                    .map_err(|_| "is not a whole number up to 4294967295".to_owned())
            };
            faults.keep(name, plain(value(name)?, whole))
        };
        Self {
            environment_url: text(VARIABLES.environment_url),
            tenant_id: text(VARIABLES.tenant_id),
            client_id: text(VARIABLES.client_id),
            credentials: credentials(|name| value(name).map(|value| Zeroizing::new(value.to_owned()))),
            authority: text(VARIABLES.authority),
            scope: text(VARIABLES.scope),
            algorithm,
            send_chain,
            connect_timeout_ms: number(VARIABLES.connect_timeout_ms),
            first_byte_timeout_ms: number(VARIABLES.first_byte_timeout_ms),
            between_bytes_timeout_ms: number(VARIABLES.between_bytes_timeout_ms),
            retry_budget_ms: number(VARIABLES.retry_budget_ms),
            call_timeout_ms: number(VARIABLES.call_timeout_ms),
            max_request_bytes: number(VARIABLES.max_request_bytes),
            max_answer_bytes: number(VARIABLES.max_answer_bytes),
            organization_id: text(VARIABLES.organization_id),
            elsewhere: Elsewhere::among(|name| value(name).is_some()),
        }
    }

    /// Whether none of the required settings is set.
    pub fn is_empty(&self) -> bool {
        let texts = [&self.environment_url, &self.tenant_id, &self.client_id];
        texts.iter().all(|text| text.is_none()) && self.credentials.is_empty()
    }
}

/// The credentials among the variables, in the order in which they are tried: first those that never leave
/// the component.
fn credentials(value: impl Fn(&str) -> Option<Zeroizing<String>>) -> Vec<GivenCredential> {
    let certificates = CERTIFICATES.iter().map(|(name, password)| {
        let text = value(name).map(|text| GivenText::Certificate {
            text,
            password: value(password),
        });
        (*name, text)
    });
    let assertion = [(ASSERTION, value(ASSERTION).map(GivenText::Assertion))];
    let secrets = SECRETS.iter().map(|name| (*name, value(name).map(GivenText::Secret)));
    certificates
        .chain(assertion)
        .chain(secrets)
        .filter_map(|(name, text)| {
            Some(GivenCredential {
                name: name.to_owned(),
                text: text?,
            })
        })
        .collect()
}
