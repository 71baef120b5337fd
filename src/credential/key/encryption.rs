//! Encryption with a password: PBES2 (RFC 8018, 6.2), and the schemes of PKCS#12 (RFC 7292, appendix C).

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipher, BlockDecryptMut, KeyInit, KeyIvInit};
use der::Tag;
use der::asn1::ObjectIdentifier;
use ring::{digest, pbkdf2};
use zeroize::Zeroizing;

use super::asn1::Fields;
use super::ber;
use super::kdf::{self, Purpose, Rounds, Stretch};
use super::password::Password;
use super::unreadable::Unreadable;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const PBES2: ObjectIdentifier = oid("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = oid("1.2.840.113549.1.5.12");
const HMAC_SHA1: ObjectIdentifier = oid("1.2.840.113549.2.7");
const HMAC_SHA256: ObjectIdentifier = oid("1.2.840.113549.2.9");
const HMAC_SHA384: ObjectIdentifier = oid("1.2.840.113549.2.10");
const HMAC_SHA512: ObjectIdentifier = oid("1.2.840.113549.2.11");
const AES_128_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.2");
const AES_192_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.22");
const AES_256_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.42");
const TRIPLE_DES_CBC: ObjectIdentifier = oid("1.2.840.113549.3.7");
const PBE_SHA1_TRIPLE_DES: ObjectIdentifier = oid("1.2.840.113549.1.12.1.3");
const PBE_SHA1_RC2_128: ObjectIdentifier = oid("1.2.840.113549.1.12.1.5");
const PBE_SHA1_RC2_40: ObjectIdentifier = oid("1.2.840.113549.1.12.1.6");

/// Decrypts the key of a PKCS#8 `EncryptedPrivateKeyInfo`.
pub(super) fn open_key(
    info: &[u8],
    password: Password<'_>,
    rounds: &mut Rounds,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let mut info = Fields::of_sequence(info)?;
    let algorithm = info.sequence()?;
    let key = decrypt(algorithm, info.octets()?, password, rounds)?;
    info.finish()?;
    Ok(key)
}

/// Decrypts a SEQUENCE. Everything that is encrypted in keys and PFX files is one, which makes it possible
/// to detect a wrong password. `algorithm` holds the fields of an `AlgorithmIdentifier`.
pub(super) fn decrypt(
    mut algorithm: Fields<'_>,
    encrypted: &[u8],
    password: Password<'_>,
    rounds: &mut Rounds,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let scheme = algorithm.oid()?;
    let mut parameters = algorithm.sequence()?;
    let cipher = match scheme {
        PBES2 => return pbes2(parameters, encrypted, password, rounds),
        PBE_SHA1_TRIPLE_DES => Cipher::TripleDes,
        PBE_SHA1_RC2_128 => Cipher::Rc2 { key_length: 16 },
        PBE_SHA1_RC2_40 => Cipher::Rc2 { key_length: 5 },
        unknown => return Err(Unreadable::Unsupported(unknown)),
    };
    let stretch = Stretch {
        salt: parameters.octets()?,
        iterations: parameters.number()?,
    };
    for password in password.utf16() {
        let mut derive = |purpose, length| {
            kdf::pkcs12(
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
                purpose,
                &password,
                stretch,
                length,
                rounds,
            )
        };
        let key = derive(Purpose::Encryption, cipher.key_length())?;
        let iv = derive(Purpose::Iv, 8)?;
        match cipher.decrypt(&key, &iv, encrypted) {
            Err(Unreadable::WrongPassword) => {}
            done => return done,
        }
    }
    Err(Unreadable::WrongPassword)
}

fn pbes2(
    mut parameters: Fields<'_>,
    encrypted: &[u8],
    password: Password<'_>,
    rounds: &mut Rounds,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let mut derivation = parameters.sequence()?;
    match derivation.oid()? {
        PBKDF2 => {}
        unknown => return Err(Unreadable::Unsupported(unknown)),
    }
    let mut derivation = derivation.sequence()?;
    let stretch = Stretch {
        salt: derivation.octets()?,
        iterations: derivation.number()?,
    };
    // The key length, which is known from the cipher.
    derivation.optional(Tag::Integer)?;
    let prf = match derivation.optional(Tag::Sequence)? {
        None => HMAC_SHA1,
        Some(prf) => Fields::new(prf)?.oid()?,
    };
    let prf = match prf {
        HMAC_SHA1 => pbkdf2::PBKDF2_HMAC_SHA1,
        HMAC_SHA256 => pbkdf2::PBKDF2_HMAC_SHA256,
        HMAC_SHA384 => pbkdf2::PBKDF2_HMAC_SHA384,
        HMAC_SHA512 => pbkdf2::PBKDF2_HMAC_SHA512,
        unknown => return Err(Unreadable::Unsupported(unknown)),
    };
    let mut encryption = parameters.sequence()?;
    let cipher = match encryption.oid()? {
        AES_128_CBC => Cipher::Aes128,
        AES_192_CBC => Cipher::Aes192,
        AES_256_CBC => Cipher::Aes256,
        TRIPLE_DES_CBC => Cipher::TripleDes,
        unknown => return Err(Unreadable::Unsupported(unknown)),
    };
    let iv = encryption.octets()?;
    let key = kdf::pbkdf2(prf, password.utf8(), stretch, cipher.key_length(), rounds)?;
    cipher.decrypt(&key, iv, encrypted)
}

/// A block cipher in CBC mode.
#[derive(Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
    /// The effective key bits equal the key length.
    Rc2 {
        key_length: usize,
    },
}

impl Cipher {
    fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
            Self::Rc2 { key_length } => key_length,
        }
    }

    fn decrypt(self, key: &[u8], iv: &[u8], encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        let mut buffer = Zeroizing::new(encrypted.to_vec());
        let plain = match self {
            Self::Aes128 => cbc::<aes::Aes128>(key, iv, &mut buffer),
            Self::Aes192 => cbc::<aes::Aes192>(key, iv, &mut buffer),
            Self::Aes256 => cbc::<aes::Aes256>(key, iv, &mut buffer),
            Self::TripleDes => cbc::<des::TdesEde3>(key, iv, &mut buffer),
            Self::Rc2 { .. } => cbc::<rc2::Rc2>(key, iv, &mut buffer),
        }?;
        let plain = ber::to_der(plain).map_err(|_| Unreadable::WrongPassword)?;
        Fields::of_sequence(&plain).map_err(|_| Unreadable::WrongPassword)?;
        Ok(plain)
    }
}

fn cbc<'a, C: BlockCipher + BlockDecryptMut + KeyInit>(
    key: &[u8],
    iv: &[u8],
    buffer: &'a mut [u8],
) -> Result<&'a [u8], Unreadable> {
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| Unreadable::Damaged)?;
    cipher
        .decrypt_padded_mut::<Pkcs7>(buffer)
        .map_err(|_| Unreadable::WrongPassword)
}
