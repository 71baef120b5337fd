//! Certificates: makes those of applications and of the server, and reads those that applications have registered.

mod chain;
mod identity;
mod read;
mod server;

pub use chain::{Chain, generate_chain};
pub use identity::{Identity, generate, generate_valid, generate_with};
pub(crate) use read::{Read, hex};
pub(crate) use server::ServerCertificate;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_certificate_reads_back() {
        let identity = generate("test").unwrap();
        let read = Read::der(&identity.certificate_der).unwrap();
        assert_eq!(hex(&read.sha1), identity.thumbprint_sha1);
        assert!(read.not_before < read.not_after);
        assert!(identity.key_pkcs1_pem.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
        assert!(identity.key_pkcs8_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    }
}
