//! Reads only the required fields of an X.509 certificate (RFC 5280, 4.1). Parsing names and extensions
//! would make up a tenth of the component.

use der::asn1::{AnyRef, BitStringRef};
use der::{DateTime, Error, ErrorKind, Result, Tag, TagNumber, Tagged};

use super::asn1::{Fields, constructed};

/// The required fields of a certificate.
pub(crate) struct X509<'a> {
    /// The encoded content of the issuer's name. Two names match if their encodings are equal.
    pub issuer: &'a [u8],
    pub subject: &'a [u8],
    /// For RSA, an `RSAPublicKey` of PKCS#1.
    pub public_key: &'a [u8],
    pub validity: Validity,
}

/// When a certificate is valid, both ends included, in seconds since 1970-01-01T00:00:00Z. Earlier times
/// are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub not_before: u64,
    pub not_after: u64,
}

impl<'a> X509<'a> {
    /// # Errors
    /// If the bytes are not a certificate.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self> {
        let mut certificate = Fields::of_sequence(der)?;
        let mut to_be_signed = certificate.sequence()?;
        // Signature algorithm, signature.
        certificate.skip(2)?;
        certificate.finish()?;

        // The version.
        to_be_signed.optional(constructed(TagNumber::N0))?;
        // Serial number, signature algorithm.
        to_be_signed.skip(2)?;
        let issuer = to_be_signed.any()?.value();
        let mut validity = to_be_signed.sequence()?;
        let validity = Validity {
            not_before: seconds(validity.any()?)?,
            not_after: seconds(validity.any()?)?,
        };
        let subject = to_be_signed.any()?.value();
        let mut key = to_be_signed.sequence()?;
        key.skip(1)?;
        let public_key = BitStringRef::try_from(key.any()?)?.raw_bytes();
        while !to_be_signed.is_finished() {
            to_be_signed.skip(1)?;
        }
        Ok(Self {
            issuer,
            subject,
            public_key,
            validity,
        })
    }
}

/// The seconds since 1970 of `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` (RFC 5280, 4.1.2.5).
fn seconds(time: AnyRef<'_>) -> Result<u64> {
    let malformed = || Error::from(ErrorKind::DateTime);
    let digits = time.value().strip_suffix(b"Z").ok_or_else(malformed)?;
    let (century, digits) = match time.tag() {
        Tag::UtcTime => (None, digits),
        Tag::GeneralizedTime => digits
            .split_at_checked(2)
            .map(|(century, rest)| (Some(century), rest))
            .ok_or_else(malformed)?,
        _ => return Err(malformed()),
    };
    let mut pairs = [0_u8; 6];
    if digits.len() != 12 {
        return Err(malformed());
    }
    for (pair, digits) in pairs.iter_mut().zip(digits.chunks_exact(2)) {
        *pair = number(digits).ok_or_else(malformed)?;
    }
    let [year, month, day, hour, minute, second] = pairs;
    let century = match century {
        Some(digits) => number(digits).ok_or_else(malformed)?,
        None if year < 50 => 20,
        None => 19,
    };
    let year = u16::from(century).saturating_mul(100).saturating_add(year.into());
    if year < 1970 {
        return Ok(0);
    }
    Ok(DateTime::new(year, month, day, hour, minute, second)?
        .unix_duration()
        .as_secs())
}

/// Parses a two-digit number.
fn number(digits: &[u8]) -> Option<u8> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use x509_cert::der::Decode;

    use super::*;

    #[test]
    fn key_and_validity_are_found() {
        let certificate = sandbox::certificate::generate("unit test").unwrap().certificate_der;
        let parsed = x509_cert::Certificate::from_der(&certificate).unwrap().tbs_certificate;
        let read = X509::read(&certificate).unwrap();
        assert_eq!(
            read.public_key,
            parsed.subject_public_key_info.subject_public_key.raw_bytes()
        );
        let times = [parsed.validity.not_before, parsed.validity.not_after];
        let times = times.map(|time| time.to_unix_duration().as_secs());
        assert_eq!([read.validity.not_before, read.validity.not_after], times);
    }

    #[test]
    fn times_are_read_in_both_forms() {
        for (tag, text, expected) in [
            (Tag::UtcTime, "700101000000Z", Some(0)),
            (Tag::UtcTime, "691231235959Z", Some(0)),
            (Tag::UtcTime, "500101000000Z", Some(0)),
            (Tag::UtcTime, "491231235959Z", Some(2_524_607_999)),
            (Tag::UtcTime, "240229120000Z", Some(1_709_208_000)),
            (Tag::GeneralizedTime, "20240229120000Z", Some(1_709_208_000)),
            (Tag::GeneralizedTime, "19500101000000Z", Some(0)),
            (Tag::GeneralizedTime, "99991231235959Z", Some(253_402_300_799)),
            (Tag::UtcTime, "230229120000Z", None),
            (Tag::UtcTime, "2402291200Z", None),
            (Tag::UtcTime, "240229120000", None),
            (Tag::UtcTime, "240229120000+0100", None),
            (Tag::UtcTime, "+40229120000Z", None),
            (Tag::UtcTime, "20240229120000Z", None),
            (Tag::GeneralizedTime, "240229120000Z", None),
            (Tag::GeneralizedTime, "Z", None),
            (Tag::OctetString, "240229120000Z", None),
        ] {
            let time = AnyRef::new(tag, text.as_bytes()).unwrap();
            assert_eq!(seconds(time).ok(), expected, "{tag} {text}");
        }
    }

    #[test]
    fn anything_else_is_an_error() {
        let certificate = sandbox::certificate::generate("unit test").unwrap().certificate_der;
        for length in 0..certificate.len() {
            assert!(X509::read(&certificate[..length]).is_err(), "cut after {length} bytes");
        }
        let mut longer = certificate;
        longer.push(0);
        assert!(X509::read(&longer).is_err());
        assert!(X509::read(b"0\x03\x02\x01\x00").is_err());
    }
}
