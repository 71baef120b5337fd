//! The application's credentials.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dynamics365::fuzzing::{AssertionAlgorithm, Certificate, FederatedAssertion};
use serde_json::Value;

use super::support::first_line;

/// A certificate: the first line is the password, the rest the text, or a PFX before base64 encoding, so
/// that the fuzzer does not mutate base64. The keys in the corpus were made only for it.
pub(super) fn credential(input: &[u8]) {
    let end = input.iter().position(|&byte| byte == b'\n').unwrap_or(0);
    let (password, text) = input.split_at(end);
    let text = text.strip_prefix(b"\n").unwrap_or(text);
    let password = String::from_utf8_lossy(password);
    let text = if text.starts_with(b"0") {
        STANDARD.encode(text)
    } else {
        String::from_utf8_lossy(text).into_owned()
    };
    let read = |text: &str| Certificate::parse(text, Some(&password), AssertionAlgorithm::Ps256, false);
    match read(&text) {
        Ok(certificate) => {
            assert_eq!(certificate.thumbprint().len(), 40);
            assert!(certificate.chain().iter().any(|der| der == certificate.signing()));
            // Encoded in base64 once more, it has the same result.
            if text.starts_with("-----BEGIN ") && !text.contains('\0') && text.len() < 100_000 {
                let packed = read(&STANDARD.encode(&text)).map(|packed| packed.thumbprint());
                assert_eq!(packed, Ok(certificate.thumbprint()));
            }
        }
        Err(reason) => assert!(reason.len() < 600 && !reason.contains("hunter2"), "{reason}"),
    }
}

/// An assertion from another issuer: the text itself, or, if it begins with a brace, its header, claims and
/// signature on separate lines, so that the fuzzer does not mutate base64.
pub(super) fn federated(input: &[u8]) {
    if !input.starts_with(b"{") {
        let text = String::from_utf8_lossy(input);
        if let Ok(assertion) = FederatedAssertion::parse(&text) {
            assert_eq!(assertion.reveal(), text.trim());
            assert!(
                text.trim().bytes().all(|byte| byte.is_ascii_graphic()),
                "it goes into a form"
            );
            assert!(!format!("{assertion:?}").contains(assertion.reveal()));
        }
        return;
    }
    let (header, rest) = first_line(input);
    let (claims, signature) = first_line(rest);
    let text = [header, claims, signature]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let object = |part: &[u8]| serde_json::from_slice::<Value>(part).ok().filter(Value::is_object);
    match (FederatedAssertion::parse(&text), object(header), object(claims)) {
        (Ok(assertion), Some(_), Some(claims)) => {
            assert!(!signature.is_empty());
            let end = claims.get("exp").and_then(Value::as_u64);
            assert!(end.is_none() || assertion.expires_at == end);
        }
        (Ok(_), ..) => panic!("an assertion must contain JSON"),
        (Err(reason), Some(_), Some(_)) => assert!(signature.is_empty() || text.len() > 32 << 10, "{reason}"),
        (Err(_), ..) => {}
    }
}
