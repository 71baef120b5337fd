//! What applications prove themselves with; it comes and goes while the sandbox runs.

use std::time::{SystemTime, UNIX_EPOCH};

use super::errors::{EntraError, client};
use super::federated::Trusted;
use crate::certificate::Read;
use crate::federation::FederatedCredential;
use crate::{Application, Sandbox};

/// The credentials of one application.
pub(super) struct Credentials {
    pub(super) client_id: String,
    secrets: Vec<Secret>,
    pub(super) certificates: Vec<Registered>,
    pub(super) subject_names: Vec<SubjectName>,
    pub(super) federated: Vec<Trusted>,
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

/// Certificates trusted by what they are called and who stands above them.
pub(super) struct SubjectName {
    pub(super) subject: String,
    pub(super) root: Read,
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

    fn add_secret(&mut self, value: &str, expires: Option<i64>) {
        self.remove_secret(value);
        self.secrets.push(Secret {
            value: value.into(),
            expires,
        });
    }

    fn remove_secret(&mut self, value: &str) {
        self.secrets.retain(|secret| secret.value != value);
    }

    fn add_certificate(&mut self, der: &[u8]) -> anyhow::Result<()> {
        let certificate = Read::der(der)?;
        self.certificates
            .retain(|registered| registered.certificate.sha256 != certificate.sha256);
        self.certificates.push(Registered {
            certificate,
            revoked: false,
        });
        Ok(())
    }
}

/// Rotation: what an administrator does in the portal while clients go on. Each of these fails where no application has
/// that client id; taking away what is not there is fine.
impl Sandbox {
    /// Adds a client secret, which ends at that time of the sandbox's clock. One that is there gets the new end.
    pub fn add_secret(&self, client_id: &str, secret: &str, expires: Option<SystemTime>) -> anyhow::Result<()> {
        let seconds = |time: SystemTime| anyhow::Ok(i64::try_from(time.duration_since(UNIX_EPOCH)?.as_secs())?);
        let expires = expires.map(seconds).transpose()?;
        self.change(client_id, |credentials| {
            credentials.add_secret(secret, expires);
            Ok(())
        })
    }

    /// Takes a client secret away.
    pub fn remove_secret(&self, client_id: &str, secret: &str) -> anyhow::Result<()> {
        self.change(client_id, |credentials| {
            credentials.remove_secret(secret);
            Ok(())
        })
    }

    /// Registers a certificate (DER) by its thumbprint. One that was revoked is good again.
    pub fn add_certificate(&self, client_id: &str, der: &[u8]) -> anyhow::Result<()> {
        self.change(client_id, |credentials| credentials.add_certificate(der))
    }

    /// Takes a certificate (DER) away: its assertions get 700027, the key was not found.
    pub fn remove_certificate(&self, client_id: &str, der: &[u8]) -> anyhow::Result<()> {
        let sha256 = Read::der(der)?.sha256;
        self.change(client_id, |credentials| {
            credentials
                .certificates
                .retain(|registered| registered.certificate.sha256 != sha256);
            Ok(())
        })
    }

    /// Marks a registered certificate (DER) as revoked: its assertions get 7000214.
    pub fn revoke_certificate(&self, client_id: &str, der: &[u8]) -> anyhow::Result<()> {
        let sha256 = Read::der(der)?.sha256;
        self.change(client_id, |credentials| {
            for registered in &mut credentials.certificates {
                registered.revoked |= registered.certificate.sha256 == sha256;
            }
            Ok(())
        })
    }

    /// Trusts every certificate of that subject (`CN=contoso`) whose chain, sent as `x5c` with the leaf first, leads to
    /// this root (DER).
    pub fn trust_subject_name(&self, client_id: &str, subject: &str, root_der: &[u8]) -> anyhow::Result<()> {
        let root = Read::der(root_der)?;
        let subject = subject.into();
        self.change(client_id, |credentials| {
            credentials.subject_names.push(SubjectName { subject, root });
            Ok(())
        })
    }

    /// Trusts an identity provider's assertions.
    pub fn add_federated_credential(&self, client_id: &str, credential: FederatedCredential) -> anyhow::Result<()> {
        let trusted = Trusted::read(credential)?;
        self.change(client_id, |credentials| {
            credentials.federated.push(trusted);
            Ok(())
        })
    }

    /// Trusts them no longer.
    pub fn remove_federated_credential(&self, client_id: &str, credential: &FederatedCredential) -> anyhow::Result<()> {
        self.change(client_id, |credentials| {
            credentials
                .federated
                .retain(|trusted| trusted.credential != *credential);
            Ok(())
        })
    }

    fn change(
        &self,
        client_id: &str,
        change: impl FnOnce(&mut Credentials) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.state.entra.change(client_id, change)
    }
}
