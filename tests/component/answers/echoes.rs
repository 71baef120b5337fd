//! What the token endpoint's answer repeats of the request does not get into an error, in whatever spelling, whole or in part.

use embedded_host::types::{Error, Settings};
use embedded_host::{Network, secret};

use super::wire::{HTML, JSON, Wire, granting};
use crate::support::{Client, entra_error, settings_for};

/// What a secret must have, and what percent-encoding changes.
const SECRET: &str = "Xq8Q~t3+s/e=c:r_e.t&w0rd~9876543210";

/// What an error and the log say of an answer; a secret is in neither.
fn told(wire: Wire) -> (String, Error) {
    let (server, _) = granting(move |_| wire.clone());
    let settings = Settings {
        credentials: vec![secret(SECRET)],
        ..settings_for(&server.origin())
    };
    let mut client = Client::open(&settings, Network::Machine);
    let error = client.token().unwrap_err();
    (format!("{error:?}{}", client.instance.output()), error)
}

/// The secret as something between may spell it.
fn spellings() -> Vec<String> {
    let encode = |upper: bool| -> String {
        SECRET
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                _ if upper => format!("%{byte:02X}"),
                _ => format!("%{byte:02x}"),
            })
            .collect()
    };
    let (upper, lower) = (encode(true), encode(false));
    vec![
        SECRET.to_owned(),
        SECRET[..SECRET.len() - 3].to_owned(),
        SECRET[3..].to_owned(),
        SECRET[5..25].to_owned(),
        SECRET.to_lowercase(),
        upper.clone(),
        lower.clone(),
        lower[..lower.len() - 3].to_owned(),
        upper.replace('%', "%25"),
        SECRET.replace('&', "&amp;"),
    ]
}

/// Whether a text holds eight characters of the secret in a row, as they are or encoded.
fn holds(text: &str) -> bool {
    let text = text.to_lowercase();
    let decoded = percent_encoding::percent_decode_str(&text)
        .decode_utf8_lossy()
        .into_owned();
    let twice = percent_encoding::percent_decode_str(&decoded)
        .decode_utf8_lossy()
        .into_owned();
    let secret = SECRET.to_lowercase();
    secret.as_bytes().windows(8).any(|piece| {
        let piece = std::str::from_utf8(piece).unwrap();
        [&text, &decoded, &twice].iter().any(|text| text.contains(piece))
    })
}

#[test]
fn in_no_field_of_a_refusal() {
    for spelling in spellings() {
        let quoted = serde_json::to_string(&spelling).unwrap();
        let described =
            serde_json::to_string(&format!("AADSTS7000215: Invalid client_secret={spelling}. Trace ID: 1")).unwrap();
        for body in [
            format!(r#"{{"error":"invalid_client","error_description":{described},"error_codes":[7000215]}}"#),
            format!(r#"{{"error":"invalid_client","error_description":{quoted}}}"#),
            format!(r#"{{"error":{quoted},"error_description":"AADSTS7000215: x"}}"#),
            format!(
                r#"{{"error":"invalid_client","error_description":"AADSTS7000215: x","suberror":{quoted},"claims":{quoted},
                "timestamp":{quoted},"trace_id":{quoted},"correlation_id":{quoted},"error_uri":{quoted}}}"#
            ),
            format!(r#"{{"error":{{"code":{quoted},"message":{quoted},"your_request":{quoted}}}}}"#),
            format!(r#"{{"error":"invalid_client","error_description":["{{}}",{quoted}],"claims":{{"a":{quoted}}}}}"#),
            format!(r#"{{"error":"invalid_client","error_codes":[{quoted}]}}"#),
        ] {
            let (said, _) = told(Wire::json(401, &body));
            assert!(!holds(&said), "{body}\n{said}");
        }
    }
}

#[test]
fn in_no_description_of_another_answer() {
    for spelling in spellings() {
        let headers = [
            format!("Server: {spelling}"),
            format!("Via: 1.1 {spelling}"),
            format!("x-ms-request-id: {spelling}"),
            format!("Proxy-Authenticate: {spelling}"),
            format!("Location: https://{spelling}.example/{spelling}"),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let typed = format!("Content-Type: {spelling}");
        let page = format!("<title>You sent {spelling}</title>{spelling}");
        for (status, content_type) in [
            (200, HTML),
            (302, JSON),
            (403, &typed),
            (407, HTML),
            (429, JSON),
            (503, &typed),
        ] {
            {
                let (said, _) = told(Wire::new(
                    status,
                    &[[content_type].as_slice(), &headers].concat(),
                    &page,
                ));
                assert!(!holds(&said), "{said}");
            }
        }
    }
}

#[test]
fn what_is_known_to_be_safe_is_shown() {
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, for a secret added to app '22222222-2222-4222-8222-222222222222'. Trace ID: 33333333-3333-4333-8333-333333333333 Correlation ID: 44444444-4444-4444-8444-444444444444 Timestamp: 2026-01-31 12:00:00Z","error_codes":[7000215],"timestamp":"2026-01-31 12:00:00Z","trace_id":"33333333-3333-4333-8333-333333333333","correlation_id":"44444444-4444-4444-8444-444444444444","error_uri":"https://login.microsoftonline.com/error?code=7000215","suberror":"basic_action"}"#;
    let error = entra_error(told(Wire::json(401, body)).1);
    assert_eq!(error.error, "invalid_client");
    assert!(
        error
            .description
            .starts_with("AADSTS7000215: Invalid client secret provided.")
    );
    assert!(error.description.ends_with("Timestamp: 2026-01-31 12:00:00Z"));
    assert_eq!(error.trace_id.as_deref(), Some("33333333-3333-4333-8333-333333333333"));
    assert_eq!(
        error.correlation_id.as_deref(),
        Some("44444444-4444-4444-8444-444444444444")
    );
    assert_eq!(error.timestamp.as_deref(), Some("2026-01-31 12:00:00Z"));
    assert_eq!(error.suberror.as_deref(), Some("basic_action"));
    assert_eq!(
        error.error_uri.as_deref(),
        Some("https://login.microsoftonline.com/error?code=7000215")
    );
}

#[test]
fn an_error_of_another_shape_is_shown_as_far_as_its_words_are_plain() {
    let error = entra_error(told(Wire::json(400, r#"{"error":{"code":"BadRequest","message":"x"}}"#)).1);
    assert_eq!(
        (error.status, error.error.as_str(), error.description.as_str()),
        (400, "BadRequest", "x")
    );

    let body =
        r#"{"error":"unauthorized_client","error_description":"Invalid client: see q7Gh2kL0=, please (or not)."}"#;
    let error = entra_error(told(Wire::json(400, body)).1);
    assert_eq!(error.description, "Invalid client: see *** please (or not).");

    // The number is also read where only the text has it.
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000222: expired"}"#;
    let error = entra_error(told(Wire::json(401, body)).1);
    assert_eq!(error.error_codes, [7_000_222]);
    assert!(error.advice.unwrap().contains("expired"));
}
