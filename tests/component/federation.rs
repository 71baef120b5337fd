//! Assertions from another identity provider: workload identity federation.

use std::time::{Duration, SystemTime};

use embedded_host::types::{Credential, CredentialKind};
use embedded_host::{Clock, Network, secret};
use sandbox::federation::{AUDIENCE, Issuer};

use crate::support::{COMPONENT, Client, Tenant, entra_error, settings_faults};

const HOUR: Duration = Duration::from_secs(3600);
const SUBJECT: &str = "system:serviceaccount:default:app";

fn issuer(tenant: &Tenant) -> Issuer {
    let issuer = Issuer::new("https://issuer.example/").unwrap();
    let credential = issuer.credential(SUBJECT, AUDIENCE).unwrap();
    tenant
        .sandbox
        .add_federated_credential(&tenant.demo.client_id, credential)
        .unwrap();
    issuer
}

#[test]
fn an_assertion_made_elsewhere_serves() {
    let tenant = Tenant::start();
    let now = SystemTime::now();
    let assertion = issuer(&tenant)
        .issue(SUBJECT, AUDIENCE, now - HOUR, now + HOUR)
        .unwrap();
    let settings = tenant.settings_with([Credential::Assertion(format!("{assertion}\n"))]);
    let mut client = Client::open(&settings, Network::Machine);
    client.whoami().unwrap();
    let token = client.token().unwrap();
    assert_eq!(token.credential.kind, CredentialKind::Assertion);
    let end = (now + HOUR).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(token.credential.expires_at, Some(end));

    let origin = tenant.sandbox.origin();
    let variables = [
        ("DATAVERSE_URL", origin.as_str()),
        ("AZURE_AUTHORITY_HOST", &origin),
        ("AZURE_TENANT_ID", &tenant.demo.config.tenant_id),
        ("AZURE_CLIENT_ID", &tenant.demo.client_id),
        ("AZURE_FEDERATED_TOKEN", &assertion),
    ];
    let mut instance = COMPONENT.instance(&variables, Network::Machine).unwrap();
    let token = instance.acquire_token(None).unwrap().unwrap();
    assert_eq!(token.credential.name, "AZURE_FEDERATED_TOKEN");
    let form = String::from_utf8_lossy(&tenant.sandbox.requests().last().unwrap().body).into_owned();
    assert!(form.contains("jwt-bearer"), "{form}");
}

#[test]
fn one_that_has_expired_says_so() {
    let tenant = Tenant::start();
    let now = SystemTime::now();
    let expired = issuer(&tenant)
        .issue(SUBJECT, AUDIENCE, now - 3 * HOUR, now - HOUR)
        .unwrap();
    let alone = tenant.settings_with([Credential::Assertion(expired.clone())]);
    let faults = settings_faults(Client::open(&alone, Network::Machine).token().unwrap_err());
    assert!(
        faults[0].1.contains("has expired") && faults[0].1.contains("new one from its issuer"),
        "{faults:?}"
    );
    let both = tenant.settings_with([
        Credential::Assertion(expired.clone()),
        secret(&tenant.demo.client_secret),
    ]);
    let token = Client::open(&both, Network::Machine).token().unwrap();
    assert_eq!(token.credential.kind, CredentialKind::Secret);

    // When only Entra ID knows that it has expired.
    tenant.sandbox.clear_requests();
    let clock = Clock::default();
    clock.set_wrong(-4 * 3600);
    let error = entra_error(
        Client::open_with_clock(&alone, Network::Machine, clock)
            .token()
            .unwrap_err(),
    );
    assert_eq!(error.error_codes, [700_024]);
    assert!(error.advice.unwrap().contains("get a new one"));
    assert_eq!(tenant.counts().0, 1, "it is not sent again by another clock");
}

#[test]
fn one_that_fits_no_federated_credential_has_its_advice() {
    let tenant = Tenant::start();
    let now = SystemTime::now();
    let issuer = issuer(&tenant);
    let stranger = Issuer::new("https://stranger.example/").unwrap();
    for (assertion, code) in [
        (issuer.issue("another", AUDIENCE, now, now + HOUR), 700_213),
        (issuer.issue(SUBJECT, "another", now, now + HOUR), 700_212),
        (stranger.issue(SUBJECT, AUDIENCE, now, now + HOUR), 700_211),
    ] {
        let settings = tenant.settings_with([Credential::Assertion(assertion.unwrap())]);
        let error = entra_error(Client::open(&settings, Network::Machine).token().unwrap_err());
        assert_eq!(error.error_codes, [code]);
        assert!(error.advice.unwrap().contains("issuer, subject and audience"));
    }
}

#[test]
fn anything_but_a_jwt_is_a_fault() {
    let tenant = Tenant::start();
    let mut instance = COMPONENT.instance(&[], Network::Machine).unwrap();
    for text in ["", "/var/run/secrets/azure/tokens/azure-identity-token", "a.b.c"] {
        let settings = tenant.settings_with([Credential::Assertion(text.to_owned())]);
        let faults = settings_faults(instance.open(&settings).unwrap().unwrap_err());
        assert!(faults[0].1.contains("expected a JWT"), "{faults:?}");
    }
}
