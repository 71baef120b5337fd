//! The client assertion: a JWT signed with a registered certificate (facts: entra 1).

use std::collections::HashMap;
use std::sync::Mutex;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rsa::signature::Verifier;
use rsa::{pkcs1v15, pss};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::Registration;
use super::errors::{self, EntraError};
use crate::Config;
use crate::certificate::{Registered, hex};
use crate::response::lock;

/// facts: entra 1.2: padded and standard-base64 thumbprints and padded segments work, since shipped libraries send them.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) struct Assertions {
    skew: i64,
    refuse_replayed: bool,
    /// Client and `jti` of the assertions seen, until they expire by themselves.
    seen: Mutex<HashMap<(String, String), i64>>,
}

impl Assertions {
    pub(super) fn new(config: &Config) -> Assertions {
        Assertions {
            skew: i64::try_from(config.assertion_clock_skew.as_secs()).unwrap_or(i64::MAX),
            refuse_replayed: config.refuse_replayed_assertions,
            seen: Mutex::default(),
        }
    }

    pub(super) fn check(
        &self,
        assertion: &str,
        registration: &Registration,
        audience: &str,
        now: i64,
    ) -> Result<(), EntraError> {
        let jwt = Jwt::read(assertion)?;
        let verify = jwt.algorithm()?;
        let thumbprint = jwt.thumbprint();
        let certificate = registration
            .certificates
            .iter()
            .find(|certificate| certificate.sha256 == thumbprint || certificate.sha1 == thumbprint)
            .ok_or_else(|| errors::unknown_key(&hex(&thumbprint), &registration.client_id))?;
        if !verify(certificate, jwt.signed.as_bytes(), &jwt.signature) {
            return Err(errors::bad_signature(&hex(&thumbprint), &registration.client_id));
        }
        if now < certificate.not_before || now > certificate.not_after {
            return Err(errors::certificate_out_of_time());
        }
        if jwt.claims.get("aud").and_then(Value::as_str) != Some(audience) {
            return Err(errors::wrong_audience());
        }
        for claim in ["iss", "sub"] {
            let claimed = jwt.claims.get(claim).and_then(Value::as_str).unwrap_or_default();
            if !claimed.eq_ignore_ascii_case(&registration.client_id) {
                return Err(errors::wrong_application());
            }
        }
        // Without nbf the assertion counts as valid from 1970 (facts: entra 1.2). Guess: without exp it is over.
        let (from, until) = (jwt.time("nbf").unwrap_or(0), jwt.time("exp").unwrap_or(0));
        if now.saturating_add(self.skew) < from || now.saturating_sub(self.skew) >= until {
            return Err(errors::assertion_out_of_time(now, from, until));
        }
        self.remember(&jwt, registration, now, until)
    }

    fn remember(&self, jwt: &Jwt, registration: &Registration, now: i64, until: i64) -> Result<(), EntraError> {
        if !self.refuse_replayed {
            return Ok(());
        }
        // Guess: the documented jti is required.
        let Some(jti) = jwt
            .claims
            .get("jti")
            .and_then(Value::as_str)
            .filter(|jti| !jti.is_empty())
        else {
            return Err(errors::malformed_assertion("it has no 'jti'"));
        };
        let mut seen = lock(&self.seen);
        seen.retain(|_, until| until.saturating_add(self.skew) > now);
        match seen.insert((registration.client_id.clone(), jti.into()), until) {
            None => Ok(()),
            Some(_) => Err(errors::replayed_assertion()),
        }
    }
}

struct Jwt<'a> {
    signed: &'a str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signature: Vec<u8>,
}

type Verify = fn(&Registered, &[u8], &[u8]) -> bool;

impl Jwt<'_> {
    fn read(assertion: &str) -> Result<Jwt<'_>, EntraError> {
        let malformed = || errors::malformed_assertion("not three base64url parts of JSON, JSON and signature");
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

    fn algorithm(&self) -> Result<Verify, EntraError> {
        match self.header.get("alg").and_then(Value::as_str) {
            Some("PS256") => Ok(verify_ps256),
            Some("RS256") => Ok(verify_rs256),
            _ => Err(errors::unsupported_algorithm()),
        }
    }

    /// Guess: either thumbprint goes with either algorithm; the libraries pair PS256 with SHA-256 and RS256 with SHA-1.
    fn thumbprint(&self) -> Vec<u8> {
        let named = |name| self.header.get(name).and_then(Value::as_str).and_then(decode);
        named("x5t#S256").or_else(|| named("x5t")).unwrap_or_default()
    }

    /// facts: entra 1.2: integers, floats, and numbers written as strings are all sent by shipped libraries.
    fn time(&self, claim: &str) -> Option<i64> {
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

/// facts: entra 1.2: salt length 32, which is what this key checks: the length of the digest.
fn verify_ps256(certificate: &Registered, signed: &[u8], signature: &[u8]) -> bool {
    let key = pss::VerifyingKey::<Sha256>::new(certificate.key.clone());
    pss::Signature::try_from(signature).is_ok_and(|signature| key.verify(signed, &signature).is_ok())
}

fn verify_rs256(certificate: &Registered, signed: &[u8], signature: &[u8]) -> bool {
    let key = pkcs1v15::VerifyingKey::<Sha256>::new(certificate.key.clone());
    pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| key.verify(signed, &signature).is_ok())
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
