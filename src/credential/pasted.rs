//! Invisible characters, quotation marks and placeholders that copying adds to a value. Undetected, they
//! would only show as an error of the service.

/// A readable description of what was pasted with a value or in place of it. Does not quote the value.
pub(crate) fn fault(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some((c, name)) = text.chars().find_map(|c| Some((c, unseen(c)?))) {
        let code = u32::from(c);
        return Some(format!(
            "contains an invisible character (U+{code:04X}, {name}): delete it, or retype the value"
        ));
    }
    if is_quoted(text) {
        return Some("is in quotation marks, which would become part of the value: remove them".to_owned());
    }
    let placeholder = PLACEHOLDERS
        .iter()
        .find(|(start, end)| text.starts_with(start) && text.ends_with(end))?;
    let (start, end) = placeholder;
    Some(format!(
        "is a placeholder that was not replaced ({start}...{end}): expected the value itself"
    ))
}

/// Placeholders of Spin and other templates, shells, pipelines, and Azure app settings.
const PLACEHOLDERS: [(&str, &str); 4] = [("{{", "}}"), ("${", "}"), ("$(", ")"), ("@Microsoft.KeyVault(", ")")];

fn is_quoted(text: &str) -> bool {
    const MARKS: [(char, char); 6] = [
        ('"', '"'),
        ('\'', '\''),
        ('`', '`'),
        ('\u{201c}', '\u{201d}'),
        ('\u{2018}', '\u{2019}'),
        ('\u{ab}', '\u{bb}'),
    ];
    let mut inside = text.chars();
    let ends = inside.next().zip(inside.next_back());
    ends.is_some_and(|ends| MARKS.contains(&ends))
}

/// The name of a character that is invisible or looks like a space, or of the replacement character.
fn unseen(c: char) -> Option<&'static str> {
    match c {
        '\u{a0}' | '\u{202f}' => Some("a no-break space"),
        '\u{ad}' => Some("a soft hyphen"),
        '\u{200b}' => Some("a zero width space"),
        '\u{200c}' | '\u{200d}' | '\u{2060}' => Some("a zero width joiner"),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("a mark of writing direction")
        }
        '\u{feff}' => Some("a byte order mark"),
        '\u{fffd}' => Some("the replacement character for an unknown encoding"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_named() {
        for (text, part) in [
            ("\u{feff}7", "byte order mark"),
            ("7\u{200b}", "U+200B"),
            ("7\u{a0}y", "U+00A0"),
            ("\"7\"", "quotation marks"),
            (" '7' ", "quotation marks"),
            ("\u{201c}7\u{201d}", "quotation marks"),
            ("\"\"", "quotation marks"),
            ("{{ 7 }}", "{{...}}"),
            ("${7}", "${...}"),
        ] {
            let said = fault(text).unwrap();
            assert!(said.contains(part) && !said.contains('7'), "{text}: {said}");
        }
        for text in ["", "x", "\"", "'x", "x\"", "~x_y.z-", "a b", "{x}", "$x", "ü"] {
            assert_eq!(fault(text), None, "{text}");
        }
    }
}
