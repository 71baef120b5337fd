//! The boundary of a multipart text (RFC 2046, 5.1.1).

/// The longest boundary, in bytes (RFC 2046, 5.1.1: 1 to 70 characters).
const LONGEST: usize = 70;

/// The boundary in a multipart content type. `None` for other types, and for boundaries that are empty or
/// longer than `LONGEST`. Parameters are in any order, their names are case-insensitive, and their values may
/// be quoted (RFC 9110, 5.6.6).
pub fn boundary_of(content_type: &str) -> Option<String> {
    let (media_type, mut rest) = content_type.split_once(';')?;
    if !media_type.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    loop {
        let (name, value) = rest.split_once('=')?;
        // Parameters without a value may precede the name.
        let name = name.rsplit(';').next().unwrap_or_default().trim();
        let (value, later) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => value
                .split_once(';')
                .map_or((value.trim().to_owned(), ""), |(value, later)| {
                    (value.trim().to_owned(), later)
                }),
        };
        if name.eq_ignore_ascii_case("boundary") {
            return (!value.is_empty() && value.len() <= LONGEST).then_some(value);
        }
        rest = later;
    }
}

/// The value up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = quoted.chars();
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
    use super::*;

    #[test]
    fn boundaries_are_read() {
        for (content_type, boundary) in [
            ("multipart/mixed; boundary=abc", "abc"),
            ("Multipart/Mixed;charset=x; Boundary=\"a b\"", "a b"),
            ("multipart/mixed; BOUNDARY = abc ; charset=x", "abc"),
            (
                r#"multipart/mixed;boundary="a;b=\"c\"\\'()+_,-./:=?"; x=y"#,
                r#"a;b="c"\'()+_,-./:=?"#,
            ),
            ("multipart/mixed; boundary=batch(1)/x:y=z?", "batch(1)/x:y=z?"),
            (r#"multipart/mixed; x="; boundary=no"; flag; boundary=yes"#, "yes"),
            ("multipart/mixed; boundary=\"never closed", "never closed"),
        ] {
            assert_eq!(boundary_of(content_type).as_deref(), Some(boundary), "{content_type}");
        }
    }

    #[test]
    fn a_boundary_has_70_characters_at_most() {
        for quote in ["", "\""] {
            let of = |length| {
                boundary_of(&format!(
                    "multipart/mixed; boundary={quote}{}{quote}",
                    "b".repeat(length)
                ))
            };
            assert_eq!(of(70), Some("b".repeat(70)));
            assert_eq!(of(71), None);
            assert_eq!(of(120_000), None);
        }
    }

    #[test]
    fn what_names_none_has_none() {
        for content_type in [
            "",
            "multipart/mixed",
            "application/json; boundary=x",
            "multipart/mixed; boundary=",
            "multipart/mixed; boundary=\"\"",
            "multipart/mixed; x=\"boundary=y\"",
        ] {
            assert_eq!(boundary_of(content_type), None, "{content_type}");
        }
    }
}
