//! Derives keys from passwords.

use std::num::NonZeroU32;

use ring::{digest, pbkdf2};
use zeroize::Zeroizing;

use super::unreadable::Unreadable;

/// The maximum number of hash iterations for one certificate, over all keys derived for it. The file sets
/// the number, and a component cannot be interrupted. An iteration takes about one microsecond in a
/// component, three with SHA-512.
pub(crate) const MAX_ROUNDS: u64 = 2_000_000;

/// The iterations that remain.
pub(crate) struct Rounds(u64);

impl Rounds {
    pub(crate) fn new() -> Self {
        Self(MAX_ROUNDS)
    }

    fn spend(&mut self, iterations: u64, blocks: usize) -> Result<NonZeroU32, Unreadable> {
        let rounds = u64::try_from(blocks).map_or(u64::MAX, |blocks| iterations.saturating_mul(blocks));
        self.0 = self.0.checked_sub(rounds).ok_or(Unreadable::TooMuchWork)?;
        u32::try_from(iterations)
            .ok()
            .and_then(NonZeroU32::new)
            .ok_or(Unreadable::Damaged)
    }
}

/// The salt and iteration count of a derivation.
#[derive(Clone, Copy)]
pub(crate) struct Stretch<'a> {
    pub salt: &'a [u8],
    pub iterations: u64,
}

/// PBKDF2 (RFC 8018, 5.2).
pub(crate) fn pbkdf2(
    prf: pbkdf2::Algorithm,
    password: &[u8],
    stretch: Stretch<'_>,
    key_length: usize,
    rounds: &mut Rounds,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let block = if prf == pbkdf2::PBKDF2_HMAC_SHA1 { 20 } else { 32 };
    let iterations = rounds.spend(stretch.iterations, key_length.div_ceil(block))?;
    let mut key = Zeroizing::new(vec![0; key_length]);
    pbkdf2::derive(prf, iterations, stretch.salt, password, &mut key);
    Ok(key)
}

/// The purpose of a derived key (RFC 7292, B.3).
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Encryption = 1,
    Iv = 2,
    Mac = 3,
}

/// The key derivation of PKCS#12 (RFC 7292, B.2; the names of the variables are from there).
pub(crate) fn pkcs12(
    hash: &'static digest::Algorithm,
    purpose: Purpose,
    password: &[u8],
    stretch: Stretch<'_>,
    key_length: usize,
    rounds: &mut Rounds,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let blocks = key_length.div_ceil(hash.output_len());
    let iterations = rounds.spend(stretch.iterations, blocks)?.get();
    let v = hash.block_len();
    let d = vec![purpose as u8; v];
    let s = repeated(stretch.salt, v);
    let p = repeated(password, v);
    let mut i = Zeroizing::new([s.as_slice(), p.as_slice()].concat());
    let mut key = Zeroizing::new(Vec::with_capacity(blocks.saturating_mul(hash.output_len())));
    for _ in 0..blocks {
        let mut context = digest::Context::new(hash);
        context.update(&d);
        context.update(&i);
        let mut a = context.finish();
        for _ in 1..iterations {
            a = digest::digest(hash, a.as_ref());
        }
        key.extend_from_slice(a.as_ref());
        let b = repeated(a.as_ref(), v);
        for block in i.chunks_exact_mut(v) {
            add_one_and(&b, block);
        }
    }
    key.truncate(key_length);
    Ok(key)
}

/// Repeats `bytes` to a multiple of the block length.
fn repeated(bytes: &[u8], block: usize) -> Zeroizing<Vec<u8>> {
    let length = bytes.len().next_multiple_of(block);
    Zeroizing::new(bytes.iter().copied().cycle().take(length).collect())
}

/// `block = block + b + 1`, as big-endian numbers.
fn add_one_and(b: &[u8], block: &mut [u8]) {
    let mut carry = 1_u16;
    for (digit, &add) in block.iter_mut().zip(b).rev() {
        let sum = u16::from(*digit).wrapping_add(add.into()).wrapping_add(carry);
        let [high, low] = sum.to_be_bytes();
        *digit = low;
        carry = high.into();
    }
}
