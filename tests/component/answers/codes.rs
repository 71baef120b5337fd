//! What each AADSTS code leads to: another credential, another attempt, or a sentence of advice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use embedded_host::types::{Error, OutageCause, Settings};
use embedded_host::{Reply, secret};

use crate::support::{answered, contoso_settings, entra_error, json_answer, outage, throttling, token_answer};

/// The outcome where the first credential is refused with this code, and how many times Entra ID was asked.
fn asked_with_two(code: u32) -> (Result<String, Error>, usize) {
    let settings = Settings {
        credentials: vec![secret("one~secret~of~this~test"), secret("another~secret")],
        ..contoso_settings()
    };
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let (mut client, _) = answered(&settings, move |_| {
        if asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return Reply::Answer(token_answer());
        }
        let body = format!(r#"{{"error":"e","error_description":"AADSTS{code}: x","error_codes":[{code}]}}"#);
        Reply::Answer(json_answer(400, &body))
    });
    let outcome = client.token().map(|token| token.credential.name);
    (outcome, count.load(Ordering::SeqCst))
}

#[test]
fn the_credentials_own_codes_let_the_next_be_tried() {
    for code in [
        50_006, 50_012, 50_017, 50_027, 50_032, 50_048, 70_002, 70_021, 70_025, 700_021, 700_023, 700_024, 700_027,
        700_030, 700_211, 700_212, 700_213, 700_222, 700_223, 700_226, 700_227, 700_229, 700_236, 700_238, 900_384,
        1_000_502, 5_002_730, 7_000_214, 7_000_215, 7_000_222, 7_000_274, 7_000_277, 7_002_121, 7_002_137, 7_002_138,
        7_002_381,
    ] {
        let (outcome, asked) = asked_with_two(code);
        assert_eq!((outcome.unwrap().as_str(), asked), ("credentials[1]", 2), "{code}");
    }
}

#[test]
fn passing_failures_are_outages() {
    for code in [50_033, 90_006, 90_012, 90_024, 90_033, 90_090, 90_091] {
        let (outcome, asked) = asked_with_two(code);
        let outage = outage(outcome.unwrap_err());
        assert_eq!((outage.cause, asked), (OutageCause::ServiceUnavailable, 1), "{code}");
        assert!(
            outage.detail.contains(&format!("AADSTS{code}")),
            "{code}: {}",
            outage.detail
        );
    }
    let (outcome, asked) = asked_with_two(90_055);
    throttling(outcome.unwrap_err());
    assert_eq!(asked, 1);
}

#[test]
fn every_other_code_ends_it_with_its_advice() {
    let names = "tenant-id";
    for (code, part) in [
        (50_001, "https://contoso.crm.dynamics.com"),
        (50_002, "proxy"),
        (50_059, names),
        (50_196, "keep"),
        (53_003, "Conditional Access"),
        (70_001, "disabled"),
        (70_011, "scope"),
        (90_002, names),
        (90_014, "changes the request"),
        (90_038, "another cloud"),
        (90_051, "another cloud"),
        (100_007, "regional"),
        (500_011, "https://contoso.crm.dynamics.com"),
        (500_021, "proxy"),
        (500_022, "proxy"),
        (530_032, "policy"),
        (650_052, "https://contoso.crm.dynamics.com"),
        (650_057, "https://contoso.crm.dynamics.com"),
        (700_011, "client-id"),
        (700_016, "client-id"),
        (700_022, "scope"),
        (700_025, "public client"),
        (900_144, "changes the request"),
        (900_382, "another cloud"),
        (900_432, "another cloud"),
        (900_561, "changes the request"),
        (1_000_031, "administrator"),
        (1_002_012, "scope"),
        (7_000_112, "disabled"),
        (7_000_218, "changes the request"),
        (7_000_229, "consent"),
        (9_002_313, "changes the request"),
    ] {
        let (outcome, asked) = asked_with_two(code);
        let refusal = entra_error(outcome.unwrap_err());
        assert_eq!(
            (refusal.error_codes.as_slice(), asked),
            ([code].as_slice(), 1),
            "{code}"
        );
        let advice = refusal.advice.unwrap_or_else(|| panic!("{code}"));
        assert!(advice.contains(part), "{code}: {advice}");
    }
    // A user's assertion, which is none of ours: nothing is known of it in this grant.
    assert_eq!(entra_error(asked_with_two(50_013).0.unwrap_err()).advice, None);
}
