//! The caller's identity and the environment: read from the caller's record or from environment variables,
//! and validated once. All faults are reported together, each with its field or variable.

pub(crate) mod cloud;
mod elsewhere;
mod given;
mod names;
mod parse;

use std::time::Duration;

use zeroize::Zeroize;

use crate::credential::AssertionAlgorithm;
use crate::credential::{Certificate, Credential, FederatedAssertion, Named, Secret};
use crate::error::Error;
use crate::faults::Faults;
use crate::host::Timeouts;
use crate::http::origin::Origin;
use elsewhere::Elsewhere;
use names::{ASSERTION, FIELDS, Names, SECRETS, VARIABLES};
use parse::{parse_authority, parse_client_id, parse_organization_id, parse_scope, plain};

pub(crate) use given::{Given, GivenCredential, GivenText};
pub use parse::parse_tenant;

/// Valid settings.
#[derive(Debug)]
pub struct Settings {
    /// The environment. The token is sent to no other origin.
    pub environment: Origin,
    /// The Entra ID authority that issues the tokens.
    pub authority: Origin,
    /// The tenant; `None` if it is to be discovered from the environment.
    pub tenant: Option<String>,
    /// The application.
    pub client_id: String,
    /// The credentials, at least one, in the order in which they are tried.
    pub credentials: Vec<Named>,
    /// The scope to request, ending in `/.default`.
    pub scope: String,
    /// The timeouts of requests.
    pub timeouts: Timeouts,
    /// How long one call may retry.
    pub retry_budget: Duration,
    /// How long one call may take in all. Bytes that are transferred extend it.
    pub call_timeout: Duration,
    /// The maximum length of a request body, in bytes.
    pub max_request_bytes: u32,
    /// The maximum length of an answer body, in bytes.
    pub max_answer_bytes: u32,
    /// The expected organization id of the environment.
    pub organization_id: Option<String>,
    /// The names of the settings at their source.
    pub names: &'static Names,
}

impl Settings {
    /// Validates the settings of a caller.
    ///
    /// # Errors
    /// `invalid-settings`.
    pub fn new(given: Given) -> Result<Self, Error> {
        check(given, &FIELDS, Faults::default())
    }

    /// Reads environment variables, then wipes them.
    ///
    /// # Errors
    /// `invalid-settings`.
    pub fn from_variables(mut variables: Vec<(String, String)>) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let given = Given::from_variables(&variables, &mut faults);
        if given.is_empty() {
            faults.add(
                "environment",
                "contains none of this component's variables: does the host pass them on? (Wasmtime: --env NAME; Spin: `environment` \
                 of the component, and for a dependency `inherit_configuration`)",
            );
        }
        for (_, value) in &mut variables {
            value.zeroize();
        }
        check(given, &VARIABLES, faults)
    }

    /// The token endpoint of a tenant, which is also the audience of assertions (docs/facts/entra.md, 1.1).
    pub fn token_url(&self, tenant: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/token", self.authority)
    }
}

fn check(given: Given, names: &'static Names, mut faults: Faults) -> Result<Settings, Error> {
    let credentials = credentials(&given, names, &mut faults);
    let timeouts = timeouts(&given, names, &mut faults);
    let retry_budget = Duration::from_millis(given.retry_budget_ms.unwrap_or(30_000).into());
    let call_timeout = at_least_one(given.call_timeout_ms, 300_000, names.call_timeout_ms, &mut faults);
    let call_timeout = Duration::from_millis(call_timeout.into());
    let max_request_bytes = at_least_one(given.max_request_bytes, 128 << 20, names.max_request_bytes, &mut faults);
    let max_answer_bytes = at_least_one(given.max_answer_bytes, 64 << 20, names.max_answer_bytes, &mut faults);

    let organization_id = given
        .organization_id
        .and_then(|id| faults.keep(names.organization_id, plain(&id, parse_organization_id)));
    let environment = required(
        given.environment_url,
        names.environment_url,
        &given.elsewhere,
        &mut faults,
    )
    .and_then(|url| faults.keep(names.environment_url, plain(&url, Origin::parse)));
    let tenant = given
        .tenant_id
        .and_then(|tenant| faults.keep(names.tenant_id, plain(&tenant, parse_tenant)));
    let client_id = required(given.client_id, names.client_id, &given.elsewhere, &mut faults)
        .and_then(|id| faults.keep(names.client_id, plain(&id, parse_client_id)));
    let authority = match (given.authority, &environment) {
        (Some(authority), _) => faults.keep(names.authority, plain(&authority, parse_authority)),
        (None, Some(environment)) => {
            let derived = cloud::authority_of(environment.host());
            faults.keep(
                names.authority,
                derived.map_err(|reason| format!("is not set, and {reason}: set it")),
            )
        }
        (None, None) => None,
    };
    let scope = match (given.scope, &environment) {
        (Some(scope), _) => faults.keep(names.scope, plain(&scope, parse_scope)),
        (None, Some(environment)) => Some(format!("{environment}/.default")),
        (None, None) => None,
    };

    match (environment, client_id, authority, scope) {
        (Some(environment), Some(client_id), Some(authority), Some(scope)) if faults.is_empty() => Ok(Settings {
            environment,
            authority,
            tenant,
            client_id,
            credentials,
            scope,
            timeouts,
            retry_budget,
            call_timeout,
            max_request_bytes,
            max_answer_bytes,
            organization_id,
            names,
        }),
        _ => Err(faults.into_settings_error()),
    }
}

fn credentials(given: &Given, names: &Names, faults: &mut Faults) -> Vec<Named> {
    if given.credentials.is_empty() {
        let reason = if names.credentials == FIELDS.credentials {
            "is empty: give a certificate, an assertion or a secret".to_owned()
        } else {
            let [secret, _] = SECRETS;
            given.elsewhere.of_credentials().map_or_else(
                || format!("is not set, and neither is {secret} or {ASSERTION}: set one of them"),
                |instead| format!("is not set; {instead}"),
            )
        };
        faults.add(names.credentials, reason);
    }
    let algorithm = given.algorithm.unwrap_or(AssertionAlgorithm::Ps256);
    let send_chain = given.send_chain.unwrap_or(false);
    let read = |given: &GivenCredential| match &given.text {
        GivenText::Certificate { text, password } => {
            let password = password.as_ref().map(|password| password.as_str());
            let certificate = Certificate::parse(text, password, algorithm, send_chain)?;
            Ok(Credential::Certificate(Box::new(certificate)))
        }
        GivenText::Assertion(text) => FederatedAssertion::parse(text).map(Credential::Assertion),
        GivenText::Secret(text) => Secret::parse(text).map(Credential::Secret),
    };
    let named = given.credentials.iter().filter_map(|given| {
        Some(Named {
            credential: faults.keep(&given.name, read(given))?,
            name: given.name.clone(),
        })
    });
    named.collect()
}

fn timeouts(given: &Given, names: &Names, faults: &mut Faults) -> Timeouts {
    let mut timeout = |given, default, name| Duration::from_millis(at_least_one(given, default, name, faults).into());
    Timeouts {
        connect: timeout(given.connect_timeout_ms, 10_000, names.connect_timeout_ms),
        first_byte: timeout(given.first_byte_timeout_ms, 130_000, names.first_byte_timeout_ms),
        between_bytes: timeout(given.between_bytes_timeout_ms, 30_000, names.between_bytes_timeout_ms),
    }
}

fn required(value: Option<String>, name: &str, elsewhere: &Elsewhere, faults: &mut Faults) -> Option<String> {
    if value.is_none() {
        let instead = elsewhere.of(name).map(|instead| format!("is not set; {instead}"));
        faults.add(name, instead.unwrap_or_else(|| "is not set".to_owned()));
    }
    value
}

fn at_least_one(given: Option<u32>, default: u32, name: &str, faults: &mut Faults) -> u32 {
    if given == Some(0) {
        faults.add(name, "is 0: expected at least 1");
    }
    given.unwrap_or(default)
}

#[cfg(test)]
mod properties;

#[cfg(test)]
pub(crate) mod tests {
    use zeroize::Zeroizing;

    use super::*;

    /// Settings for the unit tests of other modules.
    pub(crate) fn contoso() -> Settings {
        with_secrets(&["hunter2-hunter2"])
    }

    /// The same with other secrets.
    pub(crate) fn with_secrets(secrets: &[&str]) -> Settings {
        let credentials = secrets.iter().enumerate().map(|(index, secret)| GivenCredential {
            name: format!("credentials[{index}]"),
            text: GivenText::Secret(Zeroizing::new((*secret).to_owned())),
        });
        Settings::new(Given {
            environment_url: Some("https://contoso.crm.dynamics.com".to_owned()),
            tenant_id: Some("11111111-1111-4111-8111-111111111111".to_owned()),
            client_id: Some("22222222-2222-4222-8222-222222222222".to_owned()),
            credentials: credentials.collect(),
            ..Given::default()
        })
        .unwrap()
    }

    fn fields(error: Error) -> Vec<String> {
        match error {
            Error::InvalidSettings(faults) => faults.into_iter().map(|fault| fault.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_follow_from_the_environment() {
        let settings = contoso();
        assert_eq!(
            settings.token_url(settings.tenant.as_deref().unwrap()),
            "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token"
        );
        assert_eq!(settings.scope, "https://contoso.crm.dynamics.com/.default");
        assert_eq!(settings.timeouts.connect, Duration::from_secs(10));
        assert_eq!(settings.call_timeout, Duration::from_secs(300));
        assert_eq!(
            (settings.max_request_bytes, settings.max_answer_bytes),
            (128 << 20, 64 << 20)
        );
    }

    #[test]
    fn debug_gives_nothing_away() {
        assert!(!format!("{:?}", contoso()).contains("hunter2"));
    }

    #[test]
    fn nothing_set_names_what_is_needed() {
        assert_eq!(
            fields(Settings::from_variables(Vec::new()).unwrap_err()),
            [
                "environment",
                "AZURE_CLIENT_CERTIFICATE",
                "DATAVERSE_URL",
                "AZURE_CLIENT_ID"
            ]
        );
    }
}
