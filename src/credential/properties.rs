//! Property tests with valid and damaged keys and certificates.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::sample::Index;

use super::Certificate;
use super::tests::{IDENTITY, OTHER, encrypted_pem, pfx};
use crate::credential::AssertionAlgorithm;

/// A sample whose bytes are damaged: PEM directly, a PFX before base64 encoding.
#[derive(Debug)]
enum Sample {
    Pem(String),
    Pfx(Vec<u8>),
}

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    vec![
        Sample::Pem(format!("{}{}", IDENTITY.certificate_pem, IDENTITY.key_pkcs8_pem)),
        Sample::Pem(format!("{}{}", IDENTITY.key_pkcs1_pem, IDENTITY.certificate_pem)),
        Sample::Pem(encrypted_pem("secret", "-iter 1")),
        Sample::Pem(encrypted_pem("secret", "-v1 PBE-SHA1-3DES -iter 1")),
        Sample::Pfx(pfx("secret", "-iter 1")),
        Sample::Pfx(pfx("secret", "-iter 1 -nomac")),
        Sample::Pfx(pfx("secret", "-iter 1 -nomac -legacy")),
        Sample::Pfx(pfx("", "-nomac -keypbe NONE -certpbe NONE")),
    ]
});

fn parse(text: &str) -> Result<Certificate, String> {
    Certificate::parse(text, Some("secret"), AssertionAlgorithm::Ps256, false)
}

/// Overwrites some bytes, removes some, and cuts off the end.
fn mangle(bytes: &mut Vec<u8>, changes: &[(Index, u8)], removed: &[Index], end: Option<Index>) {
    for (at, byte) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    for at in removed {
        bytes.remove(at.index(bytes.len()));
    }
    if let Some(end) = end {
        bytes.truncate(end.index(bytes.len()));
    }
}

proptest! {
    #[test]
    fn nothing_makes_the_parser_panic(
        sample in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        removed in prop::collection::vec(any::<Index>(), 0..3),
        end in proptest::option::weighted(0.2, any::<Index>()),
    ) {
        let text = match sample.get(&SAMPLES) {
            Sample::Pem(pem) => {
                let mut bytes = pem.clone().into_bytes();
                mangle(&mut bytes, &changes, &removed, end);
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Sample::Pfx(pfx) => {
                let mut bytes = pfx.clone();
                mangle(&mut bytes, &changes, &removed, end);
                STANDARD.encode(&bytes)
            }
        };
        if let Err(reason) = parse(&text) {
            prop_assert!(reason.len() < 400, "{reason}");
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        prop_assert!(parse(&text).is_err());
        let block = format!("-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----{text}");
        prop_assert!(parse(&block).is_err());
    }

    #[test]
    fn every_way_of_writing_a_pem_means_the_same(
        blocks in Just([
            ("CERTIFICATE", IDENTITY.certificate_pem.as_str()),
            ("PRIVATE KEY", IDENTITY.key_pkcs8_pem.as_str()),
            ("CERTIFICATE", OTHER.certificate_pem.as_str()),
        ]).prop_shuffle(),
        width in 1..200_usize,
        line_end in prop::sample::select(vec!["\n", "\r\n", "\r", "\\n", "\\r\\n", "\n\n", " ", "\t\n"]),
        between in "[a-zA-Z0-9 :=,.#\n]{0,40}",
        in_base64 in any::<bool>(),
        around in "[ \r\n\t]{0,3}",
    ) {
        let mut pem = String::new();
        for (label, block) in blocks {
            let base64: String = block.lines().filter(|line| !line.starts_with('-')).collect();
            pem.push_str(&between);
            pem.push_str(&format!("-----BEGIN {label}-----{line_end}"));
            for line in base64.as_bytes().chunks(width) {
                pem.push_str(str::from_utf8(line).unwrap());
                pem.push_str(line_end);
            }
            pem.push_str(&format!("-----END {label}-----{line_end}"));
        }
        let text = if in_base64 { STANDARD.encode(&pem) } else { pem };
        let certificate = parse(&format!("{around}{text}{around}")).unwrap();
        prop_assert_eq!(certificate.chain(), [&IDENTITY.certificate_der[..]]);
    }
}
