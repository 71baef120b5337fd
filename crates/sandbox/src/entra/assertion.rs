//! The client assertion: a JWT signed with a registered certificate (docs/facts/entra.md, 1), or one from an
//! issuer that the application trusts.

use std::collections::HashMap;
use std::sync::Mutex;

use super::credentials::Credentials;
use super::errors::{EntraError, client};
use super::jwt::Jwt;
use super::{federated, subject_name};
use crate::certificate::hex;
use crate::config::Config;
use crate::response::lock;

pub(super) struct Assertions {
    skew: i64,
    refuse_replayed: bool,
    /// Client and `jti` of used assertions, until they expire.
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
        credentials: &Credentials,
        audience: &str,
        now: i64,
    ) -> Result<(), EntraError> {
        let jwt = Jwt::read(assertion)?;
        match jwt.text("iss") {
            // Guess: that only the issuer distinguishes the two kinds.
            Some(issuer) if !credentials.is(issuer) => {
                federated::check(&jwt, issuer, credentials)?;
                // It is issued once and sent many times, so it is not recorded.
                self.check_time(&jwt, now).map(|_| ())
            }
            _ => {
                check_certificate(&jwt, credentials, now)?;
                if jwt.text("aud") != Some(audience) {
                    return Err(client::wrong_audience());
                }
                for claim in ["iss", "sub"] {
                    if !credentials.is(jwt.text(claim).unwrap_or_default()) {
                        return Err(client::wrong_application());
                    }
                }
                let until = self.check_time(&jwt, now)?;
                self.remember(&jwt, credentials, now, until)
            }
        }
    }

    /// When the assertion expires, if it is valid now.
    ///
    /// Without nbf it counts as valid from 1970 (docs/facts/entra.md, 1.2). Guess: without exp it counts as
    /// expired.
    fn check_time(&self, jwt: &Jwt, now: i64) -> Result<i64, EntraError> {
        let (from, until) = (jwt.time("nbf").unwrap_or(0), jwt.time("exp").unwrap_or(0));
        if now.saturating_add(self.skew) < from || now.saturating_sub(self.skew) >= until {
            return Err(client::assertion_out_of_time(now, from, until));
        }
        Ok(until)
    }

    fn remember(&self, jwt: &Jwt, credentials: &Credentials, now: i64, until: i64) -> Result<(), EntraError> {
        if !self.refuse_replayed {
            return Ok(());
        }
        // Guess: the documented jti is required.
        let Some(jti) = jwt.text("jti").filter(|jti| !jti.is_empty()) else {
            return Err(client::malformed_assertion("it has no 'jti'"));
        };
        let mut seen = lock(&self.seen);
        seen.retain(|_, until| until.saturating_add(self.skew) > now);
        match seen.insert((credentials.client_id.clone(), jti.into()), until) {
            None => Ok(()),
            Some(_) => Err(client::replayed_assertion()),
        }
    }
}

fn check_certificate(jwt: &Jwt, credentials: &Credentials, now: i64) -> Result<(), EntraError> {
    let algorithm = jwt.algorithm()?;
    let thumbprint = jwt.thumbprint();
    let registered = credentials
        .certificates
        .iter()
        .find(|registered| registered.certificate.sha256 == thumbprint || registered.certificate.sha1 == thumbprint);
    let Some(registered) = registered else {
        return subject_name::check(jwt, &algorithm, credentials, now);
    };
    let certificate = &registered.certificate;
    if !jwt.is_signed_with(&certificate.key, &algorithm) {
        return Err(client::bad_signature(&hex(&thumbprint), &credentials.client_id));
    }
    if registered.revoked {
        return Err(client::certificate_revoked());
    }
    if !certificate.is_valid_at(now) {
        return Err(client::certificate_out_of_time());
    }
    Ok(())
}
