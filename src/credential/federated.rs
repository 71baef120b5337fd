//! An assertion issued by another identity provider: workload identity federation (docs/facts/entra.md,
//! 2.7). Entra ID checks its signature. Only its expiry is read here.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use zeroize::Zeroizing;

use super::pasted;

/// The maximum length in bytes, more than Entra ID accepts.
const LONGEST: usize = 32 << 10;

/// An assertion issued by another identity provider, wiped when dropped.
pub struct FederatedAssertion {
    text: Zeroizing<String>,
    /// When it expires, in seconds since 1970.
    pub expires_at: Option<u64>,
}

impl FederatedAssertion {
    /// Parses a JWT (RFC 7519) in its compact form.
    ///
    /// # Errors
    /// A readable reason why it is not valid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let not_a_jwt = || "is not an assertion: expected a JWT (three base64url parts separated by dots)".to_owned();
        if let Some(reason) = pasted::fault(text) {
            return Err(reason);
        }
        if text.starts_with('{') {
            return Err("is JSON: give only the token inside it".to_owned());
        }
        if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("Bearer ")) {
            return Err("begins with Bearer: give only the token after it".to_owned());
        }
        if text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(not_a_jwt());
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(not_a_jwt());
        };
        let object = |part: &str| {
            let json = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
            let value: Value = serde_json::from_slice(&json).ok()?;
            value.is_object().then_some(value)
        };
        let (Some(_), Some(claims), false) = (object(header), object(claims), signature.is_empty()) else {
            return Err(not_a_jwt());
        };
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            expires_at: claims.get("exp").and_then(seconds),
        })
    }

    /// The assertion itself, for use in the token request only.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// RFC 7519, 2 (NumericDate): seconds, possibly with a fraction.
fn seconds(value: &Value) -> Option<u64> {
    let whole = value.as_u64();
    // A float outside u64 saturates.
    whole.or_else(|| value.as_f64().map(|seconds| seconds as u64))
}

impl fmt::Debug for FederatedAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FederatedAssertion")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(claims), part("signature"))
    }

    #[test]
    fn its_end_is_read() {
        let expires_at = |claims: &str| FederatedAssertion::parse(&jwt(claims)).unwrap().expires_at;
        assert_eq!(expires_at(r#"{"exp":1700000000}"#), Some(1_700_000_000));
        assert_eq!(expires_at(r#"{"exp":1700000000.9}"#), Some(1_700_000_000));
        assert_eq!(expires_at(r#"{"exp":"soon"}"#), None);
        assert_eq!(expires_at("{}"), None);
    }

    #[test]
    fn anything_else_is_refused() {
        let good = jwt("{}");
        assert_eq!(FederatedAssertion::parse(&format!(" {good}\n")).unwrap().reveal(), good);
        for text in [
            String::new(),
            "a.b.c".to_owned(),
            "hunter2".to_owned(),
            good.trim_end_matches(|c| c != '.').to_owned(),
            format!("{good}.x"),
            jwt("[]"),
            good.replace('.', " ."),
            "x".repeat(LONGEST + 1),
        ] {
            assert!(
                FederatedAssertion::parse(&text).is_err_and(|reason| !reason.contains("hunter2")),
                "{text}"
            );
        }
    }

    #[test]
    fn debug_gives_nothing_away() {
        let assertion = FederatedAssertion::parse(&jwt("{}")).unwrap();
        assert_eq!(format!("{assertion:?}"), "FederatedAssertion { expires_at: None, .. }");
    }
}
