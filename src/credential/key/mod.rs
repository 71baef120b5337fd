//! Extracts certificates and private keys from their containers.

mod asn1;
mod ber;
mod encryption;
pub(super) mod kdf;
mod kind;
pub(super) mod password;
mod pem;
mod pfx;
mod private;
mod text;
mod unreadable;
pub(super) mod x509;

use zeroize::Zeroizing;

use asn1::elements;
use kdf::Rounds;
use kind::Kind;
use password::Password;
use text::Form;

pub(super) use private::PrivateKey;

/// The content of a text, in order.
#[derive(Default)]
pub(super) struct Contents {
    /// In DER.
    pub certificates: Vec<Vec<u8>>,
    pub keys: Vec<PrivateKey>,
    /// Something else that was found, which explains why a certificate or key is missing.
    pub besides: Option<&'static str>,
}

impl Contents {
    /// # Errors
    /// A readable reason why the text is not valid. Does not quote it.
    pub(super) fn read(text: &str, password: Password<'_>) -> Result<Self, String> {
        let mut rounds = Rounds::new();
        let mut contents = Self::default();
        match Form::of(text)? {
            Form::Pem(pem) => pem::read(&pem, password, &mut rounds, &mut contents)?,
            Form::Der(der) => contents.add(&der, None, password, &mut rounds)?,
        }
        Ok(contents)
    }

    /// Adds a PFX or consecutive DER elements. A malformed element counts as the kind it was `meant` to be.
    fn add(
        &mut self,
        der: &[u8],
        meant: Option<Kind>,
        password: Password<'_>,
        rounds: &mut Rounds,
    ) -> Result<(), String> {
        if pfx::is_pfx(der) {
            return pfx::read(der, password, rounds, self);
        }
        for element in elements(der) {
            let kind = element.ok().and_then(Kind::of).or(meant).ok_or(
                "is base64 of something that is neither a PFX nor a certificate with its key, or it was cut off or changed: \
                 expected PEM text with certificate and private key, or a PFX in base64",
            )?;
            let element = element.unwrap_or(der);
            self.add_one(element, kind, password, rounds)?;
        }
        Ok(())
    }

    fn add_one(&mut self, der: &[u8], kind: Kind, password: Password<'_>, rounds: &mut Rounds) -> Result<(), String> {
        let copy = || Zeroizing::new(der.to_vec());
        match kind {
            Kind::Certificate => self.certificates.push(der.to_vec()),
            Kind::Pkcs8 => self.keys.push(PrivateKey::of_pkcs8(der)),
            Kind::EncryptedPkcs8 => {
                let key = encryption::open_key(der, password, rounds)
                    .map_err(|why| why.sentence("contains a private key", password))?;
                self.keys.push(PrivateKey::of_pkcs8(&key));
            }
            Kind::Pkcs1 => self.keys.push(PrivateKey::Rsa(copy())),
            Kind::Sec1 => self.keys.push(PrivateKey::not_rsa("a key for an elliptic curve")),
            Kind::Dsa => self.keys.push(PrivateKey::not_rsa("a key for DSA")),
            Kind::Pkcs7 | Kind::Request | Kind::PublicKey => self.besides = self.besides.or(kind.besides()),
        }
        Ok(())
    }
}
