//! Prepares untrusted text for messages, in case a service repeats parts of a request. The result contains no
//! secret, complete or in part, unchanged or percent-encoded. Of text of unknown format, only plain words are kept.

use std::collections::BTreeSet;

/// Replaces removed text.
const INSTEAD: &str = "***";

/// The length at which consecutive characters of a secret count as a part of it. Shorter parts are useless,
/// and occur in other texts too.
const PART: usize = 8;

/// Removes the secrets and their parts from a text.
pub(crate) fn redact(text: &str, secrets: &[&str]) -> String {
    let spelled = Spelled::new(text);
    // For each byte of the text, whether it is removed.
    let mut hidden = vec![false; text.len()];
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        Parts::of(secret).hide(&spelled, &mut hidden);
    }
    let mut shown = Vec::with_capacity(text.len());
    let mut was_hidden = false;
    for (byte, is_hidden) in text.bytes().zip(hidden) {
        if !is_hidden {
            shown.push(byte);
        } else if !was_hidden {
            shown.extend_from_slice(INSTEAD.as_bytes());
        }
        was_hidden = is_hidden;
    }
    String::from_utf8_lossy(&shown).into_owned()
}

/// Replaces every word that is not plain: secrets, ids and parts of a request are not plain words. The result
/// is one line of at most `longest` characters.
pub(crate) fn plain_words(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    for word in text.split_whitespace() {
        let word = if is_plain(word) { word } else { INSTEAD };
        if shown.len().saturating_add(word.len()) >= longest {
            break;
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(word);
    }
    shown
}

/// Letters, hyphens and apostrophes, or a short number, with optional punctuation around them.
fn is_plain(word: &str) -> bool {
    const LONGEST: usize = 30;
    let bare = word.trim_matches(|c: char| c.is_ascii_punctuation() && !matches!(c, '%' | '*'));
    let is_word = bare.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\''));
    let is_number = bare.len() <= 6 && bare.bytes().all(|b| b.is_ascii_digit());
    word.len() <= LONGEST && (is_word || is_number)
}

/// The parts of a secret, each as a number.
struct Parts {
    length: usize,
    numbers: BTreeSet<u64>,
}

impl Parts {
    fn of(secret: &str) -> Self {
        let secret: Vec<u8> = secret.bytes().map(folded).collect();
        let length = secret.len().min(PART);
        let mut numbers = BTreeSet::new();
        for part in secret.windows(length.max(1)) {
            numbers.insert(number(part));
        }
        Self { length, numbers }
    }

    /// Marks the parts in a text.
    fn hide(&self, text: &Spelled, hidden: &mut [bool]) {
        let mut done = 0;
        for (at, window) in text.bytes.windows(self.length).enumerate() {
            if !self.numbers.contains(&number(window)) {
                continue;
            }
            let end = at.saturating_add(self.length);
            let start = text.starts.get(at).copied().unwrap_or_default().max(done);
            done = text.starts.get(end).copied().unwrap_or(hidden.len());
            if let Some(found) = hidden.get_mut(start..done) {
                found.fill(true);
            }
        }
    }
}

fn number(part: &[u8]) -> u64 {
    part.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// Forms encode a space as a plus sign. A secret in different case is still a secret.
fn folded(byte: u8) -> u8 {
    if byte == b' ' { b'+' } else { byte.to_ascii_lowercase() }
}

/// A decoded text: each byte may be unencoded, percent-encoded once, or percent-encoded several times.
struct Spelled {
    bytes: Vec<u8>,
    /// The position of each byte in the text. Its encoded form ends where the next one starts.
    starts: Vec<usize>,
}

impl Spelled {
    fn new(text: &str) -> Self {
        let mut spelled = Self {
            bytes: Vec::new(),
            starts: Vec::new(),
        };
        let mut rest = text.as_bytes();
        while let Some((byte, length)) = first(rest) {
            let start = text.len().saturating_sub(rest.len());
            spelled.bytes.push(folded(byte));
            spelled.starts.push(start);
            rest = rest.get(length..).unwrap_or_default();
        }
        spelled
    }
}

/// The first decoded byte of a text, and the length of its encoded form.
fn first(text: &[u8]) -> Option<(u8, usize)> {
    if let Some(rest) = text.strip_prefix(b"%") {
        let mut nested = rest;
        while let Some(inner) = nested.strip_prefix(b"25") {
            nested = inner;
        }
        for digits in [nested, rest] {
            if let [high, low, ..] = digits
                && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
            {
                let byte = u8::try_from(high.saturating_mul(16).saturating_add(low)).unwrap_or(b'%');
                let length = text.len().saturating_sub(digits.len()).saturating_add(2);
                return Some((byte, length));
            }
        }
    }
    if text.starts_with(b"&amp;") {
        return Some((b'&', 5));
    }
    text.first().map(|byte| (*byte, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a~secret&of+this/test=";

    #[test]
    fn a_secret_is_left_out_in_every_spelling() {
        for (text, shown) in [
            ("you sent a~secret&of+this/test=, see", "you sent ***, see"),
            (
                "client_secret=a%7Esecret%26of%2Bthis%2Ftest%3D&x",
                "client_secret=***&x",
            ),
            ("a%7esecret%26of%2bthis%2ftest%3d", "***"),
            ("a%257Esecret%2526of%252Bthis", "***"),
            ("a~secret&amp;of+this/test=", "***"),
            ("A~SECRET&OF", "***"),
            ("so a~secret&of+this/te", "so ***"),
            ("ecret&of", "***"),
            ("ecret&o is too short", "ecret&o is too short"),
            ("a~secret&of+this/test=a~secret&of", "***"),
            ("a~secret&xx&of+this/test=", "***xx***"),
            ("100% of %zz %2 %", "100% of %zz %2 %"),
            ("", ""),
        ] {
            assert_eq!(redact(text, &[SECRET]), shown, "{text}");
        }
        assert_eq!(redact("a pin: 1234, and 123", &["", "1234"]), "a pin: ***, and 123");
        assert_eq!(redact("größe über alles", &["größe"]), "*** über alles");
    }

    #[test]
    fn plain_words_are_few() {
        for (text, shown) in [
            (
                "  Sign in\r\n to the \"guest\" network!",
                "Sign in to the \"guest\" network!",
            ),
            (
                "403 - Forbidden: (Access is denied.)",
                "403 - Forbidden: (Access is denied.)",
            ),
            ("id=7 q7Gh2k a@b 1234567 it's", "*** *** *** *** it's"),
            ("Zugriff verweigert für Sie", "Zugriff verweigert für Sie"),
            ("x%41", "***"),
        ] {
            assert_eq!(plain_words(text, 80), shown, "{text}");
        }
        assert_eq!(plain_words(&"word ".repeat(100), 13), "word word");
        assert_eq!(plain_words(&"w".repeat(31), 80), INSTEAD);
    }
}
