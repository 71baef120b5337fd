//! Several credentials, so that one can be replaced without a failed request.

use std::time::{Duration, SystemTime};

use embedded_host::types::{AccessToken, CredentialKind, Error};
use embedded_host::{Clock, Network, Reply, certificate, secret};
use sandbox::certificate::generate_valid;
use sandbox::{Fault, FaultKind, Service};

use crate::support::{
    COMPONENT, Client, STRANGER, Tenant, answer, answered, certificate_of, contoso_settings, entra_error,
    settings_faults,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn credential_name(token: &AccessToken) -> &str {
    &token.credential.name
}

#[test]
fn a_refused_credential_gives_way_to_the_next() {
    let expired = {
        let now = SystemTime::now();
        generate_valid("expired for Entra ID", now - 2 * DAY, now + DAY).unwrap()
    };
    let revoked = sandbox::certificate::generate("revoked").unwrap();
    let client_id = |tenant: &Tenant| tenant.demo.client_id.clone();
    let tenant = Tenant::start();
    let sandbox = &tenant.sandbox;
    sandbox
        .add_certificate(&client_id(&tenant), &revoked.certificate_der)
        .unwrap();
    sandbox
        .revoke_certificate(&client_id(&tenant), &revoked.certificate_der)
        .unwrap();
    sandbox
        .add_certificate(&client_id(&tenant), &expired.certificate_der)
        .unwrap();
    sandbox
        .add_secret(&client_id(&tenant), "expired~secret", Some(SystemTime::now() - DAY))
        .unwrap();
    for (what, first, code) in [
        (
            "a certificate that is not registered",
            certificate_of(&STRANGER),
            700_027,
        ),
        ("a certificate that was revoked", certificate_of(&revoked), 7_000_214),
        ("a wrong secret", secret("wrong"), 7_000_215),
        ("an expired secret", secret("expired~secret"), 7_000_222),
    ] {
        sandbox.clear_requests();
        let settings = tenant.settings_with([first, secret(&tenant.demo.client_secret)]);
        let mut client = Client::open(&settings, Network::Machine);
        let token = client.token().unwrap();
        assert_eq!(credential_name(&token), "credentials[1]", "{what}");
        assert_eq!(tenant.counts().0, 2, "{what}");
        let output = client.instance.output();
        assert!(
            output.contains("credentials[0] was refused, credentials[1] is used")
                && output.contains(&format!("AADSTS{code}")),
            "{what}: {output}"
        );

        sandbox.revoke_tokens();
        client.whoami().unwrap();
        assert_eq!(tenant.counts().0, 3, "{what}: the one that works is tried first");
    }

    // It has expired by Entra ID's clock, but not by the host's.
    sandbox.shift_clock(60 * 60 * 25);
    let settings = tenant.settings_with([certificate_of(&expired), secret(&tenant.demo.client_secret)]);
    let token = Client::open(&settings, Network::Machine).token().unwrap();
    assert_eq!(credential_name(&token), "credentials[1]");
}

#[test]
fn a_refusal_that_is_not_the_credentials_tries_no_other() {
    for code in [900_382, 53_003, 90_055] {
        let tenant = Tenant::start();
        tenant.sandbox.misbehave(Fault::entra_error(code));
        let settings = tenant.settings_with([secret("wrong"), secret(&tenant.demo.client_secret)]);
        Client::open(&settings, Network::Machine).token().unwrap_err();
        assert_eq!(tenant.counts().0, 1, "{code}");
    }
    let tenant = Tenant::start();
    let throttle = FaultKind::Throttle {
        code: String::new(),
        retry_after_secs: 60,
    };
    tenant.sandbox.misbehave(Fault::new(Service::Entra, throttle));
    let both = [secret("wrong"), secret(&tenant.demo.client_secret)];
    for settings in [
        tenant.settings_with(both.clone()),
        embedded_host::types::Settings {
            client_id: crate::support::CLIENT.into(),
            ..tenant.settings_with(both.clone())
        },
        embedded_host::types::Settings {
            tenant_id: Some(crate::support::TENANT.into()),
            ..tenant.settings_with(both)
        },
    ] {
        tenant.sandbox.clear_requests();
        Client::open(&settings, Network::Machine).token().unwrap_err();
        assert_eq!(tenant.counts().0, 1);
    }
}

#[test]
fn when_all_are_refused_the_error_names_them() {
    let tenant = Tenant::start();
    let settings = tenant.settings_with([certificate_of(&STRANGER), secret("wrong")]);
    let error = entra_error(Client::open(&settings, Network::Machine).token().unwrap_err());
    assert_eq!(
        (error.error_codes.as_slice(), error.credential.as_str()),
        ([700_027].as_slice(), "credentials[0]")
    );
    let advice = error.advice.unwrap();
    assert!(
        advice.contains(&STRANGER.thumbprint_sha1)
            && advice.contains("credentials[1] was also refused (AADSTS7000215)"),
        "{advice}"
    );
}

#[test]
fn the_variables_hold_a_second_set() {
    let tenant = Tenant::start();
    let origin = tenant.sandbox.origin();
    let stranger = format!("{}{}", STRANGER.certificate_pem, STRANGER.key_pkcs8_pem);
    let pem = tenant.pem();
    let common = [
        ("DATAVERSE_URL", origin.as_str()),
        ("AZURE_AUTHORITY_HOST", &origin),
        ("AZURE_TENANT_ID", &tenant.demo.config.tenant_id),
        ("AZURE_CLIENT_ID", &tenant.demo.client_id),
    ];
    for (set, name) in [
        (
            vec![
                ("AZURE_CLIENT_CERTIFICATE", stranger.as_str()),
                ("AZURE_CLIENT_CERTIFICATE_NEXT", &pem),
            ],
            "AZURE_CLIENT_CERTIFICATE_NEXT",
        ),
        (
            vec![
                ("AZURE_CLIENT_SECRET", "wrong"),
                ("AZURE_CLIENT_SECRET_NEXT", &tenant.demo.client_secret),
            ],
            "AZURE_CLIENT_SECRET_NEXT",
        ),
        (
            vec![
                ("AZURE_CLIENT_SECRET_NEXT", "wrong"),
                ("AZURE_CLIENT_CERTIFICATE", &pem),
            ],
            "AZURE_CLIENT_CERTIFICATE",
        ),
    ] {
        let variables = [common.to_vec(), set].concat();
        let mut instance = COMPONENT.instance(&variables, Network::Machine).unwrap();
        let token = instance.acquire_token(None).unwrap().unwrap();
        assert_eq!(credential_name(&token), name);
    }
}

#[test]
fn a_token_says_which_credential_got_it_and_when_that_ends() {
    let now = SystemTime::now();
    let identity = generate_valid("of this test", now - DAY, now + 100 * DAY).unwrap();
    let tenant = Tenant::with(|config| {
        config.applications[0]
            .certificates
            .push(identity.certificate_der.clone())
    });
    let token = Client::open(&tenant.settings_with([certificate_of(&identity)]), Network::Machine)
        .token()
        .unwrap();
    assert_eq!(token.tenant, tenant.demo.config.tenant_id);
    assert_eq!(token.credential.kind, CredentialKind::Certificate);
    assert_eq!(token.credential.thumbprint, Some(identity.thumbprint_sha1));
    let end = (now + 100 * DAY)
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert_eq!(token.credential.expires_at, Some(end));

    let token = Client::open(&tenant.secret_settings(), Network::Machine)
        .token()
        .unwrap();
    assert_eq!(token.credential.kind, CredentialKind::Secret);
    assert_eq!((token.credential.thumbprint, token.credential.expires_at), (None, None));
}

#[test]
fn a_certificate_near_its_end_is_warned_about_once() {
    let now = SystemTime::now();
    for (days, warnings) in [(29, 1), (31, 0)] {
        let identity = generate_valid("near its end", now - DAY, now + days * DAY).unwrap();
        let tenant = Tenant::with(|config| {
            config.applications[0]
                .certificates
                .push(identity.certificate_der.clone())
        });
        let mut client = Client::open(&tenant.settings_with([certificate_of(&identity)]), Network::Machine);
        for _ in 0..3 {
            client.whoami().unwrap();
            tenant.sandbox.revoke_tokens();
        }
        let output = client.instance.output();
        assert_eq!(output.matches(&identity.thumbprint_sha1).count(), warnings, "{output}");
    }
}

#[test]
fn a_certificate_out_of_time_is_tried_last_and_has_its_own_sentence() {
    let now = SystemTime::now();
    let ended = generate_valid("ended", now - 3 * DAY, now - 2 * DAY).unwrap();
    let to_come = generate_valid("to come", now + DAY, now + 9 * DAY).unwrap();
    let tenant = Tenant::start();
    for (identity, sentence) in [(&ended, "has expired"), (&to_come, "not valid yet")] {
        tenant.sandbox.clear_requests();
        let alone = tenant.settings_with([certificate_of(identity)]);
        let mut client = Client::open(&alone, Network::Machine);
        for _ in 0..2 {
            let faults = settings_faults(client.token().unwrap_err());
            assert_eq!(faults[0].0, "credentials[0]");
            assert!(faults[0].1.contains(sentence), "{faults:?}");
        }
        assert_eq!(tenant.counts().0, 1, "asked once, as the clock may be wrong");

        tenant.sandbox.clear_requests();
        let both = tenant.settings_with([certificate_of(identity), certificate_of(&tenant.demo.identity)]);
        let mut client = Client::open(&both, Network::Machine);
        assert_eq!(credential_name(&client.token().unwrap()), "credentials[1]");
        assert_eq!(tenant.counts().0, 1);
        let output = client.instance.output();
        assert!(output.contains(sentence), "{output}");

        let neither = tenant.settings_with([certificate_of(identity), certificate_of(&STRANGER)]);
        let error = entra_error(Client::open(&neither, Network::Machine).token().unwrap_err());
        assert_eq!(error.error_codes, [700_027]);
        assert!(error.advice.unwrap().contains(sentence));
    }
}

#[test]
fn a_day_with_a_rotation_in_it_has_no_failed_request() {
    let tenant = Tenant::start();
    let sandbox = &tenant.sandbox;
    let client_id = &tenant.demo.client_id;
    let old = &tenant.demo.identity;
    let new = sandbox::certificate::generate("the successor").unwrap();
    let settings = tenant.settings_with([certificate_of(old), certificate_of(&new)]);
    let clock = Clock::default();
    let mut client = Client::open_with_clock(&settings, Network::Machine, clock.clone());
    let mut used = Vec::new();
    // Every ten minutes of a day.
    for step in 0..24 * 6 {
        if step == 10 * 6 {
            sandbox.add_certificate(client_id, &new.certificate_der).unwrap();
        }
        if step == 12 * 6 {
            sandbox.remove_certificate(client_id, &old.certificate_der).unwrap();
        }
        client.whoami().unwrap_or_else(|error| panic!("step {step}: {error:?}"));
        used.push(client.token().unwrap().credential.name);
        clock.pass(600);
        sandbox.shift_clock(600);
    }
    used.dedup();
    assert_eq!(used, ["credentials[0]", "credentials[1]"]);
    let (tokens, calls) = tenant.counts();
    assert_eq!(calls, 24 * 6, "no request was refused and sent again");
    assert!((24..=31).contains(&tokens), "{tokens} token requests in a day");
    let output = client.instance.output();
    assert_eq!(output.matches("was refused").count(), 1, "{output}");
}

#[test]
fn a_refusal_is_remembered_briefly_so_that_a_loop_does_not_hammer() {
    let tenant = Tenant::start();
    let clock = Clock::default();
    let settings = tenant.settings_with([secret("wrong")]);
    let mut client = Client::open_with_clock(&settings, Network::Machine, clock.clone());
    for _ in 0..50 {
        assert_eq!(entra_error(client.token().unwrap_err()).error_codes, [7_000_215]);
    }
    assert_eq!(tenant.counts().0, 1);
    tenant
        .sandbox
        .add_secret(&tenant.demo.client_id, "wrong", None)
        .unwrap();
    clock.pass(31);
    client.token().unwrap();
    assert_eq!(tenant.counts().0, 2, "not wrong any more");
}

#[test]
fn throttling_is_kept_to() {
    let tenant = Tenant::start();
    let throttle = FaultKind::Throttle {
        code: String::new(),
        retry_after_secs: 60,
    };
    tenant.sandbox.misbehave(Fault::new(Service::Entra, throttle));
    let clock = Clock::default();
    let mut client = Client::open_with_clock(&tenant.settings(), Network::Machine, clock.clone());
    for _ in 0..3 {
        assert!(matches!(client.token().unwrap_err(), Error::Throttled(_)));
    }
    assert_eq!(tenant.counts().0, 1);
    clock.pass(61);
    client.token().unwrap();
}

#[test]
fn each_code_has_its_advice() {
    let advice = |code: u32, error: &'static str| {
        let reply = move || {
            let body = format!(r#"{{"error":"{error}","error_description":"AADSTS{code}: x","error_codes":[{code}]}}"#);
            answer(400, &[("content-type", "application/json")], body)
        };
        let settings = embedded_host::types::Settings {
            credentials: vec![certificate_of(&STRANGER)],
            ..contoso_settings()
        };
        let (mut client, _) = answered(&settings, move |_| Reply::Answer(reply()));
        entra_error(client.token().unwrap_err()).advice
    };
    for (code, words) in [
        (7_000_215, "the secret's value"),
        (7_000_222, "has expired"),
        (700_027, STRANGER.thumbprint_sha1.as_str()),
        (700_016, "is not in tenant 11111111-1111-4111-8111-111111111111"),
        (90_002, "tenant-id"),
        (
            500_011,
            "is https://contoso.crm.dynamics.com exactly this environment's URL",
        ),
        (1_002_012, "options.scope"),
        (700_024, "the host's clock"),
        (53_003, "Conditional Access"),
        (900_382, "another cloud"),
        (700_213, "federated credential"),
        (5_002_730, "RS256"),
    ] {
        let advice = advice(code, "invalid_client").unwrap_or_default();
        assert!(advice.contains(words), "{code}: {advice}");
    }
    assert_eq!(advice(1, "invalid_client"), None);
}

#[test]
fn a_list_without_a_credential_is_a_fault() {
    let tenant = Tenant::start();
    let mut instance = COMPONENT.instance(&[], Network::Machine).unwrap();
    let faults = settings_faults(instance.open(&tenant.settings_with([])).unwrap().unwrap_err());
    assert_eq!(faults[0].0, "credentials");
    let two_wrong = tenant.settings_with([certificate("x"), secret("")]);
    let fields: Vec<String> = settings_faults(instance.open(&two_wrong).unwrap().unwrap_err())
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(fields, ["credentials[0]", "credentials[1]"]);
}

#[test]
fn a_log_that_nobody_reads_costs_nothing() {
    let tenant = Tenant::start();
    let mut instance = COMPONENT.instance_without_output(&[], Network::Machine).unwrap();
    let settings = tenant.settings_with([secret("wrong"), secret(&tenant.demo.client_secret)]);
    let connection = instance.open(&settings).unwrap().unwrap();
    let token = instance.acquire_token(Some(connection)).unwrap().unwrap();
    assert_eq!(token.credential.name, "credentials[1]", "which is logged");
}
