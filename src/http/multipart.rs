//! The lines of a multipart text (RFC 2046, 5.1.1): delimiters between the parts, and header fields.

use http::HeaderName;
use memchr::memchr;

/// The most spaces and tabs that are accepted between a delimiter and the end of its line.
const MAX_PADDING: u8 = 100;

/// Two hyphens and the boundary. A line that consists of it, with optional padding, ends a part.
pub(crate) struct Delimiter(Vec<u8>);

/// Which delimiter a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Another part follows.
    Next,
    /// `--` follows the boundary: the last one.
    Last,
}

/// How much of a line has matched a delimiter so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// This many bytes of the delimiter.
    Partial(usize),
    /// The delimiter, and what followed it on the line.
    Complete { hyphens: u8, padding: u8 },
    /// The line is not the delimiter, although it starts with it if `starts_alike`.
    Failed { starts_alike: bool },
}

impl Match {
    /// Before the first byte of a line.
    pub(crate) const START: Self = Self::Partial(0);

    /// Whether the line can still be the delimiter.
    pub(crate) fn is_possible(self) -> bool {
        !matches!(self, Self::Failed { .. })
    }

    /// Which delimiter the line is, if it ends here.
    pub(crate) fn mark(self) -> Option<Mark> {
        match self {
            Self::Complete { hyphens: 0, .. } => Some(Mark::Next),
            Self::Complete { hyphens: 2, .. } => Some(Mark::Last),
            _ => None,
        }
    }

    /// Whether a reader that compares only the beginning of a line takes this one for the delimiter, although it is not.
    pub(crate) fn is_ambiguous(self) -> bool {
        matches!(
            self,
            Self::Failed { starts_alike: true } | Self::Complete { hyphens: 1, .. }
        )
    }
}

impl Delimiter {
    pub(crate) fn new(boundary: &str) -> Self {
        Self(format!("--{boundary}").into_bytes())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The match after one more byte of a line, which is not the line's end.
    pub(crate) fn advance(&self, so_far: Match, byte: u8) -> Match {
        match so_far {
            Match::Partial(count) if self.0.get(count) == Some(&byte) => {
                let count = count.saturating_add(1);
                if count == self.0.len() {
                    Match::Complete { hyphens: 0, padding: 0 }
                } else {
                    Match::Partial(count)
                }
            }
            Match::Complete {
                hyphens: hyphens @ (0 | 1),
                padding: 0,
            } if byte == b'-' => Match::Complete {
                hyphens: hyphens.saturating_add(1),
                padding: 0,
            },
            Match::Complete {
                hyphens: hyphens @ (0 | 2),
                padding: padding @ 0..MAX_PADDING,
            } if matches!(byte, b' ' | b'\t') => Match::Complete {
                hyphens,
                padding: padding.saturating_add(1),
            },
            Match::Partial(_) => Match::Failed { starts_alike: false },
            Match::Complete { .. } => Match::Failed { starts_alike: true },
            failed @ Match::Failed { .. } => failed,
        }
    }

    /// Whether the first line of a text is the delimiter, and the length of that line with its end. The end of the text ends
    /// the line, too.
    pub(crate) fn first_line(&self, text: &[u8]) -> Option<(Mark, usize)> {
        let mut so_far = Match::START;
        for (index, byte) in text.iter().enumerate() {
            let length = match byte {
                b'\n' => index.saturating_add(1),
                b'\r' if text.get(index.saturating_add(1)) == Some(&b'\n') => index.saturating_add(2),
                b'\r' if text.len() == index.saturating_add(1) => text.len(),
                _ => {
                    so_far = self.advance(so_far, *byte);
                    if !so_far.is_possible() {
                        return None;
                    }
                    continue;
                }
            };
            return Some((so_far.mark()?, length));
        }
        Some((so_far.mark()?, text.len()))
    }
}

/// A line without its end, `CRLF` or a line feed.
pub(crate) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a line continues the header field before it (RFC 5322, 2.2.3).
pub(crate) fn is_folded(line: &[u8]) -> bool {
    matches!(line, [b' ' | b'\t', ..])
}

/// The name and the value of a header field, on one line. `None` if it is not a header field.
pub(crate) fn header_field(line: &[u8]) -> Option<(HeaderName, &[u8])> {
    let (name, value) = line.split_at_checked(memchr(b':', line)?)?;
    let name = HeaderName::from_bytes(name.trim_ascii_end()).ok()?;
    Some((name, value.get(1..)?.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_line(text: &str) -> Option<(Mark, usize)> {
        Delimiter::new("b").first_line(text.as_bytes())
    }

    #[test]
    fn a_delimiter_is_a_line_of_its_own() {
        for (text, found) in [
            ("--b", (Mark::Next, 3)),
            ("--b\r", (Mark::Next, 4)),
            ("--b\n", (Mark::Next, 4)),
            ("--b\r\nmore", (Mark::Next, 5)),
            ("--b \t\r\nmore", (Mark::Next, 7)),
            ("--b--", (Mark::Last, 5)),
            ("--b--\r\n", (Mark::Last, 7)),
            ("--b--\t\nmore", (Mark::Last, 7)),
        ] {
            assert_eq!(first_line(text), Some(found), "{text:?}");
        }
        for text in [
            "", "-", "--", "--c", "--b-", "--b-\n", "--b---", "--bc", "--b c", "--b --", "--b\rx", "--b-- -", "\n--b",
            " --b",
        ] {
            assert_eq!(first_line(text), None, "{text:?}");
        }
    }

    #[test]
    fn padding_has_a_limit() {
        let padded = |count| first_line(&format!("--b{}\n", " ".repeat(count))).is_some();
        assert!(padded(usize::from(MAX_PADDING)));
        assert!(!padded(usize::from(MAX_PADDING) + 1));
    }

    #[test]
    fn what_starts_like_a_delimiter_and_continues_otherwise_is_ambiguous() {
        let delimiter = Delimiter::new("b");
        let after = |line: &str| {
            line.bytes()
                .fold(Match::START, |so_far, byte| delimiter.advance(so_far, byte))
        };
        for line in ["--bc", "--b-", "--b x", "--b--x", "--b---"] {
            assert!(after(line).is_ambiguous(), "{line}");
            assert_eq!(after(line).mark(), None, "{line}");
        }
        for line in ["", "-", "--", "--c", "--b", "--b  ", "--b--", "--b-- "] {
            assert!(!after(line).is_ambiguous(), "{line}");
        }
    }

    #[test]
    fn header_fields_are_read() {
        let field = |line: &'static str| header_field(line.as_bytes()).map(|(name, value)| (name.to_string(), value));
        assert_eq!(
            field("Content-ID: 1 "),
            Some(("content-id".to_owned(), b"1".as_slice()))
        );
        assert_eq!(field("A :b:c"), Some(("a".to_owned(), b"b:c".as_slice())));
        assert_eq!(field("a:"), Some(("a".to_owned(), b"".as_slice())));
        for line in ["", ":", ": x", "a b: c", " a: b", "none"] {
            assert_eq!(field(line), None, "{line}");
        }
        assert_eq!(without_end(b"a\r\n"), b"a");
        assert_eq!(without_end(b"a\n"), b"a");
        assert_eq!(without_end(b"a\r"), b"a");
        assert!(is_folded(b"\tx") && is_folded(b" ") && !is_folded(b"x ") && !is_folded(b""));
    }
}
