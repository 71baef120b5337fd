//! The token endpoint over HTTP: forms, secrets, scopes.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Form, refusal, set, start, start_with};

fn without<'a>(mut form: Form<'a>, name: &str) -> Form<'a> {
    form.retain(|(n, _)| *n != name);
    form
}

#[test]
fn a_secret_gets_a_token() {
    let local = start();
    let answer = local.post(&local.secret_form());
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3599);
    assert_eq!(body["ext_expires_in"], 3599);
    assert_eq!(body["access_token"].as_str().unwrap().split('.').count(), 3);
    assert!(answer.header("cache-control").unwrap().contains("no-store"));
    assert!(answer.header("date").unwrap().ends_with(" GMT"));

    local.sandbox.set_token_lifetime(Duration::from_secs(60));
    assert_eq!(local.post(&local.secret_form()).json()["expires_in"], 60);
}

#[test]
fn a_token_may_say_when_to_renew_it() {
    let local = start_with(|config| config.refresh_in = Some(Duration::from_secs(1800)));
    assert_eq!(local.post(&local.secret_form()).json()["refresh_in"], 1800);
    local.sandbox.set_refresh_in(Some(Duration::from_secs(5)));
    assert_eq!(local.post(&local.secret_form()).json()["refresh_in"], 5);
    local.sandbox.set_refresh_in(None);
    assert_eq!(local.post(&local.secret_form()).json().get("refresh_in"), None);
}

#[test]
fn the_tenant_has_a_domain_too() {
    let local = start();
    let answer = local.post_to("/Sandbox.onmicrosoft.com/oauth2/v2.0/token", &[], &local.secret_form());
    assert_eq!(answer.status, 200);
}

#[test]
fn basic_credentials_get_a_token() {
    let local = start();
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", local.client_id, local.client_secret))
    );
    let form = without(without(local.secret_form(), "client_id"), "client_secret");
    assert_eq!(
        local
            .post_to(&local.token_path(), &[("Authorization", &basic)], &form)
            .status,
        200
    );
}

#[test]
fn correlation_ids_are_echoed() {
    let local = start();
    let id = "5eed5eed-0000-4000-8000-000000000001";
    let form = set(local.secret_form(), "client_secret", "wrong");
    let headers = [("client-request-id", id), ("return-client-request-id", "true")];
    let answer = local.post_to(&local.token_path(), &headers, &form);
    assert_eq!(answer.json()["correlation_id"], id);
    assert_eq!(answer.header("client-request-id"), Some(id));

    let answer = local.post_to(&local.token_path(), &headers[..1], &form);
    assert_eq!(answer.json()["correlation_id"], id);
    assert_eq!(answer.header("client-request-id"), None);

    let answer = local.post_to(&local.token_path(), &[("client-request-id", "no guid")], &form);
    assert_ne!(answer.json()["correlation_id"], "no guid");
}

#[test]
fn what_is_wrong_with_a_form() {
    let local = start();
    let good = || local.secret_form();
    let other = "99999999-0000-4000-8000-000000000000";
    let scope = |scope: &str| set(good(), "scope", scope);
    let cases = [
        (without(good(), "grant_type"), 400, "invalid_request", 900_144),
        (without(good(), "client_id"), 400, "invalid_request", 900_144),
        (without(good(), "scope"), 400, "invalid_request", 900_144),
        (
            set(good(), "grant_type", "password"),
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (set(good(), "client_id", other), 400, "unauthorized_client", 700_016),
        (without(good(), "client_secret"), 401, "invalid_client", 7_000_218),
        (set(good(), "client_secret", "wrong"), 401, "invalid_client", 7_000_215),
        (scope(&local.origin), 400, "invalid_scope", 1_002_012),
        (
            scope("https://other.crm.dynamics.com/.default"),
            400,
            "invalid_resource",
            500_011,
        ),
        (
            scope(&format!("{}//.default", local.origin)),
            400,
            "invalid_resource",
            500_011,
        ),
        (scope("not one scope/.default"), 400, "invalid_scope", 70_011),
        (set(good(), "client_assertion", "x"), 400, "invalid_request", 900_144),
    ];
    for (form, status, error, code) in cases {
        assert_eq!(refusal(&local.post(&form)), (status, error.into(), code), "{form:?}");
    }
}

#[test]
fn what_is_wrong_with_a_url() {
    let local = start();
    let form = local.secret_form();
    let answer = local.post_to("/99999999-0000-4000-8000-000000000000/oauth2/v2.0/token", &[], &form);
    assert_eq!(refusal(&answer), (400, "invalid_request".into(), 90_002));
    let answer = common::exchange(&local.origin, "GET", &local.token_path(), &[], b"").unwrap();
    assert_eq!(refusal(&answer), (400, "invalid_request".into(), 900_561));
    let answer = common::exchange(&local.origin, "POST", "/elsewhere", &[], b"x").unwrap();
    assert_eq!(answer.status, 404);
    let body = br#"{"grant_type":"client_credentials"}"#;
    let json = [("Content-Type", "application/json")];
    let answer = common::exchange(&local.origin, "POST", &local.token_path(), &json, body).unwrap();
    assert_eq!(refusal(&answer), (400, "invalid_request".into(), 900_144));
}
