//! Bodies in a content coding, and tokens that a body repeats.

use dynamics365::fuzzing::{Coding, Inflate, Mask};

use super::support::{contains, first_line};

/// Bytes in gzip or deflate, or in none. Pieces of any size make the same text, and no step gives more than there is room for.
pub(super) fn inflate(input: &[u8]) {
    for coding in [Coding::Gzip, Coding::Deflate] {
        let whole = inflated(coding, input, input.len().max(1), 32 << 10);
        for (size, step) in [(1, 7), (2, 32 << 10), (64, 1000)] {
            assert_eq!(
                inflated(coding, input, size, step),
                whole,
                "in pieces of {size}, in steps of {step}"
            );
        }
    }
}

/// What comes out, if it ends well. What is large is read to its beginning only.
fn inflated(coding: Coding, bytes: &[u8], size: usize, step: usize) -> Option<Vec<u8>> {
    const MOST: usize = 1 << 16;
    let mut inflate = Inflate::new(coding);
    let mut text = Vec::new();
    let mut out = vec![0; step];
    for mut piece in bytes.chunks(size) {
        loop {
            let written = inflate.take(&mut piece, &mut out).ok()?;
            text.extend_from_slice(out.get(..written).expect("no more than there is room for"));
            if text.len() > MOST {
                text.truncate(MOST);
                return Some(text);
            }
            if written == 0 {
                assert!(piece.is_empty(), "all of it is taken");
                break;
            }
        }
    }
    inflate.finish().ok().map(|()| text)
}

/// A line with the token, and the body. Pieces of any size make the same text, of the same length, without the token.
pub(super) fn mask(input: &[u8]) {
    let (token, text) = first_line(input);
    let token = String::from_utf8_lossy(token);
    let whole = masked(&token, [text]);
    assert_eq!(whole.len(), text.len());
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(masked(&token, text.chunks(size)), whole, "in pieces of {size}");
    }
    let is_ordinary = token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*');
    // Within an escape, which reads as something else, a token may begin by its letters.
    let has_escapes = text.iter().any(|byte| b"%\\".contains(byte));
    if is_ordinary && !token.is_empty() && !has_escapes {
        assert!(!contains(&whole, &token), "the token is left");
    }
}

fn masked<'a>(token: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut mask = Mask::new(token);
    let mut out = Vec::new();
    for piece in pieces {
        out.append(&mut mask.feed(piece.to_vec()));
    }
    out.append(&mut mask.finish());
    out
}
