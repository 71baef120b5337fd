//! An assertion that another identity provider made (Microsoft's page "Workload identity federation"). Its signature is Entra
//! ID's to check; what is read here is when it ends.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use zeroize::Zeroizing;

use super::pasted;

/// Longer than any that Entra ID takes.
const LONGEST: usize = 32 << 10;

/// An assertion that another identity provider made, wiped when dropped.
pub struct FederatedAssertion {
    text: Zeroizing<String>,
    /// When it ends, in seconds since 1970.
    pub expires_at: Option<u64>,
}

impl FederatedAssertion {
    /// Reads a JWT (RFC 7519) in its compact form.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let none =
            || "is not an assertion: expected a JWT, which is three parts of base64url joined by dots".to_owned();
        if let Some(reason) = pasted::fault(text) {
            return Err(reason);
        }
        if text.starts_with('{') {
            return Err("is JSON: give the token that is its value alone".to_owned());
        }
        if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("Bearer ")) {
            return Err("begins with Bearer: give the token after it alone".to_owned());
        }
        if text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(none());
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(none());
        };
        let object = |part: &str| {
            let json = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
            let value: Value = serde_json::from_slice(&json).ok()?;
            value.is_object().then_some(value)
        };
        let (Some(_), Some(claims), false) = (object(header), object(claims), signature.is_empty()) else {
            return Err(none());
        };
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            expires_at: claims.get("exp").and_then(seconds),
        })
    }

    /// The assertion itself, for the token request and nothing else.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// RFC 7519, 2: a number of seconds, which may have a fraction.
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
