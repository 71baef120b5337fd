//! A client secret.

use std::fmt;

use zeroize::Zeroizing;

use super::pasted;

/// A client secret, wiped when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Parses a client secret, which consists of printable ASCII (RFC 6749, A.2). Surrounding white space
    /// is removed.
    ///
    /// # Errors
    /// A readable reason why the text is not valid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            Err("is empty".to_owned())
        } else if text.contains("-----BEGIN ") {
            Err(
                "is PEM text: give it as a certificate (AZURE_CLIENT_CERTIFICATE), which never leaves the component"
                    .to_owned(),
            )
        } else if text.chars().any(char::is_control) {
            Err(
                "contains a line break or another control character: expected the value of one client secret"
                    .to_owned(),
            )
        } else if let Some(reason) = pasted::fault(text) {
            Err(reason)
        } else if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            Err(
                "contains a character outside printable ASCII, which no client secret has: copy its value again"
                    .to_owned(),
            )
        } else {
            Ok(Self(Zeroizing::new(text.to_owned())))
        }
    }

    /// The secret itself, for use in the token request only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_secret_is_not_part_of_it() {
        assert_eq!(Secret::parse(" a b\r\n").unwrap().reveal(), "a b");
        assert!(Secret::parse("a\nb").is_err());
        assert!(Secret::parse(" \n").is_err());
    }

    #[test]
    fn a_secret_is_printable_ascii() {
        let all: String = (b' '..=b'~').map(char::from).collect();
        let all = format!("x{all}x");
        assert_eq!(Secret::parse(&all).unwrap().reveal(), all);
        for text in [
            "ä",
            "hunter2\u{200b}",
            "\u{feff}hunter2",
            "\"hunter2\"",
            "hunter2\u{7f}x",
            "-----BEGIN RSA",
        ] {
            assert!(
                Secret::parse(text).is_err_and(|reason| !reason.contains("hunter2")),
                "{text}"
            );
        }
    }
}
