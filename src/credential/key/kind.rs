//! Detects the kind of a DER element by its structure, because PEM labels and file names are often wrong.

use der::Tag;

use super::asn1::Fields;

/// The kind of a DER element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// X.509 (RFC 5280, 4.1).
    Certificate,
    /// A key with its algorithm (RFC 5208, 5, and RFC 5958, 2).
    Pkcs8,
    /// The same, encrypted (RFC 5208, 6).
    EncryptedPkcs8,
    /// An RSA key (RFC 8017, A.1.2).
    Pkcs1,
    /// A key for an elliptic curve (RFC 5915, 3).
    Sec1,
    /// A key for DSA, as OpenSSL writes it.
    Dsa,
    /// A PKCS#7 bundle (RFC 2315, 7).
    Pkcs7,
    /// A certificate signing request (RFC 2986, 4).
    Request,
    /// A public key (RFC 5280, 4.1.2.7, or RFC 8017, A.1.1).
    PublicKey,
}

impl Kind {
    /// `None` if it is of another kind or malformed.
    pub(super) fn of(der: &[u8]) -> Option<Self> {
        let mut fields = Fields::of_sequence(der).ok()?;
        let (first, second) = (fields.any().ok()?, fields.any().ok()?);
        let rest = std::iter::from_fn(|| fields.any().ok()).take(10).count();
        match (der::Tagged::tag(&first), der::Tagged::tag(&second)) {
            (Tag::Integer, Tag::Sequence) => Some(Self::Pkcs8),
            (Tag::Integer, Tag::OctetString) => Some(Self::Sec1),
            (Tag::Integer, Tag::Integer) => match rest {
                0 => Some(Self::PublicKey),
                4 => Some(Self::Dsa),
                _ => Some(Self::Pkcs1),
            },
            (Tag::Sequence, Tag::OctetString) => Some(Self::EncryptedPkcs8),
            (Tag::Sequence, Tag::BitString) => Some(Self::PublicKey),
            (Tag::Sequence, Tag::Sequence) if is_request(first.value()) => Some(Self::Request),
            (Tag::Sequence, Tag::Sequence) => Some(Self::Certificate),
            (Tag::ObjectIdentifier, Tag::ContextSpecific { .. }) => Some(Self::Pkcs7),
            _ => None,
        }
    }

    /// For an element that is neither a certificate nor a private key: what it is and how to convert it.
    pub(super) fn besides(self) -> Option<&'static str> {
        match self {
            Self::Pkcs7 => Some(
                "a PKCS#7 bundle (.p7b), which never has a private key: take the certificates out of it (openssl pkcs7 \
                 -print_certs -in app.p7b, with -inform DER if it is binary) and add the key",
            ),
            Self::Request => Some(
                "a certificate signing request (.csr): expected the certificate that was issued for it, or make a self-signed one (openssl x509 -req -in app.csr -signkey key.pem -days 365)",
            ),
            Self::PublicKey => Some("a public key, which cannot sign"),
            _ => None,
        }
    }
}

/// Whether the signed part belongs to a request: after the version it has a name (a list of sets), where a
/// certificate has an algorithm.
fn is_request(to_be_signed: &[u8]) -> bool {
    let read = || {
        let mut fields = Fields::new(to_be_signed)?;
        fields.number()?;
        let mut name = fields.sequence()?;
        der::Result::Ok(name.is_finished() || der::Tagged::tag(&name.any()?) == Tag::Set)
    };
    read().unwrap_or(false)
}
