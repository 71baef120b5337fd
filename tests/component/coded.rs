//! Content codings, as servers apply them.

use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

/// One member of gzip (RFC 1952).
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let size = u32::try_from(text.len()).unwrap();
    [
        vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255],
        compress_to_vec(text, 6),
        crc(text).to_le_bytes().to_vec(),
        size.to_le_bytes().to_vec(),
    ]
    .concat()
}

/// As `deflate` is defined, in zlib's format.
pub fn zlib(text: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(text, 6)
}

/// As some servers take `deflate`.
pub fn deflate(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, 6)
}

fn crc(text: &[u8]) -> u32 {
    !text.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}
