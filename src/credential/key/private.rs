//! A private key, or the reason why it cannot sign.

use der::asn1::ObjectIdentifier;
use ring::rsa::KeyPair;
use zeroize::Zeroizing;

use super::asn1::Fields;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
/// The X.500 identifier for RSA, which OpenSSL also accepts.
const RSA_OF_X500: ObjectIdentifier = oid("2.5.8.1.1");
const RSA_OAEP: ObjectIdentifier = oid("1.2.840.113549.1.1.7");
const RSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");

/// Other key algorithms (RFC 8410, RFC 5480, RFC 3279).
const OTHERS: [(ObjectIdentifier, &str); 8] = [
    (oid("1.2.840.10045.2.1"), "a key for an elliptic curve"),
    (oid("1.3.101.110"), "a key for X25519"),
    (oid("1.3.101.111"), "a key for X448"),
    (oid("1.3.101.112"), "a key for Ed25519"),
    (oid("1.3.101.113"), "a key for Ed448"),
    (oid("1.2.840.10040.4.1"), "a key for DSA"),
    (oid("1.2.840.113549.1.3.1"), "a key for Diffie-Hellman"),
    (oid("1.2.840.10046.2.1"), "a key for Diffie-Hellman"),
];

/// A decrypted private key.
#[derive(PartialEq, Eq)]
pub(crate) enum PrivateKey {
    /// PKCS#1, in DER.
    Rsa(Zeroizing<Vec<u8>>),
    /// A readable reason why it cannot sign.
    Unusable(String),
}

impl PrivateKey {
    /// Extracts the key from PKCS#8. Parameters and attributes are ignored: some tools omit the NULL that
    /// RFC 8017 (A.1) requires, and Windows adds the key usage.
    pub(crate) fn of_pkcs8(der: &[u8]) -> Self {
        let read = || {
            let mut info = Fields::of_sequence(der)?;
            info.number()?;
            let algorithm = info.sequence()?.oid()?;
            der::Result::Ok((algorithm, info.octets()?))
        };
        match read() {
            Ok((RSA | RSA_OF_X500, key)) => Self::Rsa(Zeroizing::new(key.to_vec())),
            Ok((RSA_PSS, _)) => Self::restricted("PSS (RSASSA-PSS)"),
            Ok((RSA_OAEP, _)) => Self::restricted("encryption (RSAES-OAEP)"),
            Ok((other, _)) => match OTHERS.iter().find(|(oid, _)| *oid == other) {
                Some((_, what)) => Self::not_rsa(what),
                None => Self::not_rsa(&format!("a key of an unknown kind (OID {other})")),
            },
            Err(_) => Self::Unusable(not_valid("its structure is broken")),
        }
    }

    /// A key that is `what`.
    pub(crate) fn not_rsa(what: &str) -> Self {
        Self::Unusable(format!(
            "contains {what}, not an RSA key: Entra ID accepts RSA keys of 2048 bits and more"
        ))
    }

    /// An RSA key whose algorithm restricts its use. Entra ID is documented to accept ordinary RSA keys.
    fn restricted(to: &str) -> Self {
        Self::Unusable(format!(
            "contains an RSA key that is restricted to {to}, which is not supported: make an ordinary one (openssl genpkey \
             -algorithm RSA -pkeyopt rsa_keygen_bits:2048) and a certificate for it"
        ))
    }

    /// # Errors
    /// A readable reason why the key cannot sign.
    pub(crate) fn rsa(&self) -> Result<KeyPair, String> {
        match self {
            Self::Rsa(der) => KeyPair::from_der(der).map_err(|rejected| why_rejected(&rejected.to_string())),
            Self::Unusable(why) => Err(why.clone()),
        }
    }
}

/// Translates ring's reasons into messages that say what to do.
fn why_rejected(reason: &str) -> String {
    match reason {
        "TooSmall" => {
            "contains an RSA key that is too short, or whose public exponent is below 65537: expected 2048, 3072 or 4096 bits"
                .to_owned()
        }
        "TooLarge" => "contains an RSA key that is too long: expected 2048, 3072 or 4096 bits".to_owned(),
        "PrivateModulusLenNotMultipleOf512Bits" => {
            "contains an RSA key of an unusual length: expected 2048, 3072 or 4096 bits".to_owned()
        }
        "VersionNotSupported" => {
            "contains an RSA key of more than two primes, which is not supported: make an ordinary one (openssl genpkey -algorithm \
             RSA -pkeyopt rsa_keygen_bits:2048) and a certificate for it"
                .to_owned()
        }
        _ => not_valid(reason),
    }
}

fn not_valid(reason: &str) -> String {
    format!("contains a private key that is not valid ({reason}): its text was cut off or changed")
}
