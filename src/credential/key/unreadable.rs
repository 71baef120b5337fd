//! Why something encrypted was not opened, and the sentences for it.

use der::asn1::ObjectIdentifier;

use super::kdf::MAX_ROUNDS;
use super::password::Password;

/// Why something encrypted was not opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Its structure is broken.
    Damaged,
    /// The password does not fit, or the encrypted part is broken: ciphers without a checksum cannot tell these apart.
    WrongPassword,
    /// It uses an algorithm or a structure that is not understood here.
    Unsupported(ObjectIdentifier),
    /// To try the password would take too long.
    TooMuchWork,
}

impl From<der::Error> for Unreadable {
    fn from(_: der::Error) -> Self {
        Self::Damaged
    }
}

impl Unreadable {
    /// Says it to people. `what` is the beginning of the sentence.
    pub(crate) fn sentence(self, what: &str, password: Password<'_>) -> String {
        match self {
            Self::Damaged => format!("{what} that is damaged: its text was cut off or changed"),
            Self::WrongPassword if !password.is_set() => {
                format!("{what} that is encrypted, and no password for it is set: set the certificate's password")
            }
            Self::WrongPassword => {
                let hint = password.doubt();
                let hint = hint.map_or_else(String::new, |doubt| format!(" (the password {doubt})"));
                format!("{what} that the password does not open: expected its own password{hint}")
            }
            Self::Unsupported(algorithm) => format!(
                "{what} made with an algorithm that is not understood here (OID {algorithm}): make it again with AES-256 \
                 (what `openssl pkcs12 -export` and `openssl pkcs8 -topk8` do of themselves)"
            ),
            Self::TooMuchWork => format!(
                "{what} that asks for more than {MAX_ROUNDS} rounds of password hashing: make it again with fewer \
                 (openssl: -iter 100000)"
            ),
        }
    }
}
