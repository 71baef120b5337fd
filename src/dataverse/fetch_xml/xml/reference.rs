//! Character references and escaping.

use std::borrow::Cow;

use super::scanner::is_char;

/// Checks that each `&` begins a character reference.
///
/// # Errors
/// A readable reason.
pub(super) fn check_references(text: &str) -> Result<(), String> {
    for after in text.split('&').skip(1) {
        let name = after.split_once(';').map(|(name, _)| name);
        if name.and_then(character).is_none() {
            let found: String = after.chars().take(10).collect();
            return Err(format!(
                "has an & that does not begin a character reference, before {found:?}: write &amp;"
            ));
        }
    }
    Ok(())
}

/// Unescapes an attribute's value.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    let Some((before, references)) = text.split_once('&') else {
        return text.into();
    };
    let mut plain = before.to_owned();
    for after in references.split('&') {
        let (name, after) = after.split_once(';').unwrap_or(("", after));
        plain.extend(character(name));
        plain.push_str(after);
    }
    plain.into()
}

/// Escapes a text as an attribute's value between double quotes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The character of a reference, given without its `&` and `;`.
fn character(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let digits = (!digits.starts_with('+')).then_some(digits)?;
        char::from_u32(u32::from_str_radix(digits, radix).ok()?).filter(|c| is_char(*c))
    };
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}
