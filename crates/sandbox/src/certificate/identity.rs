//! An RSA key with its certificate, and their generation.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::rand_core::OsRng;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use uuid::Uuid;
use x509_cert::Certificate;
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::{Encode, EncodePem};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};

use super::read::hex;

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An RSA key with its certificate.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
    /// The private key, PKCS#8 PEM.
    pub key_pkcs8_pem: String,
    /// The private key, PKCS#1 PEM.
    pub key_pkcs1_pem: String,
    /// SHA-1 of the DER in upper-case hex, as the portal shows it.
    pub thumbprint_sha1: String,
    /// SHA-256 of the DER in upper-case hex.
    pub thumbprint_sha256: String,
}

impl Identity {
    /// The `x5t` of an assertion's header.
    pub fn x5t(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha1::digest(&self.certificate_der))
    }

    /// The `x5t#S256` of an assertion's header.
    pub fn x5t_s256(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.certificate_der))
    }

    /// The certificate as an element of an assertion's `x5c`.
    pub fn x5c(&self) -> String {
        STANDARD.encode(&self.certificate_der)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("thumbprint_sha1", &self.thumbprint_sha1)
            .finish_non_exhaustive()
    }
}

/// A 2048-bit key and a self-signed certificate, valid from yesterday for a year.
pub fn generate(common_name: &str) -> anyhow::Result<Identity> {
    let now = SystemTime::now();
    generate_valid(common_name, now - DAY, now + 365 * DAY)
}

/// A 2048-bit key and a self-signed certificate for the given time.
pub fn generate_valid(common_name: &str, not_before: SystemTime, not_after: SystemTime) -> anyhow::Result<Identity> {
    generate_with(common_name, 2048, not_before, not_after)
}

/// A key of the given length and a self-signed certificate for the given time.
pub fn generate_with(
    common_name: &str,
    bits: usize,
    not_before: SystemTime,
    not_after: SystemTime,
) -> anyhow::Result<Identity> {
    let key = RsaPrivateKey::new(&mut OsRng, bits)?;
    let certificate = certify(&key, common_name, Profile::Root, (not_before, not_after), &key)?;
    identity(&key, &certificate)
}

pub(super) fn name(common_name: &str) -> anyhow::Result<Name> {
    Name::from_str(&format!("CN={common_name}")).context("not a common name")
}

/// A certificate for `key`, signed with `issuer_key`.
pub(super) fn certify(
    key: &RsaPrivateKey,
    common_name: &str,
    profile: Profile,
    validity: (SystemTime, SystemTime),
    issuer_key: &RsaPrivateKey,
) -> anyhow::Result<Certificate> {
    let signer = SigningKey::new(issuer_key.clone());
    Ok(builder(key, common_name, profile, validity, &signer)?.build::<Signature>()?)
}

/// A certificate for `key` that `signer` will sign.
pub(super) fn builder<'s>(
    key: &RsaPrivateKey,
    common_name: &str,
    profile: Profile,
    (not_before, not_after): (SystemTime, SystemTime),
    signer: &'s SigningKey<Sha256>,
) -> anyhow::Result<CertificateBuilder<'s, SigningKey<Sha256>>> {
    let validity = Validity {
        not_before: Time::try_from(not_before)?,
        not_after: Time::try_from(not_after)?,
    };
    Ok(CertificateBuilder::new(
        profile,
        SerialNumber::new(&Uuid::new_v4().into_bytes())?,
        validity,
        name(common_name)?,
        SubjectPublicKeyInfoOwned::from_key(key.to_public_key())?,
        signer,
    )?)
}

pub(super) fn identity(key: &RsaPrivateKey, certificate: &Certificate) -> anyhow::Result<Identity> {
    let der = certificate.to_der()?;
    Ok(Identity {
        certificate_pem: certificate.to_pem(LineEnding::LF)?,
        key_pkcs8_pem: key.to_pkcs8_pem(LineEnding::LF)?.to_string(),
        key_pkcs1_pem: key.to_pkcs1_pem(LineEnding::LF)?.to_string(),
        thumbprint_sha1: hex(&Sha1::digest(&der)),
        thumbprint_sha256: hex(&Sha256::digest(&der)),
        certificate_der: der,
    })
}
