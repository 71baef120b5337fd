//! What the application proves itself with: a certificate with its key, or a client secret. Read once, when the settings
//! are checked.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use ring::rsa::KeyPair;
use rustls_pki_types::pem::{PemObject, SectionKind};
use zeroize::{Zeroize, Zeroizing};

use crate::contract::types::AssertionAlgorithm;
use crate::x509;

/// What the application proves itself with.
#[derive(Debug)]
pub enum Credential {
    /// Signs an assertion for each token request.
    Certificate(Box<Certificate>),
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
                hash.update(certificate.signing());
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

/// A client secret, wiped when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// # Errors
    /// What is wrong with the text, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            Err("is empty".to_owned())
        } else if text.chars().any(char::is_control) {
            Err("holds a line break or another control character: expected one client secret's value".to_owned())
        } else {
            Ok(Self(Zeroizing::new(text.to_owned())))
        }
    }

    /// The secret itself, for the token request and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A certificate with its private key. The copies of the key that are made here are wiped when dropped; those that the PEM
/// reader makes, and what ring keeps, are not, as neither offers a way to.
pub struct Certificate {
    /// The private key.
    pub key: KeyPair,
    /// The certificates in DER, the signing one first.
    chain: Vec<Vec<u8>>,
    /// How assertions are signed.
    pub algorithm: AssertionAlgorithm,
    /// Whether assertions carry the certificates.
    pub send_chain: bool,
}

impl Certificate {
    /// Reads PEM text, plain, with its line ends written as `\n`, or in base64.
    ///
    /// # Errors
    /// What is wrong with the text, for people. Quotes nothing of it.
    pub fn parse(text: &str, algorithm: AssertionAlgorithm, send_chain: bool) -> Result<Self, String> {
        let pem = plain_pem(text)?;
        let sections = Sections::read(&pem)?;
        let key = sections.key()?;
        let chain = sections.chain_of(&key)?;
        Ok(Self {
            key,
            chain,
            algorithm,
            send_chain,
        })
    }

    /// The signing certificate in DER.
    pub fn signing(&self) -> &[u8] {
        self.chain.first().map_or(&[], Vec::as_slice)
    }

    /// All certificates in DER, the signing one first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
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

const BEGIN: &str = "-----BEGIN ";

/// Undoes what variables and vaults do to a PEM file: base64 around it, and line ends as two characters.
fn plain_pem(text: &str) -> Result<Zeroizing<String>, String> {
    let none = || "holds no PEM text: expected -----BEGIN CERTIFICATE----- and a private key's block".to_owned();
    if text.contains(BEGIN) {
        let without_cr = Zeroizing::new(text.replace("\\r", ""));
        return Ok(Zeroizing::new(without_cr.replace("\\n", "\n")));
    }
    let mut packed = Zeroizing::new(String::with_capacity(text.len()));
    packed.extend(text.split_whitespace());
    let mut bytes = Zeroizing::new(STANDARD.decode(packed.as_bytes()).map_err(|_| none())?);
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) if text.contains(BEGIN) => Ok(Zeroizing::new(text)),
        Ok(mut text) => {
            text.zeroize();
            Err(none())
        }
        Err(error) => {
            error.into_bytes().zeroize();
            Err(none())
        }
    }
}

/// The blocks of a PEM text that matter here.
#[derive(Default)]
struct Sections {
    certificates: Vec<Vec<u8>>,
    pkcs8_keys: Vec<Zeroizing<Vec<u8>>>,
    pkcs1_keys: Vec<Zeroizing<Vec<u8>>>,
}

impl Sections {
    fn read(pem: &str) -> Result<Self, String> {
        if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || pem.contains("Proc-Type: 4,ENCRYPTED") {
            return Err("holds an encrypted private key: decrypt it first (openssl pkey -in key.pem)".to_owned());
        }
        let mut found = Self::default();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes()) {
            let (kind, der) = section
                .map_err(|_| "holds a PEM block that is damaged: its END line or its base64 is wrong, or its line ends were lost (quote the variable, or give the base64 of the whole)".to_owned())?;
            let der = Zeroizing::new(der);
            match kind {
                SectionKind::Certificate => found.certificates.push(der.to_vec()),
                SectionKind::PrivateKey => found.pkcs8_keys.push(der),
                SectionKind::RsaPrivateKey => found.pkcs1_keys.push(der),
                SectionKind::EcPrivateKey => return Err(ec_key()),
                _ => {}
            }
        }
        Ok(found)
    }

    fn key(&self) -> Result<KeyPair, String> {
        match (self.pkcs8_keys.as_slice(), self.pkcs1_keys.as_slice()) {
            ([], []) => Err("holds no private key: expected a block PRIVATE KEY or RSA PRIVATE KEY".to_owned()),
            ([key], []) => KeyPair::from_pkcs8(key).map_err(|rejected| why_rejected(&rejected.to_string())),
            ([], [key]) => KeyPair::from_der(key).map_err(|rejected| why_rejected(&rejected.to_string())),
            _ => Err("holds more than one private key: leave only the one that signs".to_owned()),
        }
    }

    /// The certificates, the one that belongs to `key` first: a PEM file may hold its issuers before it, and Entra ID
    /// takes the first of `x5c` for the signing one.
    fn chain_of(self, key: &KeyPair) -> Result<Vec<Vec<u8>>, String> {
        let mut chain = self.certificates;
        if chain.is_empty() {
            return Err("holds no certificate: expected a block CERTIFICATE".to_owned());
        }
        let mut signing = None;
        for (index, der) in chain.iter().enumerate() {
            let public_key =
                x509::public_key(der).map_err(|_| "holds a certificate that is not valid X.509".to_owned())?;
            if public_key == key.public().as_ref() {
                signing.get_or_insert(index);
            }
        }
        let signing = signing.ok_or("holds no certificate that belongs to the private key")?;
        let first = chain.remove(signing);
        chain.insert(0, first);
        Ok(chain)
    }
}

fn ec_key() -> String {
    "holds a key that is not RSA: Entra ID takes RSA keys of 2048 bits and more".to_owned()
}

/// ring's reasons in words that say what to do.
fn why_rejected(reason: &str) -> String {
    match reason {
        "WrongAlgorithm" => ec_key(),
        "TooSmall" => "holds an RSA key that is too short: expected 2048 to 4096 bits".to_owned(),
        "TooLarge" => "holds an RSA key that is too long: expected 2048 to 4096 bits".to_owned(),
        _ => format!("holds a private key that is not valid ({reason})"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use sandbox::certificate::{self, Identity};

    use super::*;

    static IDENTITY: LazyLock<Identity> = LazyLock::new(|| certificate::generate("unit test").unwrap());

    fn certificate(algorithm: AssertionAlgorithm, send_chain: bool) -> Certificate {
        let pem = format!("{}{}", IDENTITY.certificate_pem, IDENTITY.key_pkcs8_pem);
        Certificate::parse(&pem, algorithm, send_chain).unwrap()
    }

    fn boxed(algorithm: AssertionAlgorithm, send_chain: bool) -> Box<Certificate> {
        Box::new(certificate(algorithm, send_chain))
    }

    fn secret(text: &str) -> Credential {
        Credential::Secret(Secret::parse(text).unwrap())
    }

    #[test]
    fn debug_gives_nothing_away() {
        let shown = format!("{:?}", Credential::Certificate(boxed(AssertionAlgorithm::Ps256, false)));
        assert_eq!(
            shown,
            "Certificate(Certificate { algorithm: AssertionAlgorithm::Ps256, send_chain: false, .. })"
        );
        assert_eq!(format!("{:?}", secret("hunter2")), "Secret(Secret)");
    }

    #[test]
    fn fingerprints_tell_credentials_apart() {
        let prints = [
            secret("one").fingerprint(),
            secret("two").fingerprint(),
            Credential::Certificate(boxed(AssertionAlgorithm::Ps256, false)).fingerprint(),
            Credential::Certificate(boxed(AssertionAlgorithm::Rs256, false)).fingerprint(),
            Credential::Certificate(boxed(AssertionAlgorithm::Ps256, true)).fingerprint(),
        ];
        for (index, print) in prints.iter().enumerate() {
            assert!(!prints[..index].contains(print), "{index}");
        }
        assert_eq!(secret("one").fingerprint(), prints[0]);
    }

    #[test]
    fn white_space_around_a_secret_is_not_part_of_it() {
        assert_eq!(Secret::parse(" a b\r\n").unwrap().reveal(), "a b");
        assert!(Secret::parse("a\nb").is_err());
        assert!(Secret::parse(" \n").is_err());
    }

    #[test]
    fn the_certificate_of_the_key_comes_first() {
        let other = certificate::generate("other").unwrap();
        let pem = format!(
            "{}{}{}",
            other.certificate_pem, IDENTITY.key_pkcs1_pem, IDENTITY.certificate_pem
        );
        let certificate = Certificate::parse(&pem, AssertionAlgorithm::Ps256, false).unwrap();
        assert_eq!(certificate.signing(), IDENTITY.certificate_der);
        assert_eq!(
            certificate.chain(),
            [IDENTITY.certificate_der.clone(), other.certificate_der]
        );
    }

    #[test]
    fn nothing_makes_the_parser_panic() {
        let pem = format!("{}{}", IDENTITY.certificate_pem, IDENTITY.key_pkcs8_pem);
        for end in (0..pem.len()).step_by(7) {
            let _ = Certificate::parse(&pem[..end], AssertionAlgorithm::Ps256, false);
            let _ = Certificate::parse(&pem[end..], AssertionAlgorithm::Ps256, false);
        }
    }
}
