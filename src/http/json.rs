//! JSON text (RFC 8259: <https://www.rfc-editor.org/rfc/rfc8259>).

/// Removes the byte order mark that some servers add; a parser may ignore it (RFC 8259, 8.1).
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Whether a text begins like an object.
pub(crate) fn is_object(text: &[u8]) -> bool {
    without_mark(text).trim_ascii_start().starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_no_part_of_the_text() {
        assert_eq!(without_mark(b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(without_mark(b"{}"), b"{}");
        assert!(is_object(b"\xef\xbb\xbf \r\n{") && is_object(b"{"));
        assert!(!is_object(b"[{") && !is_object(b"<html>") && !is_object(b""));
    }
}
