//! Credentials that are added, expire and are removed while the sandbox runs.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, SystemTime};

use common::{Answer, Local, refusal, set, start};
use sandbox::certificate;

const DAY: Duration = Duration::from_secs(86_400);

fn with_secret(local: &Local, secret: &str) -> Answer {
    local.post(&set(local.secret_form(), "client_secret", secret))
}

fn with_certificate(local: &Local, identity: &certificate::Identity) -> Answer {
    let (mut header, claims) = local.assertion_parts();
    header["x5t#S256"] = identity.x5t_s256().into();
    local.post(&local.assertion_form(&common::sign(identity, &header, &claims)))
}

fn invalid_client(code: u64) -> (u16, String, u64) {
    (401, "invalid_client".into(), code)
}

#[test]
fn secrets_come_and_go() {
    let local = start();
    assert_eq!(refusal(&with_secret(&local, "next")), invalid_client(7_000_215));
    local.sandbox.add_secret(&local.client_id, "next", None).unwrap();
    assert_eq!(with_secret(&local, "next").status, 200);
    assert_eq!(with_secret(&local, &local.client_secret).status, 200);
    local
        .sandbox
        .remove_secret(&local.client_id, &local.client_secret)
        .unwrap();
    let answer = with_secret(&local, &local.client_secret);
    assert_eq!(refusal(&answer), invalid_client(7_000_215));
    assert_eq!(with_secret(&local, "next").status, 200);
}

#[test]
fn a_secret_ends_by_the_sandboxs_clock() {
    let local = start();
    let end = SystemTime::now() + DAY;
    local.sandbox.add_secret(&local.client_id, "short", Some(end)).unwrap();
    assert_eq!(with_secret(&local, "short").status, 200);
    local.sandbox.shift_clock(2 * 86_400);
    let answer = with_secret(&local, "short");
    assert_eq!(refusal(&answer), invalid_client(7_000_222));
    assert!(answer.text().contains(&local.client_id), "{}", answer.text());
    assert_eq!(with_secret(&local, &local.client_secret).status, 200);
    local
        .sandbox
        .add_secret(&local.client_id, "short", Some(end + 2 * DAY))
        .unwrap();
    assert_eq!(with_secret(&local, "short").status, 200);
}

#[test]
fn certificates_come_and_go() {
    let local = start();
    let next = certificate::generate("next").unwrap();
    let answer = with_certificate(&local, &next);
    assert_eq!(refusal(&answer), invalid_client(700_027));
    assert!(answer.text().contains("The key was not found."), "{}", answer.text());
    local
        .sandbox
        .add_certificate(&local.client_id, &next.certificate_der)
        .unwrap();
    assert_eq!(with_certificate(&local, &next).status, 200);
    assert_eq!(with_certificate(&local, &local.identity).status, 200);
    local
        .sandbox
        .remove_certificate(&local.client_id, &local.identity.certificate_der)
        .unwrap();
    let answer = with_certificate(&local, &local.identity);
    assert_eq!(refusal(&answer), invalid_client(700_027));
    assert!(answer.text().contains("The key was not found."), "{}", answer.text());
    assert_eq!(with_certificate(&local, &next).status, 200);
}

#[test]
fn a_certificate_is_revoked() {
    let local = start();
    let next = certificate::generate("next").unwrap();
    let (id, der) = (&local.client_id, &local.identity.certificate_der);
    local.sandbox.add_certificate(id, &next.certificate_der).unwrap();
    local.sandbox.revoke_certificate(id, der).unwrap();
    assert_eq!(
        refusal(&with_certificate(&local, &local.identity)),
        invalid_client(7_000_214)
    );
    assert_eq!(with_certificate(&local, &next).status, 200);
    local.sandbox.add_certificate(id, der).unwrap();
    assert_eq!(with_certificate(&local, &local.identity).status, 200);
}

#[test]
fn certificates_of_other_sizes_and_times_are_made() {
    let local = start();
    let now = SystemTime::now();
    for (bits, from, until, status) in [
        (3072, now - DAY, now + DAY, 200),
        (1024, now + DAY, now + 2 * DAY, 401),
        (1024, now - 2 * DAY, now - DAY, 401),
    ] {
        let made = certificate::generate_with("made", bits, from, until).unwrap();
        local
            .sandbox
            .add_certificate(&local.client_id, &made.certificate_der)
            .unwrap();
        let answer = with_certificate(&local, &made);
        assert_eq!(answer.status, status);
        if status == 401 {
            assert_eq!(refusal(&answer), invalid_client(1_000_502));
        }
    }
}

#[test]
fn nobody_rotates_for_a_stranger() {
    let local = start();
    let stranger = "99999999-0000-4000-8000-000000000000";
    let der = &local.identity.certificate_der;
    assert!(local.sandbox.add_secret(stranger, "s", None).is_err());
    assert!(local.sandbox.add_certificate(stranger, der).is_err());
    assert!(
        local
            .sandbox
            .add_certificate(&local.client_id, b"no certificate")
            .is_err()
    );
    // Client ids are GUIDs, so their case is ignored.
    local
        .sandbox
        .remove_certificate(&local.client_id.to_uppercase(), der)
        .unwrap();
}
