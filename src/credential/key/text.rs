//! What kind of text somebody gave for a certificate.

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use zeroize::Zeroizing;

use super::pem::BEGIN;
use super::pfx;

/// Longer than any certificate with its issuers, in bytes.
const MAX_LENGTH: usize = 256 << 10;

/// Standard base64, with its padding or without.
pub const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the text is, freed from what variables and vaults do to files.
pub enum Form {
    Pem(Zeroizing<String>),
    Pfx(Zeroizing<Vec<u8>>),
}

impl Form {
    /// # Errors
    /// What the text seems to be instead, for people.
    pub fn of(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!(
                "is longer than {} kB: expected one certificate with its key",
                MAX_LENGTH >> 10
            ));
        }
        let lines = with_line_ends(text);
        if lines.contains(BEGIN) {
            return Ok(Self::Pem(lines));
        }
        let mut packed = Zeroizing::new(String::with_capacity(lines.len()));
        packed.extend(lines.trim_start_matches('\u{feff}').split_whitespace());
        let bytes = BASE64.decode(packed.as_bytes()).map(Zeroizing::new).ok();
        match bytes {
            Some(bytes) if pfx::is_pfx(&bytes) => Ok(Self::Pfx(bytes)),
            Some(bytes) => match std::str::from_utf8(&bytes) {
                Ok(pem) if pem.contains(BEGIN) => Ok(Self::Pem(with_line_ends(pem))),
                _ if bytes.starts_with(&[0x30, 0x82]) => Err(
                    "is base64 of something other than a PFX, perhaps of a certificate without its private key (a .cer file): \
                     expected PEM text with certificate and private key, or a PFX in base64"
                        .to_owned(),
                ),
                _ => Err(mistaken(text)),
            },
            None => Err(mistaken(text)),
        }
    }
}

/// Line ends that were written as two characters are line ends again.
fn with_line_ends(text: &str) -> Zeroizing<String> {
    // Room for all of it: growing would leave copies behind that are not wiped.
    let mut lines = Zeroizing::new(String::with_capacity(text.len().saturating_add(1)));
    for line in text.split("\\n") {
        lines.extend(line.split("\\r"));
        lines.push('\n');
    }
    lines
}

fn mistaken(text: &str) -> String {
    const EXPECTED: &str = "expected PEM text with certificate and private key, or a PFX in base64";
    let text = text.trim();
    let seems = if text.is_empty() {
        "is empty"
    } else if is_thumbprint(text) {
        "seems to be a thumbprint, which only names a certificate"
    } else if is_path(text) {
        "seems to be the path of a file, and files are not read"
    } else if text.starts_with('0') && text.chars().any(|c| !c.is_ascii() || c == '\0') {
        "seems to be a binary file"
    } else {
        "holds no PEM text, and is no PFX in base64 either (or its base64 is cut off)"
    };
    format!("{seems}: {EXPECTED}")
}

/// SHA-1 or SHA-256 in hex, as the Entra admin center, Windows and OpenSSL show it.
fn is_thumbprint(text: &str) -> bool {
    let digits = || text.chars().filter(|c| !matches!(c, ':' | ' ' | '-' | '\u{200e}'));
    matches!(digits().count(), 40 | 64) && digits().all(|digit| digit.is_ascii_hexdigit())
}

fn is_path(text: &str) -> bool {
    let is_one_line = text.len() < 1024 && !text.contains(char::is_control);
    let text = text.trim_matches('"');
    let lower = text.to_ascii_lowercase();
    let mut endings = [".pem", ".pfx", ".p12", ".cer", ".crt", ".der", ".key"].into_iter();
    is_one_line
        && ((text.starts_with('/') && !text.starts_with("//"))
            || ["./", "../", "~", "\\\\", ".\\", "file:"]
                .iter()
                .any(|start| text.starts_with(start))
            || text.get(1..3).is_some_and(|drive| drive == ":\\" || drive == ":/")
            || endings.any(|ending| lower.ends_with(ending)))
}
