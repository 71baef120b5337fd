//! Removes secrets from answers, in case a service repeats parts of a request.

use http::{HeaderMap, HeaderValue};

use crate::quote::{self, INSTEAD};

/// Removes the secrets and their parts from a text.
pub(crate) fn redact(text: &str, secrets: &[&str]) -> String {
    quote::without(text, secrets)
}

/// Removes secrets from the headers of an answer. A value that contains a secret is replaced completely.
pub(crate) fn redact_headers(headers: &mut HeaderMap, secrets: &[&str]) {
    for value in headers.values_mut() {
        let text = String::from_utf8_lossy(value.as_bytes());
        if told(secrets).any(|secret| text.contains(secret)) {
            *value = HeaderValue::from_static(INSTEAD);
        }
    }
}

/// Skips empty secrets, which every text contains.
fn told<'a>(secrets: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    secrets.iter().copied().filter(|secret| !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn an_empty_secret_is_not_taken_out() {
        assert_eq!(redact("a b", &["", "b"]), "a ***");
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("60"));
        redact_headers(&mut headers, &[""]);
        assert_eq!(headers[RETRY_AFTER], "60");
    }
}
