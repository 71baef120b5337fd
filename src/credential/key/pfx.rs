//! PFX, also called PKCS#12 (RFC 7292): certificates and keys in one file, usually encrypted.

use der::asn1::ObjectIdentifier;
use der::{Tag, TagNumber};
use ring::{digest, hmac};
use zeroize::Zeroizing;

use super::asn1::{Fields, constructed, primitive};
use super::ber;
use super::encryption::{decrypt, open_key};
use super::kdf::{self, Purpose, Rounds, Stretch};
use super::password::Password;
use super::unreadable::Unreadable;
use super::{Contents, PrivateKey};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.3");
const X509_CERTIFICATE: ObjectIdentifier = oid("1.2.840.113549.1.9.22.1");
const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");

/// `[0]` around a value.
const EXPLICIT: Tag = constructed(TagNumber::N0);

/// Whether this is meant to be a PFX: a SEQUENCE that begins with the version 3.
pub(super) fn is_pfx(bytes: &[u8]) -> bool {
    let &[0x30, length, ..] = bytes else {
        return false;
    };
    let length_bytes = if length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    bytes
        .get(length_bytes.saturating_add(2)..)
        .is_some_and(|content| content.starts_with(&[2, 1, 3]))
}

/// # Errors
/// A readable reason why it cannot be opened.
pub(super) fn read(
    pfx: &[u8],
    password: Password<'_>,
    rounds: &mut Rounds,
    contents: &mut Contents,
) -> Result<(), String> {
    open(pfx, password, rounds, contents).map_err(|why| why.sentence("is a PFX", password))
}

fn open(pfx: &[u8], password: Password<'_>, rounds: &mut Rounds, contents: &mut Contents) -> Result<(), Unreadable> {
    let pfx = ber::to_der(pfx)?;
    let mut pfx = Fields::of_sequence(&pfx)?;
    pfx.skip(1)?;
    let (kind, mut content) = content_info(&mut pfx)?;
    if kind != DATA {
        return Err(Unreadable::Unsupported(kind));
    }
    let safe = content.octets()?;
    if let Some(mac) = pfx.optional(Tag::Sequence)? {
        verify(mac, safe, password, rounds)?;
    }
    pfx.finish()?;

    let safe = ber::to_der(safe)?;
    let mut safe = Fields::of_sequence(&safe)?;
    while !safe.is_finished() {
        let (kind, mut content) = content_info(&mut safe)?;
        let bags = match kind {
            DATA => ber::to_der(content.octets()?)?,
            ENCRYPTED_DATA => decrypt_bags(content.sequence()?, password, rounds)?,
            unknown => return Err(Unreadable::Unsupported(unknown)),
        };
        read_bags(&bags, password, rounds, contents)?;
    }
    Ok(())
}

/// A `ContentInfo`: its type, and the fields of its content.
fn content_info<'a>(fields: &mut Fields<'a>) -> Result<(ObjectIdentifier, Fields<'a>), Unreadable> {
    let mut info = fields.sequence()?;
    Ok((info.oid()?, info.within(EXPLICIT)?))
}

/// Checks the MAC, which detects a wrong password before anything is decrypted. A MAC of an unknown kind is
/// ignored: anyone who can change the file can also remove the MAC.
fn verify(mac: &[u8], safe: &[u8], password: Password<'_>, rounds: &mut Rounds) -> Result<(), Unreadable> {
    let mut mac = Fields::new(mac)?;
    let mut digest_info = mac.sequence()?;
    let (hash, hmac) = match digest_info.sequence()?.oid()? {
        SHA1 => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        SHA256 => (&digest::SHA256, hmac::HMAC_SHA256),
        SHA384 => (&digest::SHA384, hmac::HMAC_SHA384),
        SHA512 => (&digest::SHA512, hmac::HMAC_SHA512),
        _ => return Ok(()),
    };
    let expected = digest_info.octets()?;
    let stretch = Stretch {
        salt: mac.octets()?,
        iterations: if mac.is_finished() { 1 } else { mac.number()? },
    };
    for password in password.utf16() {
        let key = kdf::pkcs12(hash, Purpose::Mac, &password, stretch, hash.output_len(), rounds)?;
        if hmac::verify(&hmac::Key::new(hmac, &key), safe, expected).is_ok() {
            return Ok(());
        }
    }
    Err(Unreadable::WrongPassword)
}

/// An `EncryptedData` (RFC 5652, 8).
fn decrypt_bags(
    mut data: Fields<'_>,
    password: Password<'_>,
    rounds: &mut Rounds,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    data.skip(1)?;
    let mut info = data.sequence()?;
    info.skip(1)?;
    let algorithm = info.sequence()?;
    let in_one_piece = info.optional(primitive(TagNumber::N0))?;
    let encrypted = match in_one_piece {
        Some(encrypted) => encrypted.to_vec(),
        None => {
            let mut pieces = info.within(EXPLICIT)?;
            let mut encrypted = Vec::new();
            while !pieces.is_finished() {
                encrypted.extend_from_slice(pieces.octets()?);
            }
            encrypted
        }
    };
    decrypt(algorithm, &encrypted, password, rounds)
}

/// `SafeContents`. Revocation lists and other secrets are skipped.
fn read_bags(
    bags: &[u8],
    password: Password<'_>,
    rounds: &mut Rounds,
    contents: &mut Contents,
) -> Result<(), Unreadable> {
    let mut bags = Fields::of_sequence(bags)?;
    while !bags.is_finished() {
        let mut bag = bags.sequence()?;
        let kind = bag.oid()?;
        let value = bag.tagged(EXPLICIT)?;
        match kind {
            KEY_BAG => contents.keys.push(PrivateKey::of_pkcs8(value)),
            SHROUDED_KEY_BAG => {
                let key = open_key(value, password, rounds)?;
                contents.keys.push(PrivateKey::of_pkcs8(&key));
            }
            CERTIFICATE_BAG => {
                let mut bag = Fields::of_sequence(value)?;
                if bag.oid()? == X509_CERTIFICATE {
                    let certificate = bag.within(EXPLICIT)?.octets()?;
                    contents.certificates.push(certificate.to_vec());
                }
            }
            _ => {}
        }
    }
    Ok(())
}
