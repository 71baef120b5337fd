//! What the application proves itself with: a certificate with its key, an assertion made elsewhere, or a client secret. Read
//! once, when the settings are checked.

mod algorithm;
mod certificate;
mod federated;
mod key;
mod named;
pub(crate) mod pasted;
mod secret;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use ring::digest;

pub use algorithm::AssertionAlgorithm;
pub use certificate::Certificate;
pub use federated::FederatedAssertion;
pub(crate) use named::{Kind, Named, Used};
pub(crate) use secret::Secret;

/// What the application proves itself with.
#[derive(Debug)]
pub enum Credential {
    /// Signs an assertion for each token request.
    Certificate(Box<Certificate>),
    /// Was made by another identity provider.
    Assertion(FederatedAssertion),
    /// Travels with each token request.
    Secret(Secret),
}

impl Credential {
    /// Tells credentials apart without giving them away: a SHA-256 over all that makes a token request differ.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = digest::Context::new(&digest::SHA256);
        match self {
            Self::Certificate(certificate) => {
                hash.update(b"certificate");
                hash.update(&[certificate.algorithm as u8, u8::from(certificate.send_chain)]);
                let sent = if certificate.send_chain { usize::MAX } else { 1 };
                for der in certificate.chain().iter().take(sent) {
                    hash.update(der);
                }
            }
            Self::Assertion(assertion) => {
                hash.update(b"assertion");
                hash.update(assertion.reveal().as_bytes());
            }
            Self::Secret(secret) => {
                hash.update(b"secret");
                hash.update(secret.reveal().as_bytes());
            }
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        fingerprint
    }
}
