//! Why an encrypted structure could not be opened, and the messages for it.

use der::asn1::ObjectIdentifier;

use super::kdf::MAX_ROUNDS;
use super::password::Password;

/// Why an encrypted structure could not be opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Its structure is malformed.
    Damaged,
    /// The password is wrong or the encrypted part is damaged: ciphers without a checksum cannot
    /// distinguish these.
    WrongPassword,
    /// It uses an unsupported algorithm or structure.
    Unsupported(ObjectIdentifier),
    /// Deriving the key would take too long.
    TooMuchWork,
}

impl From<der::Error> for Unreadable {
    fn from(_: der::Error) -> Self {
        Self::Damaged
    }
}

impl Unreadable {
    /// The message for people. `what` is the beginning of the sentence.
    pub(crate) fn sentence(self, what: &str, password: Password<'_>) -> String {
        match self {
            Self::Damaged => format!("{what} that is damaged: its text was cut off or changed"),
            Self::WrongPassword if !password.is_set() => {
                format!("{what} that is encrypted, and no password is set: set the certificate's password")
            }
            Self::WrongPassword => {
                let hint = password.doubt();
                let hint = hint.map_or_else(String::new, |doubt| format!(" (the password {doubt})"));
                format!("{what} that the password does not decrypt: expected the password of this file{hint}")
            }
            Self::Unsupported(algorithm) => format!(
                "{what} made with an unsupported algorithm (OID {algorithm}): make it again with AES-256 (the default of `openssl pkcs12 -export` and `openssl pkcs8 -topk8`)"
            ),
            Self::TooMuchWork => format!(
                "{what} that requires more than {MAX_ROUNDS} iterations of password hashing: make it again with fewer (openssl: -iter 100000)"
            ),
        }
    }
}
