//! What is needed of an X.509 certificate (RFC 5280, 4.1), and no more: names and extensions would be a tenth of the
//! component.

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber};

/// The public key of a certificate: for RSA, an `RSAPublicKey` of PKCS#1.
///
/// # Errors
/// When the bytes are no certificate.
pub fn public_key(certificate: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(certificate)?;
    let key = reader.sequence(|certificate| {
        let key = certificate.sequence(|to_be_signed| {
            if to_be_signed.peek_tag()?
                == (Tag::ContextSpecific {
                    constructed: true,
                    number: TagNumber::N0,
                })
            {
                skip(to_be_signed)?;
            }
            // Serial number, signature algorithm, issuer, validity, subject.
            for _ in 0..5 {
                skip(to_be_signed)?;
            }
            let key = to_be_signed.sequence(|subject_public_key_info| {
                skip(subject_public_key_info)?;
                BitStringRef::decode(subject_public_key_info)
            })?;
            while !to_be_signed.is_finished() {
                skip(to_be_signed)?;
            }
            Ok(key)
        })?;
        // Signature algorithm, signature.
        skip(certificate)?;
        skip(certificate)?;
        Ok(key)
    })?;
    reader.finish(key.raw_bytes())
}

/// Passes over one field.
fn skip<'a>(reader: &mut impl Reader<'a>) -> der::Result<()> {
    AnyRef::decode(reader).map(drop)
}

#[cfg(test)]
mod tests {
    use x509_cert::der::Decode;

    use super::public_key;

    #[test]
    fn the_public_key_is_found() {
        let certificate = sandbox::certificate::generate("unit test").unwrap().certificate_der;
        let parsed = x509_cert::Certificate::from_der(&certificate).unwrap();
        let key = parsed.tbs_certificate.subject_public_key_info.subject_public_key;
        assert_eq!(public_key(&certificate).unwrap(), key.raw_bytes());
    }

    #[test]
    fn anything_else_is_an_error() {
        let certificate = sandbox::certificate::generate("unit test").unwrap().certificate_der;
        for length in 0..certificate.len() {
            assert!(public_key(&certificate[..length]).is_err(), "cut after {length} bytes");
        }
        let mut longer = certificate;
        longer.push(0);
        assert!(public_key(&longer).is_err());
        assert!(public_key(b"0\x03\x02\x01\x00").is_err());
    }
}
