//! The credentials of applications, which can change while the sandbox runs.

use super::errors::{EntraError, client};
use super::trusted::Trusted;
use crate::certificate::Read;
use crate::config::Application;

/// The credentials of one application.
pub(crate) struct Credentials {
    pub(super) client_id: String,
    secrets: Vec<Secret>,
    pub(super) certificates: Vec<Registered>,
    pub(crate) subject_names: Vec<SubjectName>,
    pub(crate) federated: Vec<Trusted>,
}

struct Secret {
    value: String,
    expires: Option<i64>,
}

/// A certificate trusted by its thumbprint.
pub(super) struct Registered {
    pub(super) certificate: Read,
    pub(super) revoked: bool,
}

/// Certificates trusted by their subject's name and the root of their chain.
pub(crate) struct SubjectName {
    pub(crate) subject: String,
    pub(crate) root: Read,
}

impl Credentials {
    pub(super) fn new(application: &Application) -> anyhow::Result<Credentials> {
        let mut credentials = Credentials {
            client_id: application.client_id.clone(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            subject_names: Vec::new(),
            federated: Vec::new(),
        };
        for secret in &application.secrets {
            credentials.add_secret(secret, None);
        }
        for der in &application.certificates {
            credentials.add_certificate(der)?;
        }
        Ok(credentials)
    }

    pub(super) fn is(&self, client_id: &str) -> bool {
        self.client_id.eq_ignore_ascii_case(client_id)
    }

    pub(super) fn check_secret(&self, presented: &str, now: i64) -> Result<(), EntraError> {
        let Some(secret) = self.secrets.iter().find(|secret| secret.value == presented) else {
            return Err(client::wrong_secret(&self.client_id));
        };
        match secret.expires {
            Some(expires) if expires <= now => Err(client::expired_secret(&self.client_id)),
            _ => Ok(()),
        }
    }

    pub(crate) fn add_secret(&mut self, value: &str, expires: Option<i64>) {
        self.remove_secret(value);
        self.secrets.push(Secret {
            value: value.into(),
            expires,
        });
    }

    pub(crate) fn remove_secret(&mut self, value: &str) {
        self.secrets.retain(|secret| secret.value != value);
    }

    pub(crate) fn add_certificate(&mut self, der: &[u8]) -> anyhow::Result<()> {
        let certificate = Read::der(der)?;
        self.certificates
            .retain(|registered| registered.certificate.sha256 != certificate.sha256);
        self.certificates.push(Registered {
            certificate,
            revoked: false,
        });
        Ok(())
    }

    /// By the certificate's SHA-256.
    pub(crate) fn remove_certificate(&mut self, sha256: &[u8]) {
        self.certificates
            .retain(|registered| registered.certificate.sha256 != sha256);
    }

    /// By the certificate's SHA-256.
    pub(crate) fn revoke_certificate(&mut self, sha256: &[u8]) {
        for registered in &mut self.certificates {
            registered.revoked |= registered.certificate.sha256 == sha256;
        }
    }
}
