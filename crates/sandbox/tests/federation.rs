//! Assertions that another identity provider issued.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, SystemTime};

use common::{Local, refusal, start};
use sandbox::federation::{AUDIENCE, Issuer};

const URL: &str = "https://issuer.example/Cluster/";
const SUBJECT: &str = "system:serviceaccount:Default:app";
const HOUR: Duration = Duration::from_secs(3600);

fn trusting(issuer: &Issuer) -> Local {
    let local = start();
    let credential = issuer.credential(SUBJECT, AUDIENCE).unwrap();
    local
        .sandbox
        .add_federated_credential(&local.client_id, credential)
        .unwrap();
    local
}

fn issue(issuer: &Issuer, subject: &str, audience: &str) -> String {
    let now = SystemTime::now();
    issuer.issue(subject, audience, now, now + HOUR).unwrap()
}

#[test]
fn a_trusted_assertion_gets_tokens() {
    let issuer = Issuer::new(URL).unwrap();
    let local = trusting(&issuer);
    let form = local.assertion_form(&issue(&issuer, SUBJECT, AUDIENCE));
    // Clients read it from a file and send it until it expires.
    for _ in 0..2 {
        let answer = local.post(&form);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // The application's own credentials remain valid.
    assert_eq!(local.post(&local.secret_form()).status, 200);
    let (header, claims) = local.assertion_parts();
    let answer = local.post(&local.assertion_form(&local.sign(&header, &claims)));
    assert_eq!(answer.status, 200);

    let credential = issuer.credential(SUBJECT, AUDIENCE).unwrap();
    local
        .sandbox
        .remove_federated_credential(&local.client_id, &credential)
        .unwrap();
    assert_eq!(refusal(&local.post(&form)), (401, "invalid_client".into(), 70_025));
}

#[test]
fn what_does_not_match_is_named() {
    let issuer = Issuer::new(URL).unwrap();
    let local = trusting(&issuer);
    let lower = URL.to_lowercase();
    let other = Issuer::new(&lower).unwrap();
    let cases = [
        (issue(&other, SUBJECT, AUDIENCE), 700_211, lower.as_str()),
        (
            issue(&issuer, "system:serviceaccount:default:app", AUDIENCE),
            700_213,
            "system:serviceaccount:default:app",
        ),
        (
            issue(&issuer, SUBJECT, "api://azureadtokenexchange"),
            700_212,
            "api://azureadtokenexchange",
        ),
        // Another key under the trusted name.
        (
            issue(&Issuer::new(URL).unwrap(), SUBJECT, AUDIENCE),
            50_013,
            "signature",
        ),
    ];
    for (assertion, code, named) in cases {
        let answer = local.post(&local.assertion_form(&assertion));
        assert_eq!(refusal(&answer), (401, "invalid_client".into(), code));
        assert!(answer.text().contains(named), "{}", answer.text());
    }
}

#[test]
fn an_assertion_has_its_time() {
    let issuer = Issuer::new(URL).unwrap();
    let local = trusting(&issuer);
    let now = SystemTime::now();
    for (from, until) in [(now - 2 * HOUR, now - HOUR), (now + HOUR, now + 2 * HOUR)] {
        let assertion = issuer.issue(SUBJECT, AUDIENCE, from, until).unwrap();
        let answer = local.post(&local.assertion_form(&assertion));
        assert_eq!(refusal(&answer), (401, "invalid_client".into(), 700_024));
    }
    let form = local.assertion_form(&issue(&issuer, SUBJECT, AUDIENCE));
    assert_eq!(local.post(&form).status, 200);
    local.sandbox.shift_clock(2 * 3600);
    assert_eq!(refusal(&local.post(&form)).2, 700_024);
}

#[test]
fn only_rs256_is_taken() {
    let issuer = Issuer::new(URL).unwrap();
    let mut local = trusting(&issuer);
    // The same trust for a key that the test can sign with.
    let identity = sandbox::certificate::generate("issuer").unwrap();
    let mut credential = issuer.credential("other", AUDIENCE).unwrap();
    credential.public_key_der = common::public_key_der(&identity);
    local
        .sandbox
        .add_federated_credential(&local.client_id, credential)
        .unwrap();
    local.identity = identity;
    for (algorithm, expected) in [("RS256", 200), ("PS256", 400)] {
        let (mut header, mut claims) = local.assertion_parts();
        header["alg"] = algorithm.into();
        claims["iss"] = URL.into();
        claims["sub"] = "other".into();
        claims["aud"] = AUDIENCE.into();
        let answer = local.post(&local.assertion_form(&local.sign(&header, &claims)));
        assert_eq!(answer.status, expected, "{}", answer.text());
        if expected == 400 {
            assert_eq!(refusal(&answer), (400, "invalid_request".into(), 5_002_730));
        }
    }
}
