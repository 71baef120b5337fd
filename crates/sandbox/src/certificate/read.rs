//! Reading a certificate that an application has registered or has sent.

use anyhow::Context;
use rsa::RsaPublicKey;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::DecodePublicKey;
use rsa::signature::Verifier;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use x509_cert::time::Time;

/// A certificate that an application has registered or has sent.
pub(crate) struct Read {
    pub(crate) key: RsaPublicKey,
    pub(crate) sha1: Vec<u8>,
    pub(crate) sha256: Vec<u8>,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    certificate: Certificate,
}

impl Read {
    pub(crate) fn der(der: &[u8]) -> anyhow::Result<Read> {
        let certificate = Certificate::from_der(der).context("not a certificate in DER")?;
        let fields = &certificate.tbs_certificate;
        let seconds = |time: &Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        Ok(Read {
            // docs/facts/entra.md, 1.2: every library demands RSA.
            key: RsaPublicKey::from_public_key_der(&fields.subject_public_key_info.to_der()?)
                .context("the certificate's key is not an RSA key")?,
            sha1: Sha1::digest(der).to_vec(),
            sha256: Sha256::digest(der).to_vec(),
            not_before: seconds(&fields.validity.not_before),
            not_after: seconds(&fields.validity.not_after),
            certificate,
        })
    }

    pub(crate) fn is_valid_at(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// RFC 4514, as in `CN=contoso`.
    pub(crate) fn subject(&self) -> String {
        self.certificate.tbs_certificate.subject.to_string()
    }

    /// Whether `issuer` issued this certificate. Only signatures with RSA and SHA-256 are supported; others
    /// count as wrong.
    pub(crate) fn is_issued_by(&self, issuer: &Read) -> bool {
        let fields = &self.certificate.tbs_certificate;
        if fields.issuer != issuer.certificate.tbs_certificate.subject {
            return false;
        }
        let (Ok(signed), Some(signature)) = (fields.to_der(), self.certificate.signature.as_bytes()) else {
            return false;
        };
        let key = VerifyingKey::<Sha256>::new(issuer.key.clone());
        Signature::try_from(signature).is_ok_and(|signature| key.verify(&signed, &signature).is_ok())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
