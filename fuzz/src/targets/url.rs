//! The URLs of requests.

use dynamics365::fuzzing::url::{self as urls, MAX_URL};
use percent_encoding::percent_decode;

use super::support::{ENVIRONMENT, environment};

/// A caller's path or link.
pub(super) fn url(input: &[u8]) {
    let path = String::from_utf8_lossy(input);
    let environment = environment();
    let Ok(uri) = urls::target(&environment, &path, MAX_URL) else {
        assert!(urls::link(&environment, &path).is_err() || path.len() > MAX_URL - 100);
        return;
    };
    let text = uri.to_string();
    assert!(text.len() <= MAX_URL);
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\'),
        "{text}"
    );
    let below = text.strip_prefix(ENVIRONMENT).expect("it points to the environment");
    assert!(below.starts_with("/api/data/"), "{text}");
    assert!(!climbs(uri.path()), "{text}");

    // The result is a link with the same meaning.
    assert_eq!(
        urls::target(&environment, &text, MAX_URL)
            .map(|uri| uri.to_string())
            .as_ref(),
        Ok(&text)
    );
    let is_link = urls::link(&environment, &path).is_ok();
    if !is_link {
        let relative = below
            .strip_prefix(urls::ROOT)
            .expect("a relative path is relative to the root");
        let again = urls::target(&environment, relative, MAX_URL).map(|uri| uri.to_string());
        assert_eq!(again.as_ref(), Ok(&text), "existing escapes are not encoded again");
        let meant = |text: &[u8]| percent_decode(text).collect::<Vec<_>>();
        assert_eq!(
            meant(relative.as_bytes()),
            meant(path.as_bytes()),
            "and nothing is lost"
        );
    }
}

/// Whether a server may interpret a path as leading upwards, however often it decodes it, wherever it cuts
/// off a segment, and whatever characters it ignores.
fn climbs(path: &str) -> bool {
    let mut decoded = path.as_bytes().to_vec();
    loop {
        let mut segments = decoded.split(|byte| matches!(byte, b'/' | b'\\'));
        let is_dots = |segment: &[u8]| {
            let end = segment
                .iter()
                .position(|byte| matches!(byte, b';' | b'\0' | b'?' | b'#'));
            let segment = &segment[..end.unwrap_or(segment.len())];
            let mut left = segment
                .iter()
                .filter(|byte| !byte.is_ascii_control() && **byte != b' ')
                .peekable();
            left.peek().is_some() && left.all(|byte| *byte == b'.')
        };
        // Overlong encodings, which old decoders accept as a dot or a slash.
        let is_overlong = decoded
            .windows(2)
            .any(|two| matches!(two, [0xC0 | 0xC1, _] | [0xE0, 0x80..=0x9F]));
        if segments.any(is_dots) || is_overlong {
            return true;
        }
        let next: Vec<u8> = percent_decode(&decoded).collect();
        if next == decoded {
            return false;
        }
        decoded = next;
    }
}
