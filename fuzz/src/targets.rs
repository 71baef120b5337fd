//! The parsers of what comes from outside, each as a function that must not panic, whatever it is given.
//!
//! A new target is a function, a line in [`TARGETS`], and a folder `fuzz/corpus/<name>/` with some inputs, among them
//! ordinary ones. `cargo test` gives every file there to its target; `cargo xtask fuzz` looks for new ones. An input that
//! made a target panic belongs into the folder, too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dynamics365::contract::types::AssertionAlgorithm;
use dynamics365::credential::Certificate;

pub struct Target {
    /// Of its folder, too.
    pub name: &'static str,
    pub run: fn(&[u8]),
}

pub const TARGETS: &[Target] = &[Target {
    name: "credential",
    run: credential,
}];

/// A certificate: the first line is the password, the rest the text, or a PFX that is not in base64 yet, lest the fuzzer
/// mutates base64. The keys in the corpus were made for it and have no other use.
fn credential(input: &[u8]) {
    let end = input.iter().position(|&byte| byte == b'\n').unwrap_or(0);
    let (password, text) = input.split_at(end);
    let text = text.strip_prefix(b"\n").unwrap_or(text);
    let password = String::from_utf8_lossy(password);
    let text = if text.starts_with(b"0") {
        STANDARD.encode(text)
    } else {
        String::from_utf8_lossy(text).into_owned()
    };
    let read = Certificate::parse(&text, Some(&password), AssertionAlgorithm::Ps256, false);
    if let Ok(certificate) = read {
        assert_eq!(certificate.thumbprint().len(), 40);
        assert!(certificate.chain().iter().any(|der| der == certificate.signing()));
    }
}
