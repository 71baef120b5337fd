//! Taking secrets out of what a service says, should it repeat what a request carried.

use http::{HeaderMap, HeaderValue};

use crate::quote::{self, INSTEAD};

/// A text without the secrets, nor parts of them.
pub(crate) fn redact(text: &str, secrets: &[&str]) -> String {
    quote::without(text, secrets)
}

/// The same for the headers of an answer: one that repeats a secret is replaced whole.
pub(crate) fn redact_headers(headers: &mut HeaderMap, secrets: &[&str]) {
    for value in headers.values_mut() {
        let text = String::from_utf8_lossy(value.as_bytes());
        if told(secrets).any(|secret| text.contains(secret)) {
            *value = HeaderValue::from_static(INSTEAD);
        }
    }
}

/// An empty secret was not told to anybody, and is in every text.
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
