//! FetchXML's `like` operator.

/// `%` matches any text, `_` one character.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Which prefixes of the text the pattern so far matches.
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    for c in pattern.chars() {
        if c == '%' {
            let mut before = false;
            for fit in &mut fits {
                before |= *fit;
                *fit = before;
            }
        } else {
            for at in (0..text.len()).rev() {
                fits[at + 1] = fits[at] && (c == '_' || c == text[at]);
            }
            fits[0] = false;
        }
    }
    fits[text.len()]
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns() {
        for pattern in ["abc", "a%", "%c", "%b%", "a_c", "%", "abc%", "%%a%b%c%"] {
            assert!(like("abc", pattern), "{pattern}");
        }
        for pattern in ["", "ab", "b%", "%b", "a_", "____", "a%d"] {
            assert!(!like("abc", pattern), "{pattern}");
        }
        assert!(like("", "%") && like("", "") && !like("", "_"));
    }
}
