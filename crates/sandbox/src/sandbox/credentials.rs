//! The credentials of applications, which can change while the sandbox runs.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Sandbox;
use crate::certificate::Read;
use crate::entra::{Credentials, SubjectName, Trusted};
use crate::federation::FederatedCredential;

/// Rotation: changes by an administrator while clients are running. Each of these fails if no application
/// has that client id; removing a missing credential succeeds.
impl Sandbox {
    /// Adds a client secret, which expires at that time of the sandbox's clock. An existing secret gets the
    /// new expiry.
    pub fn add_secret(&self, client_id: &str, secret: &str, expires: Option<SystemTime>) -> anyhow::Result<()> {
        let seconds = |time: SystemTime| anyhow::Ok(i64::try_from(time.duration_since(UNIX_EPOCH)?.as_secs())?);
        let expires = expires.map(seconds).transpose()?;
        self.change(client_id, |credentials| {
            credentials.add_secret(secret, expires);
            Ok(())
        })
    }

    /// Removes a client secret.
    pub fn remove_secret(&self, client_id: &str, secret: &str) -> anyhow::Result<()> {
        self.change(client_id, |credentials| {
            credentials.remove_secret(secret);
            Ok(())
        })
    }

    /// Registers a certificate (DER) by its thumbprint. A revoked certificate becomes valid again.
    pub fn add_certificate(&self, client_id: &str, der: &[u8]) -> anyhow::Result<()> {
        self.change(client_id, |credentials| credentials.add_certificate(der))
    }

    /// Removes a certificate (DER): its assertions get 700027, the key was not found.
    pub fn remove_certificate(&self, client_id: &str, der: &[u8]) -> anyhow::Result<()> {
        let sha256 = Read::der(der)?.sha256;
        self.change(client_id, |credentials| {
            credentials.remove_certificate(&sha256);
            Ok(())
        })
    }

    /// Marks a registered certificate (DER) as revoked: its assertions get 7000214.
    pub fn revoke_certificate(&self, client_id: &str, der: &[u8]) -> anyhow::Result<()> {
        let sha256 = Read::der(der)?.sha256;
        self.change(client_id, |credentials| {
            credentials.revoke_certificate(&sha256);
            Ok(())
        })
    }

    /// Trusts every certificate of that subject (`CN=contoso`) whose chain, sent as `x5c` with the leaf
    /// first, ends at this root (DER).
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

    /// Stops trusting these assertions.
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
