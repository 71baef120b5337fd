//! Converts BER to DER (X.690, 8 and 10), as far as PFX files need it: Java, macOS and older tools write
//! indefinite lengths and split strings.

use der::{Encode, Length};
use zeroize::Zeroizing;

use super::unreadable::Unreadable;

/// The maximum nesting, deeper than any PFX.
const MAX_DEPTH: u8 = 16;
const CONSTRUCTED: u8 = 0x20;
const TAG_NUMBER: u8 = 0x1f;
const OCTET_STRING: u8 = 0x04;
const END_OF_CONTENTS: &[u8] = &[0, 0];

/// Converts `ber`, which must be one element: all lengths become definite and every OCTET STRING becomes
/// one piece. The content of primitive elements stays unchanged.
pub(super) fn to_der(mut ber: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    // Sufficient for the whole output, because headers grow by only a few bytes: reallocation would leave
    // copies that are not wiped.
    let mut der = Zeroizing::new(Vec::with_capacity(ber.len().saturating_mul(2)));
    element(&mut ber, Place::Anywhere, MAX_DEPTH, &mut der)?;
    if ber.is_empty() {
        Ok(der)
    } else {
        Err(Unreadable::Damaged)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    /// Its content belongs to the OCTET STRING around it.
    InOctetString,
}

fn element(ber: &mut &[u8], place: Place, depth: u8, der: &mut Vec<u8>) -> Result<(), Unreadable> {
    let depth = depth.checked_sub(1).ok_or(Unreadable::Damaged)?;
    let &[tag] = take(ber, 1)? else {
        return Err(Unreadable::Damaged);
    };
    let is_octet_string = tag & !CONSTRUCTED == OCTET_STRING;
    if tag & TAG_NUMBER == TAG_NUMBER || (place == Place::InOctetString && !is_octet_string) {
        return Err(Unreadable::Damaged);
    }
    let inside = if is_octet_string {
        Place::InOctetString
    } else {
        Place::Anywhere
    };
    let start = der.len();
    match length(ber)? {
        Some(length) if tag & CONSTRUCTED == 0 => der.extend_from_slice(take(ber, length)?),
        Some(length) => {
            let mut within = take(ber, length)?;
            while !within.is_empty() {
                element(&mut within, inside, depth, der)?;
            }
        }
        None if tag & CONSTRUCTED != 0 => {
            while !ber.starts_with(END_OF_CONTENTS) {
                element(ber, inside, depth, der)?;
            }
            take(ber, END_OF_CONTENTS.len())?;
        }
        None => return Err(Unreadable::Damaged),
    }
    if place == Place::Anywhere {
        let tag = if is_octet_string { OCTET_STRING } else { tag };
        let content_length = Length::try_from(der.len().saturating_sub(start))?;
        let mut length = [0; 5];
        let length = content_length.encode_to_slice(&mut length)?;
        der.splice(start..start, std::iter::once(tag).chain(length.iter().copied()));
    }
    Ok(())
}

/// `None`: an indefinite length, ended by an end-of-contents marker.
fn length(ber: &mut &[u8]) -> Result<Option<usize>, Unreadable> {
    let &[first] = take(ber, 1)? else {
        return Err(Unreadable::Damaged);
    };
    match first {
        0..=0x7f => Ok(Some(first.into())),
        0x80 => Ok(None),
        0x81..=0x84 => {
            let bytes = take(ber, usize::from(first & 0x7f))?;
            Ok(Some(
                bytes.iter().fold(0, |length, &byte| (length << 8) | usize::from(byte)),
            ))
        }
        0x85.. => Err(Unreadable::Damaged),
    }
}

fn take<'a>(ber: &mut &'a [u8], count: usize) -> Result<&'a [u8], Unreadable> {
    let (taken, rest) = ber.split_at_checked(count).ok_or(Unreadable::Damaged)?;
    *ber = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(ber: &[u8]) -> Option<Vec<u8>> {
        to_der(ber).ok().map(|der| der.to_vec())
    }

    #[test]
    fn lengths_are_written_out_and_strings_joined() {
        let same = [0x30, 3, 2, 1, 3];
        assert_eq!(der(&same).unwrap(), same);
        assert_eq!(der(&[0x30, 0x80, 2, 1, 3, 0, 0]).unwrap(), same);
        assert_eq!(der(&[0x30, 0x81, 3, 2, 1, 3]).unwrap(), same);
        let pieces = [0x24, 0x80, 4, 1, b'a', 0x24, 3, 4, 1, b'b', 4, 0, 0, 0];
        assert_eq!(der(&pieces).unwrap(), [4, 2, b'a', b'b']);
    }

    #[test]
    fn what_is_broken_or_endless_is_damaged() {
        for broken in [
            &[] as &[u8],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x80, 0],
            &[0x30, 1],
            &[0x04, 0x80, 0, 0],
            &[0x24, 3, 2, 1, 3],
            &[0x30, 0, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x3f, 0],
            &[0x30, 0x80].repeat(100_000),
        ] {
            assert_eq!(der(broken), None, "{broken:x?}");
        }
    }
}
