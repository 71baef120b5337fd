//! The application's credentials: a certificate with its private key, an assertion issued by another
//! identity provider, or a client secret. Parsed once, when the settings are checked.

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

/// A credential of the application.
#[derive(Debug)]
pub enum Credential {
    /// Signs an assertion for each token request.
    Certificate(Box<Certificate>),
    /// Was issued by another identity provider.
    Assertion(FederatedAssertion),
    /// Is sent with each token request.
    Secret(Secret),
}

impl Credential {
    /// Identifies a credential without revealing it: a SHA-256 over everything that changes the token
    /// request.
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
