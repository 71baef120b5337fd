//! What the containers hold: certificates and private keys.

mod asn1;
mod ber;
mod encryption;
pub mod kdf;
pub mod password;
pub mod pem;
pub mod pfx;
pub mod text;
mod unreadable;
pub mod x509;

use ring::rsa::KeyPair;
use zeroize::Zeroizing;

/// What a text holds, in its order.
#[derive(Default)]
pub struct Contents {
    /// In DER.
    pub certificates: Vec<Vec<u8>>,
    pub keys: Vec<PrivateKey>,
}

/// A private key in DER, not encrypted.
pub enum PrivateKey {
    Pkcs1(Zeroizing<Vec<u8>>),
    Pkcs8(Zeroizing<Vec<u8>>),
    /// SEC 1: a key for elliptic curves.
    Sec1,
}

impl PrivateKey {
    /// # Errors
    /// Why the key cannot sign, for people.
    pub fn rsa(&self) -> Result<KeyPair, String> {
        let key = match self {
            Self::Pkcs1(der) => KeyPair::from_der(der),
            Self::Pkcs8(der) => KeyPair::from_pkcs8(der),
            Self::Sec1 => return Err(why_rejected("WrongAlgorithm")),
        };
        key.map_err(|rejected| why_rejected(&rejected.to_string()))
    }
}

/// ring's reasons in words that say what to do.
fn why_rejected(reason: &str) -> String {
    match reason {
        "WrongAlgorithm" => "holds a key that is not RSA: Entra ID takes RSA keys of 2048 bits and more".to_owned(),
        "TooSmall" => {
            "holds an RSA key that is too short, or whose public exponent is below 65537: expected 2048, 3072 or 4096 bits"
                .to_owned()
        }
        "TooLarge" => "holds an RSA key that is too long: expected 2048, 3072 or 4096 bits".to_owned(),
        "PrivateModulusLenNotMultipleOf512Bits" => {
            "holds an RSA key of an unusual length: expected 2048, 3072 or 4096 bits".to_owned()
        }
        _ => format!("holds a private key that is not valid ({reason})"),
    }
}
