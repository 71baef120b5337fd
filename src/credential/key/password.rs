//! The password of a certificate, in the encodings that the schemes hash.

use zeroize::Zeroizing;

use crate::credential::pasted;

/// The password, if one is set. A missing password and an empty one are equivalent: vaults export PFX files
/// "without a password" that are encrypted with the empty password.
#[derive(Clone, Copy)]
pub(crate) struct Password<'a>(&'a str);

impl<'a> Password<'a> {
    pub(crate) fn new(password: Option<&'a str>) -> Self {
        Self(password.unwrap_or_default())
    }

    /// Whether a password is set.
    pub(crate) fn is_set(self) -> bool {
        !self.0.is_empty()
    }

    /// What may be wrong with it, readable. A password may contain anything, but some characters are
    /// usually a mistake.
    pub(crate) fn doubt(self) -> Option<String> {
        if self.0.ends_with(char::is_whitespace) {
            return Some("ends with white space or a line break, which is part of it".to_owned());
        }
        pasted::fault(self.0)
    }

    /// The encoding for PBES2 (RFC 8018, 3: UTF-8).
    pub(crate) fn utf8(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// The encodings for PKCS#12 (RFC 7292, B.1: big-endian UTF-16 with a terminator). Without a password,
    /// some tools write only the terminator and others nothing, so there may be two forms to try.
    pub(crate) fn utf16(self) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
        let mut terminated = Zeroizing::new(Vec::with_capacity(self.0.len().saturating_mul(2).saturating_add(2)));
        for unit in self.0.encode_utf16().chain([0]) {
            terminated.extend_from_slice(&unit.to_be_bytes());
        }
        let nothing = (!self.is_set()).then(Zeroizing::default);
        std::iter::once(terminated).chain(nothing)
    }
}
