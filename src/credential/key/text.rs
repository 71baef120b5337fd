//! Detects the form of the text given as a certificate.

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::pem::{BEGIN, OPENSSH};
use super::pfx;

/// The maximum length in bytes, more than any certificate with its chain.
const MAX_LENGTH: usize = 256 << 10;

/// The maximum number of nested base64 or percent encodings.
const MAX_LAYERS: u8 = 4;

const EXPECTED: &str = "expected PEM text with certificate and private key, or a PFX in base64";

/// The form of the text, after undoing the encodings that variables and vaults add.
pub(super) enum Form {
    Pem(Zeroizing<String>),
    /// A PFX, or consecutive certificates and keys.
    Der(Zeroizing<Vec<u8>>),
}

impl Form {
    /// # Errors
    /// A readable guess of what the text is instead.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!(
                "is longer than {} kB: expected one certificate with its key",
                MAX_LENGTH >> 10
            ));
        }
        Self::unwrap(text, MAX_LAYERS)?.ok_or_else(|| mistaken(text))
    }

    /// `None` if the form is unknown.
    fn unwrap(text: &str, layers: u8) -> Result<Option<Self>, String> {
        let Some(layers) = layers.checked_sub(1) else {
            return Ok(None);
        };
        let lines = with_line_ends(text);
        if lines.contains(BEGIN) {
            return Ok(Some(Self::Pem(lines)));
        }
        if let Some(decoded) = without_percent_signs(text) {
            return Self::unwrap(&decoded, layers);
        }
        let text = lines.trim_matches(is_noise);
        let text = match text.split_once(";base64,") {
            Some((start, body)) if start.starts_with("data:") => body,
            _ => text,
        };
        refuse_text(text)?;
        let Some(bytes) = from_base64(text) else {
            return Ok(None);
        };
        refuse_bytes(&bytes)?;
        if pfx::is_pfx(&bytes) || matches!(bytes.as_slice(), [0x30, 0x80..=0x84, ..]) {
            return Ok(Some(Self::Der(bytes)));
        }
        match text_of(&bytes) {
            Some(inner) => Self::unwrap(&inner, layers),
            None => Ok(None),
        }
    }
}

/// Decodes base64 in the standard or the URL-safe alphabet, with or without padding. Several encoded texts
/// may follow each other.
pub(super) fn from_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone),
    );
    // Sufficient for the whole output: reallocation would leave copies that are not wiped.
    let mut packed = Zeroizing::new(String::with_capacity(text.len()));
    packed.extend(text.chars().filter(|c| !is_noise(*c)).map(|c| match c {
        '-' => '+',
        '_' => '/',
        c => c,
    }));
    let mut bytes = Zeroizing::new(Vec::with_capacity(packed.len()));
    for piece in packed.split('=') {
        BASE64.decode_vec(piece, &mut bytes).ok()?;
    }
    Some(bytes)
}

/// Characters that files, tables, mail and web pages insert between the relevant ones.
fn is_noise(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\0' | '"' | '\'' | '`' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
        )
}

/// Restores line ends that were escaped as two or more characters, and removes NUL characters that remain
/// from UTF-16.
fn with_line_ends(text: &str) -> Zeroizing<String> {
    let mut lines = Zeroizing::new(String::with_capacity(text.len()));
    for (number, piece) in text.split('\\').enumerate() {
        let piece = if number == 0 {
            piece
        } else {
            lines.push('\n');
            piece.strip_prefix(['n', 'r']).unwrap_or(piece)
        };
        lines.extend(piece.chars().filter(|c| *c != '\0'));
    }
    lines
}

/// The decoded text; `None` if it is not percent-encoded.
fn without_percent_signs(text: &str) -> Option<Zeroizing<String>> {
    if !text.contains('%') {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    bytes.extend(percent_decode_str(text));
    let decoded = std::str::from_utf8(&bytes).ok()?;
    (decoded.len() < text.len()).then(|| Zeroizing::new(decoded.to_owned()))
}

/// The text in UTF-8 or UTF-16, with a byte order mark or without.
fn text_of(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let mut text = Zeroizing::new(String::with_capacity(bytes.len().saturating_mul(2)));
        let (pairs, _) = bytes.as_chunks::<2>();
        for c in char::decode_utf16(pairs.iter().copied().map(unit)) {
            text.push(c.ok()?);
        }
        Some(text)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] | rest @ [_, 0, _, 0, ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] | rest @ [0, _, 0, _, ..] => wide(rest, u16::from_be_bytes),
        _ => std::str::from_utf8(bytes)
            .ok()
            .map(|text| Zeroizing::new(text.to_owned())),
    }
}

/// Refuses formats of other programs, detected by their first bytes.
fn refuse_bytes(bytes: &[u8]) -> Result<(), String> {
    const MAGIC: [(&[u8], &str); 5] = [
        (
            &[0xfe, 0xed, 0xfe, 0xed],
            "a Java key store (JKS): convert it (keytool -importkeystore -srckeystore app.jks -destkeystore app.pfx \
             -deststoretype PKCS12) and give the PFX in base64",
        ),
        (
            &[0xce, 0xce, 0xce, 0xce],
            "a Java key store (JCEKS): convert it (keytool -importkeystore -srcstoretype JCEKS -srckeystore app.jceks \
             -destkeystore app.pfx -deststoretype PKCS12) and give the PFX in base64",
        ),
        (b"openssh-key-v1\0", OPENSSH),
        (
            &[0x1e, 0xf1, 0xb5, 0xb0],
            "a private key in Microsoft's PVK format: convert it (openssl rsa -inform PVK -in app.pvk -out key.pem) and add its \
             certificate",
        ),
        (
            &[0x07, 0x02, 0x00, 0x00],
            "a Microsoft key blob: convert it (openssl rsa -inform MSBLOB -in app.blob -out key.pem) and add its certificate",
        ),
    ];
    match MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, what)) => Err(format!("is base64 of {what}")),
        None => Ok(()),
    }
}

/// Refuses formats of other programs, detected by their text.
fn refuse_text(text: &str) -> Result<(), String> {
    let is_hex = text.len() > 128
        && text.starts_with("30")
        && text
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b.is_ascii_whitespace() || b == b':');
    let what = if is_hex {
        "is written in hex: convert it (xxd -r -p app.hex | base64)"
    } else if text.starts_with("PuTTY-User-Key-File") {
        "is a PuTTY key: convert it (puttygen app.ppk -O private-openssh -o key.pem) and add its certificate"
    } else if text.contains("<RSAKeyValue") {
        "is a key in XML (RSAKeyValue): export it as PEM (in .NET: ExportPkcs8PrivateKeyPem) and add its certificate"
    } else if text.starts_with('{') && text.contains("\"kty\"") {
        "is a JSON Web Key: expected the certificate with its key (from Key Vault: az keyvault secret show --query value -o tsv)"
    } else if text.starts_with(['{', '[']) {
        "is JSON: give only the value inside it (from Key Vault: az keyvault secret show --query value -o tsv)"
    } else if text.contains("BEGIN") && (text.contains("CERTIFICATE") || text.contains("KEY")) {
        "has BEGIN and END lines whose dashes were changed: expected five ASCII dashes on each side, as in \
         -----BEGIN CERTIFICATE-----"
    } else {
        return Ok(());
    };
    Err(what.to_owned())
}

fn mistaken(text: &str) -> String {
    let text = text.trim_matches(is_noise);
    let seems = if text.is_empty() {
        "is empty"
    } else if is_thumbprint(text) {
        "seems to be a thumbprint, which only identifies a certificate"
    } else if is_path(text) {
        "seems to be a file path, and files are not read"
    } else if text.starts_with('0') && text.chars().any(|c| !c.is_ascii() || c == '\0') {
        "seems to be a binary file, which must be given in base64 (base64 -w0 app.pfx)"
    } else {
        "is neither PEM text nor a PFX in base64 (or its base64 is cut off)"
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
