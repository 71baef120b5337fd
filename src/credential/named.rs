//! A credential with its name in the settings, and what may be shown of it without revealing it.

use super::Credential;
use crate::http::date::format as date;

/// An assertion is still sent for this many seconds after it expires, because clocks differ. After that
/// Entra ID would refuse it.
const TOLERANCE: u64 = 300;

const DAY: u64 = 24 * 60 * 60;

/// What may be shown of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Its kind.
    pub kind: Kind,
    /// Its name in the settings.
    pub name: String,
    /// For a certificate: its SHA-1 in hexadecimal, as Entra ID shows it.
    pub thumbprint: Option<String>,
    /// When it expires, in seconds since 1970, if known.
    pub expires_at: Option<u64>,
}

/// The kind of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A certificate with its key.
    Certificate,
    /// An assertion from another identity provider.
    Assertion,
    /// A client secret.
    Secret,
}

impl Used {
    /// Whether it is a certificate that expires in less than 30 days, so that a new one should be
    /// registered. `now` is in seconds since 1970.
    pub fn ends_soon(&self, now: u64) -> bool {
        self.kind == Kind::Certificate && self.days_left(now).is_some_and(|days| days < 30)
    }

    /// The full days until it expires, if known.
    pub fn days_left(&self, now: u64) -> Option<u64> {
        self.expires_at?.saturating_sub(now).checked_div(DAY)
    }
}

impl Kind {
    /// The kind as text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Assertion => "assertion",
            Self::Secret => "secret",
        }
    }
}

/// A credential with its name in the settings.
#[derive(Debug)]
pub struct Named {
    /// The settings field or the variable.
    pub name: String,
    /// The credential.
    pub credential: Credential,
}

impl Named {
    /// Whether it can be used at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// A readable reason why not.
    pub fn check_time(&self, now: u64) -> Result<(), String> {
        match &self.credential {
            Credential::Certificate(certificate) => {
                let validity = certificate.validity();
                if now < validity.not_before {
                    Err(format!(
                        "is a certificate that is not valid yet: it is valid from {}, and now is {}",
                        date(validity.not_before),
                        date(now)
                    ))
                } else if now > validity.not_after {
                    Err(format!(
                        "is a certificate that has expired: it was valid until {}, and now is {}. Register a new one",
                        date(validity.not_after),
                        date(now)
                    ))
                } else {
                    Ok(())
                }
            }
            Credential::Assertion(assertion) => match assertion.expires_at {
                Some(end) if now > end.saturating_add(TOLERANCE) => Err(format!(
                    "is an assertion that has expired: it was valid until {}, and now is {}. Get a new one from its issuer and open a new connection with it",
                    date(end),
                    date(now)
                )),
                _ => Ok(()),
            },
            Credential::Secret(_) => Ok(()),
        }
    }

    /// What a token's record shows of it.
    pub fn used(&self) -> Used {
        let (kind, thumbprint, expires_at) = match &self.credential {
            Credential::Certificate(certificate) => (
                Kind::Certificate,
                Some(certificate.thumbprint()),
                Some(certificate.validity().not_after),
            ),
            Credential::Assertion(assertion) => (Kind::Assertion, None, assertion.expires_at),
            Credential::Secret(_) => (Kind::Secret, None, None),
        };
        Used {
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
    use crate::credential::AssertionAlgorithm;
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
            (2001, Some("has expired")),
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
