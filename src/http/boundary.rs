//! The boundary of a multipart text (RFC 2046, 5.1.1).

use super::quoted::unquote;

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

/// The boundary in a content type, if all servers interpret it the same way.
///
/// # Errors
/// A readable reason for the caller.
pub(crate) fn clear_boundary(content_type: &str) -> Result<String, &'static str> {
    const EXPECTED: &str =
        "must have one Content-Type, multipart/mixed, with one boundary of at most 70 characters (RFC 2046, 5.1.1)";
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let lower = content_type.to_ascii_lowercase();
    let named = lower.split("boundary").skip(1).map(str::trim_start);
    let is_named_once = named.filter(|after| after.starts_with('=')).count() == 1;
    if !media_type.eq_ignore_ascii_case("multipart/mixed") || !is_named_once || content_type.contains('\\') {
        return Err(EXPECTED);
    }
    let is_character = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    let is_quoted = content_type.contains('"');
    boundary_of(content_type)
        .filter(|boundary| boundary.bytes().all(is_character) && !boundary.ends_with(' '))
        .filter(|boundary| is_quoted || !boundary.contains(' '))
        .ok_or(EXPECTED)
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

    #[test]
    fn a_boundary_is_clear_or_refused() {
        for (content_type, boundary) in [
            ("multipart/mixed; boundary=b", "b"),
            ("multipart/mixed; boundary=boundary_1", "boundary_1"),
            ("Multipart/Mixed;charset=utf-8;boundary=\"a b\"", "a b"),
            (
                "multipart/mixed; boundary=\"===============123==\"",
                "===============123==",
            ),
        ] {
            assert_eq!(clear_boundary(content_type).as_deref(), Ok(boundary), "{content_type}");
        }
        for content_type in [
            "",
            "application/json",
            "multipart/related; boundary=b",
            "multipart/mixed",
            "multipart/mixed; boundary=",
            "multipart/mixed; boundary=b; boundary=c",
            "multipart/mixed; boundary=b; Boundary =c",
            "multipart/mixed; x=\"; boundary=b\"; boundary=c",
            "multipart/mixed; boundary=\"a\\b\"",
            "multipart/mixed; boundary=\"b \"",
            "multipart/mixed; boundary=\"a\tb\"",
            "multipart/mixed; boundary=a<b",
            "multipart/mixed; boundary=a b",
        ] {
            assert!(clear_boundary(content_type).is_err(), "{content_type}");
        }
    }
}
