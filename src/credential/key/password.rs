//! The password of a certificate, in the forms that the schemes hash.

use zeroize::Zeroizing;

use crate::credential::pasted;

/// The password, if one is set. None and an empty one open the same things: vaults hand out PFX files "without a password"
/// that are encrypted with the empty one.
#[derive(Clone, Copy)]
pub(crate) struct Password<'a>(&'a str);

impl<'a> Password<'a> {
    pub(crate) fn new(password: Option<&'a str>) -> Self {
        Self(password.unwrap_or_default())
    }

    /// Whether there is anything that could be wrong.
    pub(crate) fn is_set(self) -> bool {
        !self.0.is_empty()
    }

    /// What may be wrong with it, for people: passwords may hold anything, but some things are seldom meant.
    pub(crate) fn doubt(self) -> Option<String> {
        if self.0.ends_with(char::is_whitespace) {
            return Some("ends with white space or a line end, which counts".to_owned());
        }
        pasted::fault(self.0)
    }

    /// As PBES2 takes it (RFC 8018, 3: UTF-8).
    pub(crate) fn utf8(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// As PKCS#12 takes it (RFC 7292, B.1: UTF-16, big end first, with a terminator). What has no password is written by some
    /// with the terminator alone and by others with nothing, so there may be two forms to try.
    pub(crate) fn utf16(self) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
        let mut terminated = Zeroizing::new(Vec::with_capacity(self.0.len().saturating_mul(2).saturating_add(2)));
        for unit in self.0.encode_utf16().chain([0]) {
            terminated.extend_from_slice(&unit.to_be_bytes());
        }
        let nothing = (!self.is_set()).then(Zeroizing::default);
        std::iter::once(terminated).chain(nothing)
    }
}
