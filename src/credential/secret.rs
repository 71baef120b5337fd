//! A client secret.

use std::fmt;

use zeroize::Zeroizing;

/// A client secret, wiped when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// # Errors
    /// What is wrong with the text, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            Err("is empty".to_owned())
        } else if text.chars().any(char::is_control) {
            Err("holds a line break or another control character: expected one client secret's value".to_owned())
        } else {
            Ok(Self(Zeroizing::new(text.to_owned())))
        }
    }

    /// The secret itself, for the token request and nothing else.
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
}
