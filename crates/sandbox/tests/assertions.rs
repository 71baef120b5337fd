//! The token endpoint over HTTP: client assertions.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use common::{Answer, Local, refusal, set, start, start_with};
use sandbox::{Application, certificate};
use serde_json::{Value, json};

/// Posts an assertion after a change to its header and claims.
fn post_changed(local: &Local, change: impl FnOnce(&mut Value, &mut Value)) -> Answer {
    let (mut header, mut claims) = local.assertion_parts();
    change(&mut header, &mut claims);
    local.post(&local.assertion_form(&local.sign(&header, &claims)))
}

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().unwrap().remove(name);
}

#[test]
fn assertions_are_accepted_as_libraries_send_them() {
    type Change = fn(&mut Value, &mut Value);
    let local = start();
    let x5t = local.identity.x5t();
    let rs256 = |header: &mut Value| {
        header["alg"] = json!("RS256");
        header["x5t"] = json!(x5t);
        remove(header, "x5t#S256");
    };
    assert_eq!(post_changed(&local, |_, _| {}).status, 200);
    assert_eq!(post_changed(&local, |header, _| rs256(header)).status, 200);

    let bytes = URL_SAFE.decode(format!("{}=", local.identity.x5t_s256())).unwrap();
    for padded in [URL_SAFE.encode(&bytes), STANDARD.encode(&bytes)] {
        assert_eq!(
            post_changed(&local, |header, _| header["x5t#S256"] = json!(padded)).status,
            200
        );
    }
    let changes: [Change; 4] = [
        |_, claims| remove(claims, "nbf"),
        |_, claims| remove(claims, "iat"),
        |_, claims| {
            for name in ["nbf", "exp"] {
                claims[name] = json!(claims[name].to_string());
            }
        },
        |_, claims| claims["exp"] = json!(claims["exp"].as_f64().unwrap() + 0.5),
    ];
    for change in changes {
        let answer = post_changed(&local, change);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // The expiry may be any time in the future.
    assert_eq!(
        post_changed(&local, |_, claims| claims["exp"] = json!(4_000_000_000_u64)).status,
        200
    );
    assert_eq!(
        post_changed(&local, |header, _| header["x5c"] = json!(["MIIB"])).status,
        200
    );
}

#[test]
fn assertions_are_refused() {
    type Change = fn(&mut Value, &mut Value);
    let local = start();
    let cases: [(Change, u16, &str, u64); 13] = [
        (
            |header, _| header["x5t#S256"] = json!("AAAA"),
            401,
            "invalid_client",
            700_027,
        ),
        (|header, _| remove(header, "x5t#S256"), 401, "invalid_client", 700_027),
        (
            |header, _| header["alg"] = json!("ES256"),
            400,
            "invalid_request",
            5_002_730,
        ),
        (
            |header, _| header["alg"] = json!("none"),
            400,
            "invalid_request",
            5_002_730,
        ),
        (
            |_, claims| claims["aud"] = json!("https://login.example/token"),
            401,
            "invalid_client",
            700_023,
        ),
        (|_, claims| remove(claims, "aud"), 401, "invalid_client", 700_023),
        (
            |_, claims| claims["iss"] = json!("someone"),
            401,
            "invalid_client",
            70_025,
        ),
        (|_, claims| remove(claims, "iss"), 401, "invalid_client", 700_021),
        (
            |_, claims| claims["sub"] = json!("someone"),
            401,
            "invalid_client",
            700_021,
        ),
        (
            |_, claims| claims["nbf"] = json!(4_000_000_000_u64),
            401,
            "invalid_client",
            700_024,
        ),
        (
            |_, claims| claims["exp"] = json!(1_600_000_000),
            401,
            "invalid_client",
            700_024,
        ),
        (|_, claims| remove(claims, "exp"), 401, "invalid_client", 700_024),
        (|_, claims| remove(claims, "jti"), 400, "invalid_request", 50_027),
    ];
    for (change, status, error, code) in cases {
        assert_eq!(
            refusal(&post_changed(&local, change)),
            (status, error.into(), code),
            "{code}"
        );
    }
    for malformed in ["x", "x.y.z", "..", "a.b"] {
        let answer = local.post(&local.assertion_form(malformed));
        assert_eq!(refusal(&answer), (400, "invalid_request".into(), 50_027));
    }
    let (header, claims) = local.assertion_parts();
    let form = set(
        local.assertion_form(&local.sign(&header, &claims)),
        "client_assertion_type",
        "saml",
    );
    assert_eq!(refusal(&local.post(&form)).0, 400);
}

#[test]
fn signatures_are_checked() {
    let local = start();
    let (header, claims) = local.assertion_parts();
    let stranger = certificate::generate("stranger").unwrap();

    // Another key under the registered thumbprint.
    let forged = common::sign(&stranger, &header, &claims);
    assert_eq!(
        refusal(&local.post(&local.assertion_form(&forged))),
        (401, "invalid_client".into(), 700_027)
    );

    // A certificate that is not registered.
    let mut unknown = header.clone();
    unknown["x5t#S256"] = json!(stranger.x5t_s256());
    let answer = local.post(&local.assertion_form(&common::sign(&stranger, &unknown, &claims)));
    assert_eq!(refusal(&answer), (401, "invalid_client".into(), 700_027));
    assert!(answer.text().contains(&stranger.thumbprint_sha256), "{}", answer.text());
    assert!(answer.text().contains("The key was not found."));

    // Claims replaced under a valid signature.
    let good = local.sign(&header, &claims);
    let other = local.sign(&header, &local.assertion_parts().1);
    let mixed = format!(
        "{}.{}",
        other.rsplit_once('.').unwrap().0,
        good.rsplit_once('.').unwrap().1
    );
    let answer = local.post(&local.assertion_form(&mixed));
    assert_eq!(refusal(&answer).2, 700_027);
    assert!(
        answer.text().contains("verify the signature failed"),
        "{}",
        answer.text()
    );

    // PS256 announced, RS256 signed.
    let mut rs256 = header.clone();
    rs256["alg"] = json!("RS256");
    let signed = local.sign(&rs256, &claims);
    let (_, rest) = good.split_once('.').unwrap();
    let (claims_part, _) = rest.split_once('.').unwrap();
    let head = good.split('.').next().unwrap();
    let crossed = format!("{head}.{claims_part}.{}", signed.rsplit_once('.').unwrap().1);
    assert_eq!(refusal(&local.post(&local.assertion_form(&crossed))).2, 700_027);
}

#[test]
fn the_times_are_named() {
    let local = start();
    let answer = post_changed(&local, |_, claims| {
        remove(claims, "nbf");
        claims["exp"] = json!(1_600_000_000);
    });
    let description = answer.json()["error_description"].as_str().unwrap().to_string();
    let times =
        "assertion valid from 1970-01-01T00:00:00.0000000Z, expiry time of assertion 2020-09-13T12:26:40.0000000Z.";
    assert!(description.contains(times), "{description}");

    // The text and the header both follow the sandbox's clock, here by more than half a year.
    local.sandbox.shift_clock(200 * 86_400);
    let answer = post_changed(&local, |_, _| {});
    assert_eq!(refusal(&answer).2, 700_024);
    let date = answer.header("date").unwrap();
    let (day, month, year) = (&date[5..7], &date[8..11], &date[12..16]);
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = 1 + months.iter().position(|name| *name == month).unwrap();
    let current = format!("Current time: {year}-{month:02}-{day}T");
    assert!(answer.text().contains(&current), "{current} {}", answer.text());
}

#[test]
fn the_clock_decides() {
    let local = start();
    local.sandbox.shift_clock(3600);
    let answer = post_changed(&local, |_, _| {});
    assert_eq!(refusal(&answer), (401, "invalid_client".into(), 700_024));
    local.sandbox.shift_clock(-7200);
    assert_eq!(refusal(&post_changed(&local, |_, _| {})).2, 700_024);
    local.sandbox.shift_clock(3600);
    assert_eq!(post_changed(&local, |_, _| {}).status, 200);
    local.sandbox.shift_clock(2 * 365 * 86_400);
    assert_eq!(
        refusal(&post_changed(&local, |_, _| {})),
        (401, "invalid_client".into(), 1_000_502)
    );
}

#[test]
fn a_certificate_has_its_time() {
    let now = SystemTime::now();
    let day = Duration::from_secs(86_400);
    let old = certificate::generate_valid("old", now - 3 * day, now - day).unwrap();
    let mut local = start_with(|config| config.applications[0].certificates.push(old.certificate_der.clone()));
    local.identity = old;
    assert_eq!(
        refusal(&post_changed(&local, |_, _| {})),
        (401, "invalid_client".into(), 1_000_502)
    );
}

#[test]
fn an_assertion_is_good_once() {
    let local = start();
    let (header, claims) = local.assertion_parts();
    let form = local.assertion_form(&local.sign(&header, &claims));
    assert_eq!(local.post(&form).status, 200);
    assert_eq!(refusal(&local.post(&form)), (401, "invalid_client".into(), 70_002));

    let local = start_with(|config| config.refuse_replayed_assertions = false);
    let (header, claims) = local.assertion_parts();
    let form = local.assertion_form(&local.sign(&header, &claims));
    assert_eq!([local.post(&form).status, local.post(&form).status], [200, 200]);
}

#[test]
fn an_application_cannot_use_anothers_certificate() {
    let other = "40000000-0000-4000-8000-000000000001";
    let mut local = start_with(|config| {
        config.applications.push(Application {
            client_id: other.into(),
            secrets: vec!["s".into()],
            certificates: Vec::new(),
            user: None,
        });
    });
    local.client_id = other.into();
    assert_eq!(refusal(&post_changed(&local, |_, _| {})).2, 700_027);
    // Without an application user, its token gives no access.
    local.client_secret = "s".into();
    let answer = local.get("WhoAmI");
    assert_eq!(common::error(&answer), (403, "0x80072560".into()));
}
