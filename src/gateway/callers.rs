//! Authenticates callers by the gateway's keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use ring::hmac;
use zeroize::Zeroizing;

use crate::host::Host;

/// The maximum number of keys in a request that are compared: a caller sends one, and a proxy may add
/// another. Each comparison costs two MACs for each key of the gateway, before the caller is authenticated.
const MAX_PRESENTED: usize = 4;

/// The minimum length of a key, because shorter ones can be guessed.
const MIN_LENGTH: usize = 16;

/// The keys in `GATEWAY_KEY`. There can be several, so that a key can be replaced while callers still use
/// another.
pub(crate) struct Keys(Vec<Zeroizing<String>>);

impl Keys {
    /// Parses keys separated by commas or white space.
    ///
    /// # Errors
    /// A readable reason for the operator. Does not quote a key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let keys: Vec<_> = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|key| !key.is_empty())
            .map(|key| Zeroizing::new(key.to_owned()))
            .collect();
        if keys.is_empty() {
            return Err("contains no key".to_owned());
        }
        if keys.iter().any(|key| key.len() < MIN_LENGTH) {
            return Err(format!(
                "contains a key of fewer than {MIN_LENGTH} characters, which can be guessed"
            ));
        }
        if !keys.iter().all(|key| key.bytes().all(|b| b.is_ascii_graphic())) {
            return Err("contains a key with characters that are not visible ASCII".to_owned());
        }
        Ok(Self(keys))
    }

    /// Whether a request contains a valid key: as a bearer token, as `x-api-key`, or as the password of
    /// Basic authentication, which Excel can send.
    pub(crate) fn admit(&self, host: &impl Host, headers: &HeaderMap) -> bool {
        let mut admitted = false;
        for presented in presented(headers).into_iter().take(MAX_PRESENTED) {
            admitted |= self.matches(host, &presented);
        }
        admitted
    }

    /// Compares with every key, each in constant time: it compares MACs under a random key.
    fn matches(&self, host: &impl Host, presented: &str) -> bool {
        let blind = hmac::Key::new(hmac::HMAC_SHA256, &host.random());
        let presented = hmac::sign(&blind, presented.as_bytes());
        let mut matches = false;
        for key in &self.0 {
            matches |= hmac::verify(&blind, key.as_bytes(), presented.as_ref()).is_ok();
        }
        matches
    }
}

/// The keys in a request.
fn presented(headers: &HeaderMap) -> Vec<Zeroizing<String>> {
    let mut presented = Vec::new();
    for value in headers.get_all("x-api-key") {
        presented.extend(value.to_str().ok().map(|key| Zeroizing::new(key.trim().to_owned())));
    }
    for value in headers.get_all(header::AUTHORIZATION) {
        presented.extend(value.to_str().ok().and_then(of_authorization));
    }
    presented
}

fn of_authorization(value: &str) -> Option<Zeroizing<String>> {
    let (scheme, credentials) = value.trim().split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Zeroizing::new(credentials.to_owned()));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = Zeroizing::new(STANDARD.decode(credentials).ok()?);
        let (_, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        return Some(Zeroizing::new(password.to_owned()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fake::FakeHost;

    const KEY: &str = "0123456789abcdef";
    const OTHER: &str = "fedcba9876543210";

    fn admitted(name: &'static str, value: &str) -> bool {
        let keys = Keys::parse(&format!("{KEY}, {OTHER}")).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        keys.admit(&FakeHost::new([]), &headers)
    }

    #[test]
    fn a_key_is_taken_in_three_places() {
        for key in [KEY, OTHER] {
            assert!(admitted("authorization", &format!("Bearer {key}")));
            assert!(admitted("authorization", &format!("bearer  {key} ")));
            assert!(admitted("x-api-key", key));
            assert!(admitted(
                "authorization",
                &format!("Basic {}", STANDARD.encode(format!("anyone:{key}")))
            ));
        }
    }

    #[test]
    fn anything_else_is_no_key() {
        assert!(!admitted("x-api-key", ""));
        assert!(!admitted("x-api-key", &KEY[..15]));
        assert!(!admitted("x-api-key", &format!("{KEY}0")));
        assert!(!admitted("x-api-key", &KEY.to_uppercase()));
        assert!(!admitted("x-api-key", &format!("{KEY}, {OTHER}")));
        assert!(!admitted("authorization", KEY));
        assert!(!admitted("authorization", &format!("Digest {KEY}")));
        assert!(!admitted("authorization", &format!("Basic {KEY}")));
        assert!(!admitted("authorization", &format!("Basic {}", STANDARD.encode(KEY))));
        assert!(!admitted(
            "authorization",
            &format!("Basic {}", STANDARD.encode(format!("{KEY}:")))
        ));
        assert!(!admitted("cookie", KEY));
    }

    #[test]
    fn a_request_shows_four_keys_at_most() {
        let keys = Keys::parse(KEY).unwrap();
        let mut headers = HeaderMap::new();
        for _ in 1..MAX_PRESENTED {
            headers.append("x-api-key", "another".parse().unwrap());
        }
        headers.append("x-api-key", KEY.parse().unwrap());
        assert!(keys.admit(&FakeHost::new([]), &headers));
        headers.insert("x-api-key", "another".parse().unwrap());
        for _ in 0..MAX_PRESENTED {
            headers.append("x-api-key", "another".parse().unwrap());
        }
        headers.append("x-api-key", KEY.parse().unwrap());
        assert!(!keys.admit(&FakeHost::new([]), &headers));
    }

    #[test]
    fn weak_keys_are_refused() {
        for text in ["", " , ", "short", "0123456789abcdef,short", "0123456789abcdéf"] {
            assert!(Keys::parse(text).is_err(), "{text}");
        }
        assert_eq!(Keys::parse("0123456789abcdef\n0123456789abcdeg").unwrap().0.len(), 2);
    }
}
