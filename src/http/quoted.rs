//! Quoted strings in headers (RFC 9110, 5.6.4: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4>).

/// The value up to the closing quote, without its escapes, and the text after the quote. A missing closing
/// quote is tolerated.
pub(crate) fn unquote(after_quote: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = after_quote.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    (value, chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn a_quoted_string_ends_at_its_quote() {
        for (text, value, after) in [
            (r#"a b", c"#, "a b", ", c"),
            (r#"a\"b\\";c"#, r#"a"b\"#, ";c"),
            ("", "", ""),
            ("open", "open", ""),
            ("open\\", "open", ""),
        ] {
            assert_eq!(unquote(text), (value.to_owned(), after), "{text}");
        }
    }
}
