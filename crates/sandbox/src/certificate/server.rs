//! The certificate of a server on this machine, and the authority that issued it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use rsa::RsaPrivateKey;
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::rand_core::OsRng;
use sha2::Sha256;
use x509_cert::builder::{Builder, Profile};
use x509_cert::der::asn1::{Ia5String, OctetString};
use x509_cert::der::oid::db::rfc5280::ID_KP_SERVER_AUTH;
use x509_cert::der::{Encode, EncodePem};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};

use super::identity::{DAY, builder, certify, name};

/// A server's certificate and key, and the authority that clients have to trust.
pub(crate) struct ServerCertificate {
    /// The authority's certificate, PEM.
    pub(crate) authority_pem: String,
    /// The server's certificate, DER.
    pub(crate) certificate_der: Vec<u8>,
    /// The server's key, PKCS#8 DER.
    pub(crate) key_der: Vec<u8>,
}

impl ServerCertificate {
    /// For `localhost`, both loopback addresses, and `address`. Valid for 30 days.
    pub(crate) fn generate(address: IpAddr) -> anyhow::Result<ServerCertificate> {
        const AUTHORITY: &str = "Sandbox CA";
        let now = SystemTime::now();
        let validity = (now - DAY, now + 30 * DAY);
        let (authority_key, key) = (
            RsaPrivateKey::new(&mut OsRng, 2048)?,
            RsaPrivateKey::new(&mut OsRng, 2048)?,
        );
        let authority = certify(&authority_key, AUTHORITY, Profile::Root, validity, &authority_key)?;
        let profile = Profile::Leaf {
            issuer: name(AUTHORITY)?,
            enable_key_agreement: false,
            enable_key_encipherment: true,
        };
        let signer = SigningKey::<Sha256>::new(authority_key);
        let mut builder = builder(&key, "localhost", profile, validity, &signer)?;
        builder.add_extension(&SubjectAltName(names(address)?))?;
        builder.add_extension(&ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH]))?;
        Ok(ServerCertificate {
            authority_pem: authority.to_pem(LineEnding::LF)?,
            certificate_der: builder.build::<Signature>()?.to_der()?,
            key_der: key.to_pkcs8_der()?.as_bytes().to_vec(),
        })
    }
}

fn names(address: IpAddr) -> anyhow::Result<Vec<GeneralName>> {
    let mut addresses = vec![IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    if !addresses.contains(&address) && !address.is_unspecified() {
        addresses.push(address);
    }
    let mut names = vec![GeneralName::DnsName(Ia5String::new("localhost")?)];
    for address in addresses {
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        names.push(GeneralName::IpAddress(OctetString::new(octets)?));
    }
    Ok(names)
}
