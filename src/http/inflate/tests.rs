use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use proptest::prelude::*;

use super::*;

const TEXT: &[u8] = b"Hello, hello, hello!";
/// As Python's `gzip.compress(…, mtime=0)` and `zlib.compress` make it.
const GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 243, 72, 205, 201, 201, 215, 81, 200, 64, 162, 20, 1, 172, 235, 46, 228, 20, 0, 0,
    0,
];
const ZLIB: &[u8] = &[
    120, 156, 243, 72, 205, 201, 201, 215, 81, 200, 64, 162, 20, 1, 72, 158, 6, 214,
];

/// A member with these flags, and these fields in its head.
fn member(flags: u8, fields: &[u8], text: &[u8]) -> Vec<u8> {
    let mut head = vec![0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255];
    head.extend_from_slice(fields);
    let mut crc = Crc::new();
    if flags & HAS_CHECKSUM != 0 {
        crc.add(&head);
        head.extend_from_slice(&crc.value().to_le_bytes()[..2]);
        crc.reset();
    }
    crc.add(text);
    let size = u32::try_from(text.len()).unwrap();
    [
        head,
        compress_to_vec(text, 6),
        crc.value().to_le_bytes().to_vec(),
        size.to_le_bytes().to_vec(),
    ]
    .concat()
}

/// A text as gzip.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    member(0, &[], text)
}

/// Decoded from pieces of so many bytes, in steps of so many.
fn decoded(coding: Coding, bytes: &[u8], size: usize, step: usize) -> Result<Vec<u8>, Broken> {
    let mut inflate = Inflate::new(coding);
    let mut text = Vec::new();
    let mut out = vec![0; step];
    for mut piece in bytes.chunks(size) {
        loop {
            let written = inflate.take(&mut piece, &mut out)?;
            text.extend_from_slice(&out[..written]);
            if written == 0 {
                assert!(piece.is_empty());
                break;
            }
        }
    }
    inflate.finish().map(|()| text)
}

fn assert_decoded(coding: Coding, bytes: &[u8], expected: Result<&[u8], Broken>) {
    for size in [1, 2, 3, 7, 18, 4096] {
        for step in [1, 5, 32 << 10] {
            let text = decoded(coding, bytes, size, step);
            assert_eq!(
                text.as_deref(),
                expected.as_ref().map(|text| *text),
                "pieces of {size}, steps of {step}"
            );
        }
    }
}

#[test]
fn what_others_encode_is_decoded() {
    assert_decoded(Coding::Gzip, GZIP, Ok(TEXT));
    assert_decoded(Coding::Deflate, ZLIB, Ok(TEXT));
    // Without zlib's format.
    assert_decoded(Coding::Deflate, &ZLIB[2..ZLIB.len() - 4], Ok(TEXT));
    assert_decoded(Coding::Deflate, &compress_to_vec(b"", 6), Ok(b""));
    assert_decoded(Coding::Deflate, &compress_to_vec(TEXT, 0), Ok(TEXT));
    assert_decoded(Coding::Gzip, b"", Ok(b""));
    assert_decoded(Coding::Deflate, b"", Ok(b""));
}

#[test]
fn every_field_of_a_head_is_passed_over() {
    let fields = |flags: u8| {
        let mut fields = Vec::new();
        for (flag, field) in [
            (HAS_EXTRA, &b"\x03\x00a\x00b"[..]),
            (HAS_NAME, b"n\xe4me\0"),
            (HAS_COMMENT, b"\0"),
        ] {
            if flags & flag != 0 {
                fields.extend_from_slice(field);
            }
        }
        fields
    };
    for flags in 0..32 {
        // The first says "text", and nothing else.
        assert_decoded(Coding::Gzip, &member(flags, &fields(flags), TEXT), Ok(TEXT));
    }
    assert_decoded(Coding::Gzip, &member(HAS_EXTRA, &[0, 0], TEXT), Ok(TEXT));
    assert_decoded(Coding::Gzip, &member(32, &[], TEXT), Err(Broken::Damaged));
    let mut wrong = member(HAS_CHECKSUM, &[], TEXT);
    wrong[10] ^= 1;
    assert_decoded(Coding::Gzip, &wrong, Err(Broken::Damaged));
}

#[test]
fn members_follow_each_other_and_nothing_else_does() {
    let two = [gzip(b"one"), gzip(b""), member(HAS_NAME, b"x\0", b"two")].concat();
    assert_decoded(Coding::Gzip, &two, Ok(b"onetwo"));
    for rest in [&b"\0"[..], b"x", b"\x1f", b"\x1f\x8b", &GZIP[..GZIP.len() - 1]] {
        let bytes = [GZIP, rest].concat();
        let is_begun = GZIP.starts_with(rest);
        let expected = if is_begun { Broken::Cut } else { Broken::Damaged };
        assert_decoded(Coding::Gzip, &bytes, Err(expected));
    }
    assert_decoded(Coding::Deflate, &[ZLIB, b"\0"].concat(), Err(Broken::Damaged));
}

#[test]
fn what_is_cut_off_has_no_end() {
    for length in 1..GZIP.len() {
        assert_decoded(Coding::Gzip, &GZIP[..length], Err(Broken::Cut));
    }
    for length in 1..ZLIB.len() {
        assert_decoded(Coding::Deflate, &ZLIB[..length], Err(Broken::Cut));
    }
}

#[test]
fn checksums_and_sizes_count() {
    for (coding, bytes, behind) in [(Coding::Gzip, GZIP, 8), (Coding::Deflate, ZLIB, 4)] {
        for at in bytes.len() - behind..bytes.len() {
            let mut wrong = bytes.to_vec();
            wrong[at] ^= 0x10;
            assert_decoded(coding, &wrong, Err(Broken::Damaged));
        }
    }
    for bytes in [&b"Hello, hello!"[..], b"\x1f\x8b\x09", b"{}"] {
        assert_decoded(Coding::Gzip, bytes, Err(Broken::Damaged));
    }
}

#[test]
fn a_bomb_comes_out_in_small_pieces() {
    let zeros = vec![0; 20 << 20];
    let bomb = gzip(&zeros);
    assert!(bomb.len() < 30_000, "{}", bomb.len());
    let mut inflate = Inflate::new(Coding::Gzip);
    let mut out = vec![0; 32 << 10];
    let (mut rest, mut total) = (bomb.as_slice(), 0);
    loop {
        match inflate.take(&mut rest, &mut out).unwrap() {
            0 => break,
            written => total += written,
        }
    }
    assert_eq!((total, rest.len(), inflate.finish()), (zeros.len(), 0, Ok(())));
}

proptest! {
    #[test]
    fn what_was_encoded_comes_back(
        text in proptest::collection::vec(0_u8..4, 0..5000),
        size in 1_usize..600,
        step in 1_usize..600,
    ) {
        let members = [gzip(&text), gzip(&text)].concat();
        prop_assert_eq!(decoded(Coding::Gzip, &members, size, step), Ok([text.clone(), text.clone()].concat()));
        prop_assert_eq!(decoded(Coding::Deflate, &compress_to_vec_zlib(&text, 6), size, step), Ok(text.clone()));
        prop_assert_eq!(decoded(Coding::Deflate, &compress_to_vec(&text, 6), size, step), Ok(text));
    }

    #[test]
    fn any_bytes_are_read_in_any_pieces(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1_usize..50) {
        let begun = [&GZIP[..10], &bytes].concat();
        for coding in [Coding::Gzip, Coding::Deflate] {
            for bytes in [&bytes, &begun] {
                let whole = decoded(coding, bytes, bytes.len().max(1), 32 << 10);
                prop_assert_eq!(decoded(coding, bytes, size, 7), whole);
            }
        }
    }
}
