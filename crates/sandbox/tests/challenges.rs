//! Claims requested for a token, and the challenge in Dataverse's 401.
#![allow(clippy::unwrap_used)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::{Answer, Local, exchange, refusal, set, start};
use serde_json::{Value, json};

const DEMAND: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}"#;

/// A token requested with these claims.
fn token(local: &Local, claims: Option<&Value>) -> String {
    let form = match claims {
        None => local.secret_form(),
        Some(claims) => set(local.secret_form(), "claims", &claims.to_string()),
    };
    let answer = local.post(&form);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().unwrap().to_string()
}

fn call(local: &Local, token: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("Authorization", authorization.as_str())];
    exchange(&local.origin, "GET", "/api/data/v9.2/WhoAmI", &headers, b"").unwrap()
}

fn plain(local: &Local) -> String {
    format!(
        "Bearer authorization_uri={0}/{1}/oauth2/authorize, resource_id={0}/",
        local.origin, local.tenant
    )
}

fn capable() -> Value {
    json!({"access_token": {"xms_cc": {"values": ["CP1"]}}})
}

#[test]
fn claims_are_demanded_of_those_who_can_answer() {
    let local = start();
    let early = [None, Some(capable())].map(|claims| token(&local, claims.as_ref()));
    for token in &early {
        assert_eq!(call(&local, token).status, 200);
    }
    local.sandbox.demand_claims(Some(DEMAND)).unwrap();

    let answer = call(&local, &early[0]);
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, Some(plain(&local).as_str()))
    );
    let answer = call(&local, &early[1]);
    let challenge = format!(
        "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", error=\"insufficient_claims\", \
         claims=\"{}\"",
        local.origin,
        STANDARD.encode(DEMAND)
    );
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, Some(challenge.as_str()))
    );

    let nbf = json!({"essential": true, "value": "1700000000"});
    let both = json!({"access_token": {"xms_cc": {"values": ["CP1"]}, "nbf": nbf}});
    assert_eq!(call(&local, &token(&local, Some(&both))).status, 200);
    let alone = json!({"access_token": {"nbf": nbf}});
    assert_eq!(call(&local, &token(&local, Some(&alone))).status, 200);
    // A new token is not enough, nor is one with other claims.
    assert_eq!(call(&local, &token(&local, Some(&capable()))).status, 401);
    let other = json!({"access_token": {"nbf": {"essential": true, "value": "1"}}});
    assert_eq!(call(&local, &token(&local, Some(&other))).status, 401);

    local.sandbox.demand_claims(None).unwrap();
    assert_eq!(call(&local, &early[0]).status, 200);
}

#[test]
fn the_capability_is_in_the_token() {
    let local = start();
    let claims = |token: String| -> Value {
        let part = token.split('.').nth(1).unwrap().to_string();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(claims(token(&local, Some(&capable())))["xms_cc"], json!(["CP1"]));
    assert_eq!(claims(token(&local, None)).get("xms_cc"), None);
    let unknown = json!({"access_token": {"xms_cc": {"values": ["CP9"]}}});
    assert_eq!(claims(token(&local, Some(&unknown))).get("xms_cc"), None);
}

#[test]
fn malformed_claims_are_refused() {
    let local = start();
    for claims in ["{", "[]", "CP1"] {
        let answer = local.post(&set(local.secret_form(), "claims", claims));
        assert_eq!(refusal(&answer), (400, "invalid_request".into(), 90_023));
    }
    for demand in ["{", "[]", "{}", r#"{"access_token":1}"#] {
        assert!(local.sandbox.demand_claims(Some(demand)).is_err(), "{demand}");
    }
    assert_eq!(local.get("WhoAmI").status, 200);
}

#[test]
fn the_challenge_may_lie() {
    let local = start();
    let lie = r#"bearer Authorization_URI="https://login.example/common/oauth2/authorize""#;
    local.sandbox.set_challenge(Some(lie.into()));
    let answer = call(&local, "x.y.z");
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(lie)));
    let answer = exchange(&local.origin, "GET", "/api/data/v9.2/", &[], b"").unwrap();
    assert_eq!((answer.status, answer.all("www-authenticate")), (401, vec![lie]));
    assert_eq!(local.get("WhoAmI").status, 200);
    local.sandbox.set_challenge(None);
    assert_eq!(
        call(&local, "x.y.z").header("www-authenticate"),
        Some(plain(&local).as_str())
    );
}
