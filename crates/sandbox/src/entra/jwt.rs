//! Parses a client assertion as leniently as Entra ID does, and checks its signature.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rsa::signature::Verifier;
use rsa::{RsaPublicKey, pkcs1v15, pss};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::errors::{EntraError, client};
use crate::certificate::Read;

/// docs/facts/entra.md, 1.2: padded and standard-base64 thumbprints and padded segments work, since shipped
/// libraries send them.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) struct Jwt<'a> {
    signed: &'a str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signature: Vec<u8>,
}

pub(super) enum Algorithm {
    Ps256,
    Rs256,
}

impl Jwt<'_> {
    pub(super) fn read(assertion: &str) -> Result<Jwt<'_>, EntraError> {
        let malformed = || client::malformed_assertion("not three base64url parts of JSON, JSON and signature");
        let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let object = |part: &str| serde_json::from_slice(&decode(part)?).ok();
        Ok(Jwt {
            signed,
            header: object(header).ok_or_else(malformed)?,
            claims: object(claims).ok_or_else(malformed)?,
            signature: decode(signature).ok_or_else(malformed)?,
        })
    }

    pub(super) fn algorithm(&self) -> Result<Algorithm, EntraError> {
        match self.header.get("alg").and_then(Value::as_str) {
            Some("PS256") => Ok(Algorithm::Ps256),
            Some("RS256") => Ok(Algorithm::Rs256),
            _ => Err(client::unsupported_algorithm()),
        }
    }

    /// Whether this key made the signature with this algorithm.
    pub(super) fn is_signed_with(&self, key: &RsaPublicKey, algorithm: &Algorithm) -> bool {
        let (signed, signature) = (self.signed.as_bytes(), self.signature.as_slice());
        match algorithm {
            // docs/facts/entra.md, 1.2: salt length 32, which is what this key checks: the length of the
            // digest.
            Algorithm::Ps256 => {
                let key = pss::VerifyingKey::<Sha256>::new(key.clone());
                pss::Signature::try_from(signature).is_ok_and(|signature| key.verify(signed, &signature).is_ok())
            }
            Algorithm::Rs256 => {
                let key = pkcs1v15::VerifyingKey::<Sha256>::new(key.clone());
                pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| key.verify(signed, &signature).is_ok())
            }
        }
    }

    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// RFC 7519, 4.1.3: one audience as a string, or a list.
    pub(super) fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(audience)) => vec![audience],
            Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The certificates in `x5c`; `None` if one cannot be parsed.
    ///
    /// docs/facts/entra.md, 1.2: MSAL for .NET sends the leaf alone, as a plain string.
    pub(super) fn certificates(&self) -> Option<Vec<Read>> {
        let read = |value: &Value| Read::der(&decode(value.as_str()?)?).ok();
        match self.header.get("x5c") {
            None => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(read).collect(),
            Some(one) => Some(vec![read(one)?]),
        }
    }

    /// Guess: either thumbprint goes with either algorithm; the libraries pair PS256 with SHA-256 and RS256 with SHA-1.
    pub(super) fn thumbprint(&self) -> Vec<u8> {
        let named = |name| self.header.get(name).and_then(Value::as_str).and_then(decode);
        named("x5t#S256").or_else(|| named("x5t")).unwrap_or_default()
    }

    /// docs/facts/entra.md, 1.2: integers, floats, and numbers written as strings are all sent by shipped
    /// libraries.
    pub(super) fn time(&self, claim: &str) -> Option<i64> {
        let seconds = match self.claims.get(claim)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.parse::<f64>().ok()?,
            _ => return None,
        };
        // A float outside i64 saturates.
        Some(seconds as i64)
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    LENIENT.decode(part.replace('+', "-").replace('/', "_")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_libraries_send_it() {
        for text in ["_-8", "_-8=", "/+8="] {
            assert_eq!(decode(text), Some(vec![0xff, 0xef]), "{text}");
        }
    }

    #[test]
    fn times_as_libraries_send_them() {
        let claims: Map<String, Value> = serde_json::from_str(r#"{"a":7,"b":"7","c":7.9,"d":null}"#).unwrap();
        let jwt = Jwt {
            signed: "",
            header: Map::new(),
            claims,
            signature: Vec::new(),
        };
        let times = ["a", "b", "c", "d", "e"].map(|claim| jwt.time(claim));
        assert_eq!(times, [Some(7), Some(7), Some(7), None, None]);
    }
}
