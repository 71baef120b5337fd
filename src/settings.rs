//! Who calls and which environment is called: read from the caller's record or from environment variables, checked once
//! and never again. Every fault is named at once, with the field or the variable to correct.

use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use crate::cloud;
use crate::contract::types::{self, AssertionAlgorithm, Error};
use crate::credential::{Certificate, Credential, Secret};
use crate::error::Faults;
use crate::host::{Timeouts, is_guid};
use crate::origin::Origin;

/// Settings that hold together.
#[derive(Debug)]
pub struct Settings {
    /// The environment; the token goes nowhere else.
    pub environment: Origin,
    /// The Entra ID that issues the tokens.
    pub authority: Origin,
    /// Where tokens are asked for, and what assertions name as their audience.
    pub token_url: String,
    /// The application.
    pub client_id: String,
    /// What the application proves itself with.
    pub credential: Credential,
    /// The scope to ask for, ending in `/.default`.
    pub scope: String,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How long one call may go on trying.
    pub retry_budget: Duration,
    /// The largest request body, in bytes.
    pub max_request_bytes: u32,
    /// The largest answer body, in bytes.
    pub max_answer_bytes: u32,
}

impl Settings {
    /// Reads a caller's record.
    ///
    /// # Errors
    /// `invalid-settings`.
    pub fn from_record(record: types::Settings) -> Result<Self, Error> {
        let (certificate, secret) = match record.credential {
            types::Credential::Certificate(pem) => (Some(Zeroizing::new(pem)), None),
            types::Credential::Secret(secret) => (None, Some(Zeroizing::new(secret))),
        };
        let options = record.options;
        let option = |pick: fn(&types::Options) -> Option<u32>| options.as_ref().and_then(pick);
        let given = Given {
            environment_url: Some(record.environment_url),
            tenant_id: Some(record.tenant_id),
            client_id: Some(record.client_id),
            certificate,
            secret,
            algorithm: options.as_ref().and_then(|options| options.assertion_algorithm),
            send_chain: options.as_ref().and_then(|options| options.send_certificate_chain),
            connect_timeout_ms: option(|options| options.connect_timeout_ms),
            first_byte_timeout_ms: option(|options| options.first_byte_timeout_ms),
            between_bytes_timeout_ms: option(|options| options.between_bytes_timeout_ms),
            retry_budget_ms: option(|options| options.retry_budget_ms),
            max_request_bytes: option(|options| options.max_request_bytes),
            max_answer_bytes: option(|options| options.max_answer_bytes),
            scope: options.as_ref().and_then(|options| options.scope.clone()),
            authority: options.and_then(|options| options.authority),
        };
        given.check(&FIELDS, Faults::default())
    }

    /// Reads environment variables, and wipes them.
    ///
    /// # Errors
    /// `invalid-settings`.
    pub fn from_variables(mut variables: Vec<(String, String)>) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let given = Given::from_variables(&variables, &mut faults);
        if given.is_empty() {
            faults.add(
                "environment",
                "holds none of this component's variables: does the host pass them on? (Wasmtime: --env NAME; Spin: `environment` \
                 of the component, and for a dependency `inherit_configuration`)",
            );
        }
        for (_, value) in &mut variables {
            value.zeroize();
        }
        given.check(&VARIABLES, faults)
    }
}

/// What the fields are called where the settings come from.
struct Names {
    environment_url: &'static str,
    tenant_id: &'static str,
    client_id: &'static str,
    certificate: &'static str,
    secret: &'static str,
    authority: &'static str,
    scope: &'static str,
    algorithm: &'static str,
    send_chain: &'static str,
    connect_timeout_ms: &'static str,
    first_byte_timeout_ms: &'static str,
    between_bytes_timeout_ms: &'static str,
    retry_budget_ms: &'static str,
    max_request_bytes: &'static str,
    max_answer_bytes: &'static str,
}

/// In the record `settings` of `wit/types.wit`.
const FIELDS: Names = Names {
    environment_url: "environment-url",
    tenant_id: "tenant-id",
    client_id: "client-id",
    certificate: "credential.certificate",
    secret: "credential.secret",
    authority: "options.authority",
    scope: "options.scope",
    algorithm: "options.assertion-algorithm",
    send_chain: "options.send-certificate-chain",
    connect_timeout_ms: "options.connect-timeout-ms",
    first_byte_timeout_ms: "options.first-byte-timeout-ms",
    between_bytes_timeout_ms: "options.between-bytes-timeout-ms",
    retry_budget_ms: "options.retry-budget-ms",
    max_request_bytes: "options.max-request-bytes",
    max_answer_bytes: "options.max-answer-bytes",
};

/// In the environment. `AZURE_*` are the names that the Azure SDKs use.
const VARIABLES: Names = Names {
    environment_url: "DATAVERSE_URL",
    tenant_id: "AZURE_TENANT_ID",
    client_id: "AZURE_CLIENT_ID",
    certificate: "AZURE_CLIENT_CERTIFICATE",
    secret: "AZURE_CLIENT_SECRET",
    authority: "AZURE_AUTHORITY_HOST",
    scope: "DATAVERSE_SCOPE",
    algorithm: "AZURE_CLIENT_ASSERTION_ALGORITHM",
    send_chain: "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    connect_timeout_ms: "DATAVERSE_CONNECT_TIMEOUT_MS",
    first_byte_timeout_ms: "DATAVERSE_FIRST_BYTE_TIMEOUT_MS",
    between_bytes_timeout_ms: "DATAVERSE_BETWEEN_BYTES_TIMEOUT_MS",
    retry_budget_ms: "DATAVERSE_RETRY_BUDGET_MS",
    max_request_bytes: "DATAVERSE_MAX_REQUEST_BYTES",
    max_answer_bytes: "DATAVERSE_MAX_ANSWER_BYTES",
};

/// Settings as they were given.
struct Given {
    environment_url: Option<String>,
    tenant_id: Option<String>,
    client_id: Option<String>,
    certificate: Option<Zeroizing<String>>,
    secret: Option<Zeroizing<String>>,
    authority: Option<String>,
    scope: Option<String>,
    algorithm: Option<AssertionAlgorithm>,
    send_chain: Option<bool>,
    connect_timeout_ms: Option<u32>,
    first_byte_timeout_ms: Option<u32>,
    between_bytes_timeout_ms: Option<u32>,
    retry_budget_ms: Option<u32>,
    max_request_bytes: Option<u32>,
    max_answer_bytes: Option<u32>,
}

impl Given {
    /// A variable that is empty counts as one that is not set, as shells and manifests often cannot leave one out.
    fn from_variables(variables: &[(String, String)], faults: &mut Faults) -> Self {
        let value = |name: &str| {
            let (_, value) = variables.iter().find(|(key, _)| key == name)?;
            Some(value.trim()).filter(|value| !value.is_empty())
        };
        let text = |name| value(name).map(str::to_owned);
        let mut number = |name: &str| {
            let parsed = value(name)?
                .parse()
                .map_err(|_| "is not a whole number up to 4294967295".to_owned());
            faults.keep(name, parsed)
        };
        let given = Self {
            environment_url: text(VARIABLES.environment_url),
            tenant_id: text(VARIABLES.tenant_id),
            client_id: text(VARIABLES.client_id),
            certificate: text(VARIABLES.certificate).map(Zeroizing::new),
            secret: text(VARIABLES.secret).map(Zeroizing::new),
            authority: text(VARIABLES.authority),
            scope: text(VARIABLES.scope),
            algorithm: None,
            send_chain: None,
            connect_timeout_ms: number(VARIABLES.connect_timeout_ms),
            first_byte_timeout_ms: number(VARIABLES.first_byte_timeout_ms),
            between_bytes_timeout_ms: number(VARIABLES.between_bytes_timeout_ms),
            retry_budget_ms: number(VARIABLES.retry_budget_ms),
            max_request_bytes: number(VARIABLES.max_request_bytes),
            max_answer_bytes: number(VARIABLES.max_answer_bytes),
        };
        let algorithm =
            value(VARIABLES.algorithm).and_then(|name| faults.keep(VARIABLES.algorithm, parse_algorithm(name)));
        let send_chain =
            value(VARIABLES.send_chain).and_then(|flag| faults.keep(VARIABLES.send_chain, parse_flag(flag)));
        Self {
            algorithm,
            send_chain,
            ..given
        }
    }

    /// Whether nothing that has to be set is.
    fn is_empty(&self) -> bool {
        let texts = [&self.environment_url, &self.tenant_id, &self.client_id];
        texts.iter().all(|text| text.is_none()) && self.certificate.is_none() && self.secret.is_none()
    }

    fn check(self, names: &Names, mut faults: Faults) -> Result<Settings, Error> {
        let credential = self.credential(names, &mut faults);
        let timeouts = self.timeouts(names, &mut faults);
        let retry_budget = Duration::from_millis(self.retry_budget_ms.unwrap_or(30_000).into());
        let max_request_bytes = at_least_one(self.max_request_bytes, 128 << 20, names.max_request_bytes, &mut faults);
        let max_answer_bytes = at_least_one(self.max_answer_bytes, 64 << 20, names.max_answer_bytes, &mut faults);

        let environment = required(self.environment_url, names.environment_url, &mut faults)
            .and_then(|url| faults.keep(names.environment_url, Origin::parse(url.trim())));
        let tenant = required(self.tenant_id, names.tenant_id, &mut faults)
            .and_then(|tenant| faults.keep(names.tenant_id, parse_tenant(tenant.trim())));
        let client_id = required(self.client_id, names.client_id, &mut faults)
            .and_then(|id| faults.keep(names.client_id, parse_client_id(id.trim())));
        let authority = match (self.authority, &environment) {
            (Some(authority), _) => faults.keep(names.authority, parse_authority(authority.trim())),
            (None, Some(environment)) => derive_authority(environment, names, &mut faults),
            (None, None) => None,
        };
        let scope = match (self.scope, &environment) {
            (Some(scope), _) => faults.keep(names.scope, parse_scope(scope.trim())),
            (None, Some(environment)) => Some(format!("{environment}/.default")),
            (None, None) => None,
        };

        match (environment, tenant, client_id, credential, authority, scope) {
            (Some(environment), Some(tenant), Some(client_id), Some(credential), Some(authority), Some(scope))
                if faults.is_empty() =>
            {
                Ok(Settings {
                    environment,
                    token_url: format!("{authority}/{tenant}/oauth2/v2.0/token"),
                    authority,
                    client_id,
                    credential,
                    scope,
                    timeouts,
                    retry_budget,
                    max_request_bytes,
                    max_answer_bytes,
                })
            }
            _ => Err(faults.into_settings_error()),
        }
    }

    fn credential(&self, names: &Names, faults: &mut Faults) -> Option<Credential> {
        match (&self.certificate, &self.secret) {
            (Some(pem), None) => {
                let algorithm = self.algorithm.unwrap_or(AssertionAlgorithm::Ps256);
                let certificate = Certificate::parse(pem, None, algorithm, self.send_chain.unwrap_or(false));
                faults
                    .keep(names.certificate, certificate)
                    .map(|certificate| Credential::Certificate(Box::new(certificate)))
            }
            (None, Some(secret)) => faults.keep(names.secret, Secret::parse(secret)).map(Credential::Secret),
            (Some(_), Some(_)) => {
                faults.add(
                    names.secret,
                    format!("is set beside {}: set only one of them", names.certificate),
                );
                None
            }
            (None, None) => {
                let reason = format!("is not set, and neither is {}: set one of them", names.secret);
                faults.add(names.certificate, reason);
                None
            }
        }
    }

    fn timeouts(&self, names: &Names, faults: &mut Faults) -> Timeouts {
        let mut timeout =
            |given, default, name| Duration::from_millis(at_least_one(given, default, name, faults).into());
        Timeouts {
            connect: timeout(self.connect_timeout_ms, 10_000, names.connect_timeout_ms),
            first_byte: timeout(self.first_byte_timeout_ms, 130_000, names.first_byte_timeout_ms),
            between_bytes: timeout(self.between_bytes_timeout_ms, 30_000, names.between_bytes_timeout_ms),
        }
    }
}

fn required(value: Option<String>, name: &str, faults: &mut Faults) -> Option<String> {
    if value.is_none() {
        faults.add(name, "is not set");
    }
    value
}

fn at_least_one(given: Option<u32>, default: u32, name: &str, faults: &mut Faults) -> u32 {
    if given == Some(0) {
        faults.add(name, "is 0: expected at least 1");
    }
    given.unwrap_or(default)
}

fn parse_tenant(tenant: &str) -> Result<String, String> {
    let tenant = tenant.to_ascii_lowercase();
    if matches!(tenant.as_str(), "common" | "organizations" | "consumers") {
        return Err(format!(
            "is {tenant}: an application signs in to one tenant; give that tenant's id"
        ));
    }
    let is_domain = tenant.contains('.')
        && !tenant.contains("..")
        && tenant
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && tenant.bytes().any(|b| b.is_ascii_alphabetic());
    if is_guid(&tenant) || is_domain {
        Ok(tenant)
    } else {
        Err("is neither a GUID nor a domain name".to_owned())
    }
}

fn parse_client_id(id: &str) -> Result<String, String> {
    if is_guid(id) {
        Ok(id.to_ascii_lowercase())
    } else {
        Err("is not a GUID: expected the application (client) id of the app registration".to_owned())
    }
}

/// The Azure SDKs accept the variable without a scheme, so people write it so.
fn parse_authority(authority: &str) -> Result<Origin, String> {
    if authority.contains("://") {
        Origin::parse(authority)
    } else {
        Origin::parse(&format!("https://{authority}"))
    }
}

fn derive_authority(environment: &Origin, names: &Names, faults: &mut Faults) -> Option<Origin> {
    let derived = cloud::authority_of(environment.host()).and_then(Origin::parse);
    derived
        .map_err(|reason| faults.add(names.authority, format!("is not set, and {reason}: set it")))
        .ok()
}

/// Client credentials ask for all that was granted, with this suffix; anything else is AADSTS1002012.
fn parse_scope(scope: &str) -> Result<String, String> {
    let resource = scope.strip_suffix("/.default").unwrap_or_default();
    if !resource.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(scope.to_owned())
    } else {
        Err("is not a resource followed by /.default, such as https://contoso.crm.dynamics.com/.default".to_owned())
    }
}

fn parse_algorithm(name: &str) -> Result<AssertionAlgorithm, String> {
    match name.to_ascii_uppercase().as_str() {
        "PS256" => Ok(AssertionAlgorithm::Ps256),
        "RS256" => Ok(AssertionAlgorithm::Rs256),
        _ => Err("is neither PS256 nor RS256".to_owned()),
    }
}

fn parse_flag(flag: &str) -> Result<bool, String> {
    match flag.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("is none of 1, true, 0 and false".to_owned()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings for the unit tests of other rooms.
    pub(crate) fn contoso() -> Settings {
        Settings::from_record(record()).unwrap()
    }

    fn record() -> types::Settings {
        types::Settings {
            environment_url: "https://contoso.crm.dynamics.com".to_owned(),
            tenant_id: "11111111-1111-4111-8111-111111111111".to_owned(),
            client_id: "22222222-2222-4222-8222-222222222222".to_owned(),
            credential: types::Credential::Secret("hunter2-hunter2".to_owned()),
            options: None,
        }
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
            settings.token_url,
            "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token"
        );
        assert_eq!(settings.scope, "https://contoso.crm.dynamics.com/.default");
        assert_eq!(settings.timeouts.connect, Duration::from_secs(10));
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
                "AZURE_TENANT_ID",
                "AZURE_CLIENT_ID"
            ]
        );
    }

    #[test]
    fn tenants_are_ids_or_domains() {
        for tenant in [
            "11111111-1111-4111-8111-111111111111",
            "contoso.onmicrosoft.com",
            "Contoso.COM",
        ] {
            assert_eq!(parse_tenant(tenant), Ok(tenant.to_ascii_lowercase()));
        }
        for tenant in [
            "",
            ".",
            "..",
            "common",
            "Consumers",
            "a/b.com",
            "a b.com",
            "a..com",
            "1.2",
            "contoso",
            "a.com/..",
            "é.com",
        ] {
            assert!(parse_tenant(tenant).is_err(), "{tenant}");
        }
    }

    #[test]
    fn an_authority_may_lack_its_scheme() {
        assert_eq!(
            parse_authority("login.microsoftonline.us").unwrap().to_string(),
            "https://login.microsoftonline.us"
        );
        assert_eq!(
            parse_authority("https://login.microsoftonline.us/")
                .unwrap()
                .to_string(),
            "https://login.microsoftonline.us"
        );
        assert!(parse_authority("http://login.microsoftonline.us").is_err());
        assert!(parse_authority("login.microsoftonline.us/tenant").is_err());
    }
}
