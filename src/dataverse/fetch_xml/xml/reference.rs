//! Characters and the references that stand for them.

use std::borrow::Cow;

use super::scanner::is_char;

/// Whether each `&` begins a reference to a character.
///
/// # Errors
/// What is wrong, for people.
pub(super) fn check_references(text: &str) -> Result<(), String> {
    for after in text.split('&').skip(1) {
        let name = after.split_once(';').map(|(name, _)| name);
        if name.and_then(character).is_none() {
            let found: String = after.chars().take(10).collect();
            return Err(format!(
                "has an & that begins no character reference, before {found:?}: write &amp;"
            ));
        }
    }
    Ok(())
}

/// The text for which an attribute's value is written.
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

/// A text as an attribute's value is written, between double quotes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// What a reference, without its `&` and `;`, stands for.
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
