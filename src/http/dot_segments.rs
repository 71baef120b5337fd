//! Dot segments in a path, which servers resolve (RFC 3986, 5.2.4), in every spelling that a server is
//! known to accept. After the path is checked, the resolving server may decode it once more, cut it off at
//! a `;` or a null, treat a backslash as a slash, or accept encodings that UTF-8 forbids.

/// How many times a path may be percent-encoded. Dataverse's own links are encoded twice.
const ROUNDS: usize = 4;

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A dot segment.
    Dots,
    /// An overlong encoding, or a byte that is not valid in UTF-8 (RFC 3629, 3): `%c0%ae` for a dot.
    NoUtf8,
    /// Too many levels of escapes.
    EncodedTooOften,
}

/// Checks a path without its query.
///
/// # Errors
/// The first fault.
pub(crate) fn refuse(path: &str) -> Result<(), Fault> {
    let mut text = path.to_owned();
    for _ in 0..ROUNDS {
        if text.split(is_separator).any(is_dots) {
            return Err(Fault::Dots);
        }
        let next = characters(&decoded(text.as_bytes()))?;
        if next == text {
            return Ok(());
        }
        text = next;
    }
    Err(Fault::EncodedTooOften)
}

/// Slashes, and characters that best-fit mapping to a code page converts to one.
fn is_separator(c: char) -> bool {
    matches!(
        c,
        '/' | '\\' | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{FF0F}' | '\u{FF3C}'
    )
}

/// Whether a segment consists only of dots, up to a character that ends it for some server (a path
/// parameter, a null, a query), ignoring characters that some server ignores.
fn is_dots(segment: &str) -> bool {
    let end = segment.find([';', '\0', '?', '#']).unwrap_or(segment.len());
    let before = segment.get(..end).unwrap_or_default();
    let mut left = before.chars().filter(|c| !is_passed_over(*c)).peekable();
    left.peek().is_some() && left.all(is_dot)
}

fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{2024}' | '\u{2025}' | '\u{2026}' | '\u{FE52}' | '\u{FF0E}')
}

fn is_passed_over(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(
            c,
            '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{FFFD}'
        )
}

/// Decodes the escapes of a text: `%2e`, and `%u002e`, which some servers accept.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, escape(after)) {
            (b'%', Some((c, after))) => {
                match c {
                    Escaped::Byte(byte) => bytes.push(byte),
                    Escaped::Character(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                after
            }
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    bytes
}

enum Escaped {
    Byte(u8),
    Character(char),
}

/// The decoded escape and the rest.
fn escape(after_percent: &[u8]) -> Option<(Escaped, &[u8])> {
    if let Some(after) = after_percent
        .strip_prefix(b"u")
        .or_else(|| after_percent.strip_prefix(b"U"))
    {
        let (digits, rest) = after.split_at_checked(4)?;
        let c = char::from_u32(hexadecimal(digits)?)?;
        return Some((Escaped::Character(c), rest));
    }
    let (digits, rest) = after_percent.split_at_checked(2)?;
    let byte = u8::try_from(hexadecimal(digits)?).ok()?;
    Some((Escaped::Byte(byte), rest))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        number.checked_mul(16)?.checked_add(digit)
    })
}

/// Decodes UTF-8. A truncated sequence counts as one unknown character.
fn characters(bytes: &[u8]) -> Result<String, Fault> {
    for (index, byte) in bytes.iter().enumerate() {
        let next = index.checked_add(1).and_then(|next| bytes.get(next)).copied();
        let is_longer_than_needed = match byte {
            0xC0 | 0xC1 | 0xF5..=0xFF => true,
            0xE0 => next.is_some_and(|next| next < 0xA0),
            0xF0 => next.is_some_and(|next| next < 0x90),
            _ => false,
        };
        if is_longer_than_needed {
            return Err(Fault::NoUtf8);
        }
    }
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_found_in_every_spelling() {
        for path in [
            "..",
            ".",
            "/a/../b",
            "/a/./b",
            "/a/...",
            "/a/.. /b",
            "/a/..;/b",
            "/a/..;x=y/b",
            "/a/.;/b",
            "/a/..%3b/b",
            "/a/..%3Bx/b",
            "/a/..%00/b",
            "/a/..%00x/b",
            "/a/..%09/b",
            "/a/.%09./b",
            "/a/%09../b",
            "/a/..%0a/b",
            "/a/..%0d%0a/b",
            "/a/..%20/b",
            "/a/..%c2%a0/b",
            "/a/..%e2%80%8b/b",
            "/a/..%c2%85/b",
            "/a/..%7f/b",
            "/a/..%2500/b",
            "/a/..%23/b",
            "/a/..%3fx/b",
            "/a/%2e%2E/b",
            "/a/%252e%252e/b",
            "/a/..%5c/b",
            "/a/..\\b",
            "/a%2f..%2fb",
            "/a/%u002e%u002e/b",
            "/a/%uff0e%uff0e/b",
            "/a/%ef%bc%8e%ef%bc%8e/b",
            "/a%ef%bc%8f..%ef%bc%8fb",
            "/a/%e2%80%a5/b",
            "/a/..%80/b",
            "/a/..",
            "/a/..;",
        ] {
            assert_eq!(refuse(path), Err(Fault::Dots), "{path}");
        }
    }

    #[test]
    fn encodings_that_utf_8_forbids_are_found() {
        for path in [
            "/a/%c0%ae%c0%ae/b",
            "/a/%C0%AE/b",
            "/a/.%c0%ae/b",
            "/a/%c0%2e%c0%2e/b",
            "/a/..%c0%af",
            "/a/..%c1%9cb",
            "/a/..%c1%1cb",
            "/a/%e0%80%ae%e0%80%ae/b",
            "/a/%f0%80%80%ae/b",
            "/a/%f8%80%80%80%ae/b",
            "/a/%fc%80%80%80%80%ae/b",
            "/a/%25c0%25ae/b",
            "/a/%ff/b",
        ] {
            assert_eq!(refuse(path), Err(Fault::NoUtf8), "{path}");
        }
    }

    #[test]
    fn what_only_has_dots_in_it_passes() {
        for path in [
            "",
            "/",
            "/a/b.c",
            "/a/.b",
            "/a/..b",
            "/a/b..",
            "/a/accounts(1)/Microsoft.Dynamics.CRM.Foo()",
            "/a/accounts(name='..')",
            "/a/accounts(name='..%3B')",
            "/a/accounts(name='%C5%81o%C5%9B')",
            "/a/accounts(name='%f0%9f%98%80')",
            "/a/accounts(name='100%25')",
            "/a/accounts(name='5%25u')",
            "/a/;x",
            "/a/%zz",
            "/a/%",
            "/a/%u00",
        ] {
            assert_eq!(refuse(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn escapes_of_escapes_end() {
        assert_eq!(refuse("/a/%252525252e"), Err(Fault::EncodedTooOften));
    }
}
