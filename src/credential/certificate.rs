//! A certificate with its private key.

use std::fmt;

use ring::digest;
use ring::rsa::KeyPair;

use super::key::Contents;
use super::key::password::Password;
use super::key::x509::{Validity, X509};
use crate::credential::AssertionAlgorithm;

/// A certificate with its private key. Copies of key and password made here are wiped when dropped. The
/// copy inside ring is not, because ring has no API for it.
pub struct Certificate {
    /// The private key.
    pub key: KeyPair,
    /// The certificates in DER, from the signing certificate towards the root, as far as they are present.
    chain: Vec<Vec<u8>>,
    validity: Validity,
    /// How assertions are signed.
    pub algorithm: AssertionAlgorithm,
    /// Whether assertions include the certificate chain.
    pub send_chain: bool,
}

impl Certificate {
    /// Parses PEM text, plain or in base64, or a PFX or other DER in base64, in the forms that variables
    /// and vaults change it to. The password is used for encrypted parts only. It is ignored if nothing is
    /// encrypted, because vaults return a password with every certificate.
    ///
    /// # Errors
    /// A readable reason why the text is not valid. Does not quote it.
    pub fn parse(
        text: &str,
        password: Option<&str>,
        algorithm: AssertionAlgorithm,
        send_chain: bool,
    ) -> Result<Self, String> {
        let password = Password::new(password);
        let contents = Contents::read(text, password)?;
        let (first, others) = contents.keys.split_first().ok_or_else(|| {
            let missing =
                "contains no private key: a certificate without its private key (.cer, .crt) cannot sign; expected both";
            with_found(missing, &contents)
        })?;
        if others.iter().any(|other| other != first) {
            return Err(
                "contains more than one private key: keep only the one that belongs to the certificate".to_owned(),
            );
        }
        let key = first.rsa()?;
        let (chain, validity) = chain_of(&key, &contents)?;
        Ok(Self {
            key,
            chain,
            validity,
            algorithm,
            send_chain,
        })
    }

    /// The signing certificate in DER.
    pub fn signing(&self) -> &[u8] {
        self.chain.first().map_or(&[], Vec::as_slice)
    }

    /// The certificates in DER, from the signing certificate towards the root, as far as they are present.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// When the signing certificate is valid.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The SHA-1 of the signing certificate in upper-case hex, as the Entra admin center shows it.
    pub fn thumbprint(&self) -> String {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, self.signing());
        hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("algorithm", &self.algorithm)
            .field("send_chain", &self.send_chain)
            .finish_non_exhaustive()
    }
}

/// What is missing, and what was found that may have been mistaken for it.
fn with_found(missing: &str, contents: &Contents) -> String {
    match contents.besides {
        Some(besides) => format!("{missing}. It contains {besides}"),
        None => missing.to_owned(),
    }
}

/// The chain from the certificate of `key` towards its root, each followed by its issuer (RFC 7515, 4.1.6),
/// and the validity of the first. The input may be in any order and may contain other certificates.
fn chain_of(key: &KeyPair, contents: &Contents) -> Result<(Vec<Vec<u8>>, Validity), String> {
    if contents.certificates.is_empty() {
        let missing = "contains no certificate: expected the private key together with its certificate";
        return Err(with_found(missing, contents));
    }
    let mut rest = Vec::new();
    for der in &contents.certificates {
        let read = X509::read(der).map_err(|_| "contains a certificate that is not valid X.509".to_owned())?;
        rest.push((der, read));
    }
    // Of several certificates for one key, the one that expires last.
    let (signing, _) = rest
        .iter()
        .enumerate()
        .filter(|(_, (_, certificate))| certificate.public_key == key.public().as_ref())
        .max_by_key(|(_, (_, certificate))| certificate.validity.not_after)
        .ok_or("contains no certificate that belongs to the private key")?;
    let (der, mut last) = rest.swap_remove(signing);
    let validity = last.validity;
    let mut chain = vec![der.clone()];
    while last.issuer != last.subject
        && let Some(issuer) = rest
            .iter()
            .position(|(_, certificate)| certificate.subject == last.issuer)
    {
        let (der, certificate) = rest.swap_remove(issuer);
        chain.push(der.clone());
        last = certificate;
    }
    Ok((chain, validity))
}
