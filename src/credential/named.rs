//! A credential and what the settings call it: what can be told of it without giving it away.

use super::Credential;
use crate::http::date::format as date;

/// An assertion is sent for so many seconds after its end, since clocks differ; later than that it would only be refused.
const TOLERANCE: u64 = 300;

const DAY: u64 = 24 * 60 * 60;

/// What can be told of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// What kind it is.
    pub kind: Kind,
    /// What the settings call it.
    pub name: String,
    /// Of a certificate, SHA-1 in hexadecimal, as Entra ID shows it.
    pub thumbprint: Option<String>,
    /// When it ends, in seconds since 1970, where that is known.
    pub expires_at: Option<u64>,
}

/// What kind a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A certificate with its key.
    Certificate,
    /// An assertion of another identity provider.
    Assertion,
    /// A client secret.
    Secret,
}

impl Used {
    /// Whether it is a certificate so near its end that its successor should be registered: 30 days. `now` is in seconds since
    /// 1970.
    pub fn ends_soon(&self, now: u64) -> bool {
        self.kind == Kind::Certificate && self.days_left(now).is_some_and(|days| days < 30)
    }

    /// The whole days until its end, where that is known.
    pub fn days_left(&self, now: u64) -> Option<u64> {
        self.expires_at?.saturating_sub(now).checked_div(DAY)
    }
}

impl Kind {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Assertion => "assertion",
            Self::Secret => "secret",
        }
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
