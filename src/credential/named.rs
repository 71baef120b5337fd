//! A credential and what the settings call it: what can be told of it without giving it away.

use super::Credential;
use crate::contract::types::{CredentialKind, UsedCredential};
use crate::error::date;

/// An assertion is sent for so many seconds after its end, since clocks differ; later than that it would only be refused.
const TOLERANCE: u64 = 300;

const DAY: u64 = 24 * 60 * 60;

/// Whether a certificate is so near its end that its successor should be registered: 30 days. `now` is in seconds since 1970.
pub fn ends_soon(used: &UsedCredential, now: u64) -> bool {
    used.kind == CredentialKind::Certificate && days_left(used, now).is_some_and(|days| days < 30)
}

/// The whole days until a credential's end, where that is known.
pub fn days_left(used: &UsedCredential, now: u64) -> Option<u64> {
    used.expires_at?.saturating_sub(now).checked_div(DAY)
}

/// What kind it is, in a word.
pub fn kind_name(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Certificate => "certificate",
        CredentialKind::Assertion => "assertion",
        CredentialKind::Secret => "secret",
    }
}

/// A credential and what the settings call it.
#[derive(Debug)]
pub struct Named {
    /// Its place in the settings, or its variable.
    pub name: String,
    /// The credential.
    pub credential: Credential,
}

impl Named {
    /// Whether it can be used at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn check_time(&self, now: u64) -> Result<(), String> {
        match &self.credential {
            Credential::Certificate(certificate) => {
                let validity = certificate.validity();
                if now < validity.not_before {
                    Err(format!(
                        "is a certificate that is not valid yet: it begins on {}, and it is {}",
                        date(validity.not_before),
                        date(now)
                    ))
                } else if now > validity.not_after {
                    Err(format!(
                        "is a certificate that is no longer valid: it ended on {}, and it is {}. Register a new one",
                        date(validity.not_after),
                        date(now)
                    ))
                } else {
                    Ok(())
                }
            }
            Credential::Assertion(assertion) => match assertion.expires_at {
                Some(end) if now > end.saturating_add(TOLERANCE) => Err(format!(
                    "is an assertion that has expired: it ended on {}, and it is {}. Get a new one from its issuer and open a new \
                     connection with it",
                    date(end),
                    date(now)
                )),
                _ => Ok(()),
            },
            Credential::Secret(_) => Ok(()),
        }
    }

    /// What a token's record says of it.
    pub fn used(&self) -> UsedCredential {
        let (kind, thumbprint, expires_at) = match &self.credential {
            Credential::Certificate(certificate) => (
                CredentialKind::Certificate,
                Some(certificate.thumbprint()),
                Some(certificate.validity().not_after),
            ),
            Credential::Assertion(assertion) => (CredentialKind::Assertion, None, assertion.expires_at),
            Credential::Secret(_) => (CredentialKind::Secret, None, None),
        };
        UsedCredential {
            kind,
            name: self.name.clone(),
            thumbprint,
            expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::contract::types::AssertionAlgorithm;
    use crate::credential::Certificate;

    #[test]
    fn a_certificate_is_valid_from_its_beginning_to_its_end() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let identity = sandbox::certificate::generate_valid("unit test", at(1000), at(2000)).unwrap();
        let pem = format!("{}{}", identity.certificate_pem, identity.key_pkcs8_pem);
        let certificate = Certificate::parse(&pem, None, AssertionAlgorithm::Ps256, false).unwrap();
        let named = Named {
            name: "it".to_owned(),
            credential: Credential::Certificate(Box::new(certificate)),
        };
        for (now, sentence) in [
            (999, Some("not valid yet")),
            (1000, None),
            (2000, None),
            (2001, Some("no longer valid")),
        ] {
            match (named.check_time(now), sentence) {
                (Ok(()), None) => {}
                (Err(reason), Some(sentence)) => assert!(reason.contains(sentence), "{reason}"),
                other => panic!("{now}: {other:?}"),
            }
        }
        let used = named.used();
        assert_eq!(
            (used.thumbprint, used.expires_at),
            (Some(identity.thumbprint_sha1), Some(2000))
        );
    }
}
