//! Settings in environment variables.

use dynamics365::fuzzing::Credential;
use dynamics365::fuzzing::Error;
use dynamics365::fuzzing::Gateway;
use dynamics365::fuzzing::Settings;

/// Occurs in the secrets of the corpus.
const SECRET: &str = "hunter2-hunter2-hunter2";

/// Lines of `NAME=value`.
pub(super) fn settings(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let variables: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // A message may quote an address in lower case, even if it contains a secret.
    let is_told = variables
        .iter()
        .any(|(name, value)| !is_secret(name) && value.to_ascii_lowercase().contains(SECRET));
    let gateway = Gateway::from_variables(variables.clone()).err();
    match Settings::from_variables(variables) {
        Ok(settings) => {
            hold_together(&settings);
            assert!(is_told || !format!("{settings:?}").contains(SECRET));
        }
        Err(Error::InvalidSettings(faults)) => {
            assert!(!faults.is_empty());
            for fault in faults {
                let is_known = ["environment", "AZURE_", "DATAVERSE_"]
                    .iter()
                    .any(|start| fault.field.starts_with(start));
                assert!(is_known && !fault.reason.is_empty(), "{}", fault.field);
                assert!(is_told || !fault.reason.contains(SECRET), "{}", fault.reason);
            }
        }
        Err(error) => panic!("{error:?}"),
    }
    assert!(is_told || !gateway.is_some_and(|reason| reason.contains(SECRET)));
}

fn is_secret(name: &str) -> bool {
    const SECRETS: [&str; 5] = [
        "ARM_CLIENT_",
        "AZURE_CLIENT_CERTIFICATE",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN",
        "GATEWAY_KEY",
    ];
    SECRETS.iter().any(|start| name.starts_with(start))
}

fn hold_together(settings: &Settings) {
    assert!(!settings.credentials.is_empty());
    for named in &settings.credentials {
        if let Credential::Secret(secret) = &named.credential {
            assert!(
                secret.reveal().bytes().all(|byte| matches!(byte, b' '..=b'~')),
                "it goes into a form"
            );
        }
    }
    assert!(settings.scope.ends_with("/.default"));
    assert!(settings.max_request_bytes > 0 && settings.max_answer_bytes > 0);
    for origin in [&settings.environment, &settings.authority] {
        let origin = origin.to_string();
        let is_loopback = ["http://127.", "http://localhost", "http://[::1]"]
            .iter()
            .any(|start| origin.starts_with(start));
        assert!(origin.starts_with("https://") || is_loopback, "{origin}");
    }
    if let Some(tenant) = &settings.tenant {
        let url: http::Uri = settings.token_url(tenant).parse().unwrap();
        assert_eq!(url.path(), format!("/{tenant}/oauth2/v2.0/token"));
        assert_eq!(url.path().split('/').count(), 5);
    }
}
