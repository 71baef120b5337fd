//! An issuer that an application trusts.

use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey;

use crate::federation::FederatedCredential;

/// A trusted issuer with its parsed key.
pub(crate) struct Trusted {
    pub(crate) credential: FederatedCredential,
    pub(super) key: RsaPublicKey,
}

impl Trusted {
    pub(crate) fn read(credential: FederatedCredential) -> anyhow::Result<Trusted> {
        Ok(Trusted {
            key: RsaPublicKey::from_public_key_der(&credential.public_key_der)?,
            credential,
        })
    }
}
