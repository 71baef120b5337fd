//! The form of a token request.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::errors::{self, EntraError};
use crate::request::Received;

pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// Guess: a body of another type counts as empty, so that the first missing parameter is named.
    pub(super) fn read(request: &Received) -> Form {
        let content_type = request.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let mut fields = HashMap::new();
        if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            for (name, value) in form_urlencoded::parse(&request.body) {
                // Guess: the first of two fields of one name counts.
                fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
            }
        }
        // docs/facts/entra.md, 1.1: id and secret can also be sent by HTTP Basic (RFC 6749, 2.3.1: both
        // form-encoded first).
        if let Some((id, secret)) = request.header("authorization").and_then(basic) {
            fields.entry("client_id".into()).or_insert(id);
            fields.entry("client_secret".into()).or_insert(secret);
        }
        Form(fields)
    }

    /// An empty value counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn require(&self, name: &'static str) -> Result<&str, EntraError> {
        self.get(name).ok_or_else(|| errors::missing_parameter(name))
    }
}

fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, credentials) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    Some((plain(id), plain(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials() {
        let header = format!("Basic {}", STANDARD.encode("id:a%2Bb+c"));
        assert_eq!(basic(&header), Some(("id".into(), "a+b c".into())));
        assert_eq!(basic("Bearer x"), None);
    }
}
