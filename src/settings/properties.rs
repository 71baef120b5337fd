//! Properties that hold for all settings.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::names::{ASSERTION, CERTIFICATES, SECRETS};
use super::*;

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const CLIENT: &str = "22222222-2222-4222-8222-222222222222";

fn names() -> Vec<&'static str> {
    let mut names = vec![
        VARIABLES.environment_url,
        VARIABLES.tenant_id,
        VARIABLES.client_id,
        VARIABLES.authority,
        VARIABLES.scope,
        VARIABLES.algorithm,
        VARIABLES.send_chain,
        VARIABLES.connect_timeout_ms,
        VARIABLES.first_byte_timeout_ms,
        VARIABLES.between_bytes_timeout_ms,
        VARIABLES.retry_budget_ms,
        VARIABLES.call_timeout_ms,
        VARIABLES.max_request_bytes,
        VARIABLES.max_answer_bytes,
        VARIABLES.organization_id,
        ASSERTION,
    ];
    names.extend(CERTIFICATES.iter().flat_map(|(name, password)| [name, password]));
    names.extend(SECRETS);
    names
}

/// A value that a person or an attacker may write.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        "https?://[a-z.:/@?#\\[\\]0-9]{0,30}",
        "[0-9]{1,12}",
        Just(TENANT.to_owned()),
        Just("https://contoso.crm.dynamics.com".to_owned()),
        Just("eyJhIjoxfQ.eyJleHAiOjF9.eA".to_owned()),
        "-----BEGIN (CERTIFICATE|PRIVATE KEY|RSA PRIVATE KEY)-----\n[A-Za-z0-9+/=\n]{0,80}\n-----END (CERTIFICATE|PRIVATE KEY)-----\n",
    ]
}

proptest! {
    /// Settings are accepted or refused. A refusal names only variables and never quotes a credential.
    #[test]
    fn variables_are_read_or_refused(values in vec((proptest::sample::select(names()), value()), 0..16), secret in "[!-~]{12,40}") {
        let mut variables: Vec<_> = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        variables.push((SECRETS[0].to_owned(), format!("{secret}\n{secret}")));
        if let Err(Error::InvalidSettings(faults)) = Settings::from_variables(variables) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(fault.field == "environment" || names().contains(&fault.field.as_str()), "{}", fault.field);
                prop_assert!(!fault.reason.is_empty() && !fault.reason.contains(&secret), "{}", fault.reason);
            }
        }
    }

    /// A record and variables with the same values result in the same settings.
    #[test]
    fn a_record_and_variables_mean_the_same(
        host in "[a-z]{1,10}(\\.api)?\\.crm[0-9]{0,2}\\.dynamics\\.com",
        tenant in option::of(prop_oneof![Just(TENANT.to_owned()), Just("contoso.onmicrosoft.com".to_owned())]),
        secrets in vec("[a-zA-Z0-9~._-][!-~]{0,39}", 1..=2),
        budget in option::of(any::<u32>()),
        blank in "[ \t\r\n]{0,3}",
    ) {
        let url = format!("https://{host}");
        let mut variables = vec![
            (VARIABLES.environment_url.to_owned(), format!("{blank}{url}/{blank}")),
            (VARIABLES.client_id.to_owned(), CLIENT.to_uppercase()),
        ];
        variables.extend(tenant.iter().map(|tenant| (VARIABLES.tenant_id.to_owned(), format!("{tenant}{blank}"))));
        variables.extend(SECRETS.iter().zip(&secrets).map(|(name, secret)| ((*name).to_owned(), secret.clone())));
        variables.extend(budget.iter().map(|budget| (VARIABLES.retry_budget_ms.to_owned(), budget.to_string())));
        let by_variables = Settings::from_variables(variables).unwrap();
        let credentials = secrets.into_iter().map(|secret| GivenCredential {
            name: String::new(),
            text: GivenText::Secret(Zeroizing::new(secret)),
        });
        let by_record = Settings::new(Given {
            environment_url: Some(url),
            tenant_id: tenant,
            client_id: Some(CLIENT.to_owned()),
            credentials: credentials.collect(),
            retry_budget_ms: budget,
            ..Given::default()
        }).unwrap();
        prop_assert_eq!(&by_variables.environment, &by_record.environment);
        prop_assert_eq!(&by_variables.authority, &by_record.authority);
        prop_assert_eq!(&by_variables.tenant, &by_record.tenant);
        prop_assert_eq!(&by_variables.client_id, &by_record.client_id);
        prop_assert_eq!(&by_variables.scope, &by_record.scope);
        prop_assert_eq!(by_variables.retry_budget, by_record.retry_budget);
        let prints = |settings: &Settings| settings.credentials.iter().map(|named| named.credential.fingerprint()).collect::<Vec<_>>();
        prop_assert_eq!(prints(&by_variables), prints(&by_record));
    }

    /// No value accepted as a tenant changes where a token is requested.
    #[test]
    fn a_tenant_is_one_segment_of_a_path(text in prop_oneof![any::<String>(), "[a-z0-9./?#%@:\\\\-]{1,20}"]) {
        if let Ok(tenant) = parse_tenant(&text) {
            let url: http::Uri = format!("https://login.example/{tenant}/oauth2/v2.0/token").parse().unwrap();
            prop_assert_eq!(url.path().split('/').collect::<Vec<_>>(), ["", &tenant, "oauth2", "v2.0", "token"]);
            prop_assert_eq!((url.host(), url.query()), (Some("login.example"), None));
            prop_assert!(tenant != "." && tenant != "..");
        }
    }

    /// A formatted origin parses to the same origin.
    #[test]
    fn an_origin_reads_back(text in prop_oneof![any::<String>(), "https?://[a-zA-Z0-9.:\\[\\]-]{1,30}/?"]) {
        if let Ok(origin) = Origin::parse(&text) {
            prop_assert_eq!(Origin::parse(&origin.to_string()), Ok(origin));
        }
    }
}
