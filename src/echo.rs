//! Masks tokens that an answer repeats while the answer is streamed. Every byte of a token becomes an
//! asterisk, so lengths do not change.
//!
//! A token is found unchanged, percent-encoded (`%2E`, `%2e`), escaped for JSON (`\u002e`, `\/`), or in any
//! mixture of these. Its leading letters and digits must be unchanged: no encoder changes those (RFC 3986,
//! 2.3; RFC 8259, 7). So only few positions of a text need a close comparison. A truncated token is masked if
//! at least half of it is present. A token that is encrypted or encoded otherwise (base64) is not found: the
//! mask protects against a service or a proxy that repeats a request by mistake, not against one that leaks
//! the token on purpose.

use http::{HeaderMap, HeaderValue};

use crate::host::{Body, Failure};

const MASK: u8 = b'*';

/// The maximum number of leading letters and digits that must be unchanged.
const MOST_PLAIN: usize = 8;

/// The minimum length of a truncated token that is masked. It must also be at least half of the token.
const LEAST_PART: usize = 32;

/// Masks one token in a text that arrives in pieces.
pub struct Mask {
    /// The token, decoded in the same way as the text.
    token: Vec<u8>,
    /// For each length of a match, the next shorter match that the same bytes allow (Knuth, Morris and
    /// Pratt).
    shorter: Vec<usize>,
    /// The number of leading characters that must be unchanged.
    plain: usize,
    /// The index of the leading character that is the rarest in other texts. The search looks for it.
    rarest: usize,
    /// The end of the text, which may be the beginning of a token.
    held: Vec<u8>,
    matched: Matched,
}

/// The part of a token that has matched.
#[derive(Default)]
struct Matched {
    /// The length in the text of each matched character, in bytes.
    lengths: std::collections::VecDeque<u8>,
    /// The sum of the lengths.
    bytes: usize,
}

/// The first character of a text.
enum Spelled {
    Char {
        value: u8,
        length: u8,
    },
    /// More of the text is needed to decide.
    Unclear,
}

impl Mask {
    /// An empty token masks nothing.
    pub fn new(token: &str) -> Self {
        let mut text = token.as_bytes();
        let mut decoded = Vec::with_capacity(text.len());
        while let Some(first) = text.first() {
            let (value, length) = match spelled(text) {
                Spelled::Char { value, length } => (value, length),
                Spelled::Unclear => (*first, 1),
            };
            decoded.push(value);
            text = text.get(usize::from(length)..).unwrap_or_default();
        }
        let plain = decoded
            .iter()
            .take(MOST_PLAIN)
            .take_while(|c| c.is_ascii_alphanumeric());
        let plain = plain.count();
        let rarest = (0..plain).max_by_key(|at| decoded.get(*at).copied().map_or(0, rarity));
        Self {
            shorter: shorter(&decoded),
            plain,
            rarest: rarest.unwrap_or_default(),
            token: decoded,
            held: Vec::new(),
            matched: Matched::default(),
        }
    }

    /// Takes the next piece, and returns the text that is decided so far.
    pub fn feed(&mut self, piece: Vec<u8>) -> Vec<u8> {
        if self.token.is_empty() {
            return piece;
        }
        let mut text = std::mem::take(&mut self.held);
        // The end of the incomplete match, which may be all of the held text.
        let mut at = self.matched.bytes;
        if text.is_empty() {
            text = piece;
        } else {
            text.extend_from_slice(&piece);
        }
        self.scan(&mut text, &mut at);
        // The incomplete match and the undecided rest are held back.
        let told = at.saturating_sub(self.matched.bytes).min(text.len());
        self.held = text.split_off(told);
        text
    }

    /// Returns the held text at the end.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.held);
        let matched = std::mem::take(&mut self.matched);
        if self.is_most(matched.lengths.len()) {
            fill(text.get_mut(..matched.bytes));
        }
        text
    }

    /// Scans until more of the text is needed. `at` is the position after the current match.
    fn scan(&mut self, text: &mut [u8], at: &mut usize) {
        loop {
            let count = self.matched.lengths.len();
            if count == 0 && self.plain > 0 {
                *at = self.candidate(text, *at);
            }
            let rest = text.get(*at..).unwrap_or_default();
            let Some(first) = rest.first() else {
                return;
            };
            let (value, length) = match spelled(rest) {
                _ if count < self.plain => (*first, 1),
                Spelled::Char { value, length } => (value, length),
                Spelled::Unclear => return,
            };
            if self.token.get(count) == Some(&value) {
                *at = at.saturating_add(usize::from(length)).min(text.len());
                self.matched.push(length);
                if self.matched.lengths.len() == self.token.len() {
                    fill(text.get_mut(at.saturating_sub(self.matched.bytes)..*at));
                    self.matched = Matched::default();
                }
                continue;
            }
            if count == 0 {
                *at = at.saturating_add(1);
                continue;
            }
            if self.is_most(count) {
                fill(text.get_mut(at.saturating_sub(self.matched.bytes)..*at));
            }
            self.shorten();
        }
    }

    /// The first position, starting at `from`, where the unchanged beginning of the token is, or may be if
    /// the text continues.
    fn candidate(&self, text: &[u8], from: usize) -> usize {
        let (Some(plain), Some(rare)) = (self.token.get(..self.plain), self.token.get(self.rarest)) else {
            return text.len();
        };
        let mut from = from;
        loop {
            let looked_at = from.saturating_add(self.rarest);
            let found = text.get(looked_at..).and_then(|rest| memchr::memchr(*rare, rest));
            let Some(found) = found else {
                break;
            };
            let start = from.saturating_add(found);
            let there = text.get(start..).unwrap_or_default();
            if there.starts_with(plain) || there.len() < plain.len() && plain.starts_with(there) {
                return start;
            }
            from = start.saturating_add(1);
        }
        // The rare character may be in the next piece.
        let last = text.len().saturating_sub(self.rarest).max(from);
        let ends = (last..text.len()).find(|at| text.get(*at..).is_some_and(|end| plain.starts_with(end)));
        ends.unwrap_or(text.len())
    }

    /// Falls back to the next shorter match that the matched bytes allow.
    fn shorten(&mut self) {
        loop {
            let count = self.matched.lengths.len();
            let next = count.checked_sub(1).and_then(|last| self.shorter.get(last));
            self.matched.keep(next.copied().unwrap_or_default());
            let mut beginning = self.matched.lengths.iter().take(self.plain);
            if beginning.all(|length| *length == 1) {
                return;
            }
        }
    }

    /// Whether this many characters are enough to mask a truncated token.
    fn is_most(&self, count: usize) -> bool {
        count >= LEAST_PART && count >= self.token.len().div_ceil(2)
    }

    /// Masks a complete text.
    fn whole(&mut self, text: Vec<u8>) -> Vec<u8> {
        let mut masked = self.feed(text);
        masked.append(&mut self.finish());
        masked
    }
}

impl Matched {
    fn push(&mut self, length: u8) {
        self.lengths.push_back(length);
        self.bytes = self.bytes.saturating_add(usize::from(length));
    }

    /// Keeps only the last `count` characters.
    fn keep(&mut self, count: usize) {
        while self.lengths.len() > count {
            let length = self.lengths.pop_front().unwrap_or_default();
            self.bytes = self.bytes.saturating_sub(usize::from(length));
        }
    }
}

/// For each prefix, the length of the longest shorter prefix that it ends with.
fn shorter(token: &[u8]) -> Vec<usize> {
    let mut shorter: Vec<usize> = Vec::with_capacity(token.len());
    for (at, value) in token.iter().enumerate() {
        let mut count = at
            .checked_sub(1)
            .and_then(|last| shorter.get(last))
            .copied()
            .unwrap_or_default();
        while count > 0 && token.get(count) != Some(value) {
            count = shorter.get(count.saturating_sub(1)).copied().unwrap_or_default();
        }
        let goes_on = at > 0 && token.get(count) == Some(value);
        shorter.push(count.saturating_add(usize::from(goes_on)));
    }
    shorter
}

/// Ranks letters that are rare in names, numbers and ids above common ones.
fn rarity(letter: u8) -> u8 {
    match letter {
        b'J' | b'Q' | b'X' | b'Z' => 4,
        b'j' | b'q' | b'z' | b'x' => 3,
        b'A'..=b'Z' => 2,
        b'g'..=b'z' => 1,
        _ => 0,
    }
}

/// The first character of a text that may be percent-encoded or escaped.
fn spelled(text: &[u8]) -> Spelled {
    let itself = |value: &u8| Spelled::Char {
        value: *value,
        length: 1,
    };
    match text {
        [b'%', high, low, ..] => hexadecimal(&[*high, *low], 3).unwrap_or_else(|| itself(&b'%')),
        [b'%'] => Spelled::Unclear,
        [b'%', high] if high.is_ascii_hexdigit() => Spelled::Unclear,
        [b'\\', b'u', b'0', b'0', high, low, ..] => hexadecimal(&[*high, *low], 6).unwrap_or_else(|| itself(&b'\\')),
        [b'\\', b'/', ..] => Spelled::Char { value: b'/', length: 2 },
        [b'\\'] | [b'\\', b'u'] | [b'\\', b'u', b'0'] | [b'\\', b'u', b'0', b'0'] => Spelled::Unclear,
        [b'\\', b'u', b'0', b'0', high] if high.is_ascii_hexdigit() => Spelled::Unclear,
        [first, ..] => itself(first),
        [] => Spelled::Unclear,
    }
}

fn hexadecimal(digits: &[u8], length: u8) -> Option<Spelled> {
    let value = digits.iter().try_fold(0_u8, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u8::try_from(digit).ok()?)
    })?;
    Some(Spelled::Char { value, length })
}

fn fill(part: Option<&mut [u8]>) {
    if let Some(part) = part {
        part.fill(MASK);
    }
}

/// Masks tokens in header values.
pub fn mask_headers<'a>(headers: &mut HeaderMap, tokens: impl IntoIterator<Item = &'a str>) {
    for token in tokens {
        let mut mask = Mask::new(token);
        for value in headers.values_mut() {
            let masked = mask.whole(value.as_bytes().to_vec());
            if masked != value.as_bytes()
                && let Ok(masked) = HeaderValue::from_bytes(&masked)
            {
                *value = masked;
            }
        }
    }
}

/// A body with masked tokens.
pub(crate) struct Masked<B> {
    source: B,
    masks: Vec<Mask>,
    is_over: bool,
}

impl<B> Masked<B> {
    pub(crate) fn new<'a>(source: B, tokens: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            source,
            masks: tokens.into_iter().map(Mask::new).collect(),
            is_over: false,
        }
    }
}

impl<B: Body> Body for Masked<B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        while !self.is_over {
            let piece = self.source.chunk().await?;
            self.is_over = piece.is_none();
            let mut text = piece.unwrap_or_default();
            for mask in &mut self.masks {
                text = mask.feed(text);
                if self.is_over {
                    text.append(&mut mask.finish());
                }
            }
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
