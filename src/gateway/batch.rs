//! Detects requests to `$batch`, and requires an unambiguous format so that the parts can be checked.

use std::rc::Rc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;

use super::links::Origins;
use super::multipart::MultipartLinks;
use super::opened::Opened;
use super::rewrite::{Rewrite, Stop, Stopped};
use crate::http::boundary::boundary_of;

/// How many times a path may be percent-encoded. Paths with more levels are refused earlier
/// (`dot_segments`).
const ROUNDS: usize = 4;

/// An incoming batch.
pub(crate) struct Batch {
    boundary: String,
    opened: Rc<Opened>,
    stop: Stop,
}

impl Batch {
    /// The batch in a request, if it is one.
    ///
    /// # Errors
    /// A readable reason for the caller why its parts are not clear.
    pub(crate) fn of(
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        opened: &Rc<Opened>,
    ) -> Result<Option<Self>, String> {
        if !is_batch(uri.path()) {
            return Ok(None);
        }
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let content_type = match (types.next(), types.next()) {
            (None, _) if *method != Method::POST => return Ok(None),
            (Some(content_type), None) => content_type.to_str().unwrap_or_default(),
            _ => "",
        };
        let boundary = clear_boundary(content_type).map_err(|reason| format!("a batch {reason}"))?;
        Ok(Some(Self {
            boundary,
            opened: Rc::clone(opened),
            stop: Stop::default(),
        }))
    }

    /// The rewriter of its body.
    pub(crate) fn change(&self, origins: &Origins) -> Box<dyn Rewrite> {
        let (opened, stop) = (Rc::clone(&self.opened), self.stop.clone());
        Box::new(MultipartLinks::of_request(
            origins.clone(),
            &self.boundary,
            opened,
            stop,
        ))
    }

    /// Why its body was stopped.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.stop.reason().cloned()
    }
}

/// Whether some server could interpret a path as `$batch`.
pub(crate) fn is_batch(path: &str) -> bool {
    let leads_there = |path: &str| {
        let mut segments = path.split(['/', '\\']);
        segments.any(|segment| segment.trim_start().starts_with("$batch"))
    };
    let mut path = path.to_ascii_lowercase();
    for _ in 0..ROUNDS {
        if leads_there(&path) {
            return true;
        }
        let next = percent_decode_str(&path).decode_utf8_lossy().to_ascii_lowercase();
        if next == path {
            return false;
        }
        path = next;
    }
    leads_there(&path)
}

/// The boundary in a content type, if all servers interpret it the same way.
///
/// # Errors
/// A readable reason for the caller.
pub(crate) fn clear_boundary(content_type: &str) -> Result<String, &'static str> {
    const EXPECTED: &str =
        "must have one Content-Type, multipart/mixed, with one boundary of at most 70 characters (RFC 2046, 5.1.1)";
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let lower = content_type.to_ascii_lowercase();
    let named = lower.split("boundary").skip(1).map(str::trim_start);
    let is_named_once = named.filter(|after| after.starts_with('=')).count() == 1;
    if !media_type.eq_ignore_ascii_case("multipart/mixed") || !is_named_once || content_type.contains('\\') {
        return Err(EXPECTED);
    }
    let is_character = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    let is_quoted = content_type.contains('"');
    boundary_of(content_type)
        .filter(|boundary| boundary.bytes().all(is_character) && !boundary.ends_with(' '))
        .filter(|boundary| is_quoted || !boundary.contains(' '))
        .ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_one_in_every_spelling() {
        for path in [
            "/api/data/v9.2/$batch",
            "/api/data/v9.2/%24batch",
            "/api/data/v9.2/%2524%2562atch",
            "/api/data/v9.2/$BATCH/",
            "/api/data/v9.2/$batch;x",
        ] {
            assert!(is_batch(path), "{path}");
        }
        for path in [
            "/api/data/v9.2/contacts",
            "/api/data/v9.2/batch",
            "/a(x='$batch')",
            "/%2",
        ] {
            assert!(!is_batch(path), "{path}");
        }
    }

    #[test]
    fn a_boundary_is_clear_or_refused() {
        for (content_type, boundary) in [
            ("multipart/mixed; boundary=b", "b"),
            ("multipart/mixed; boundary=boundary_1", "boundary_1"),
            ("Multipart/Mixed;charset=utf-8;boundary=\"a b\"", "a b"),
            (
                "multipart/mixed; boundary=\"===============123==\"",
                "===============123==",
            ),
        ] {
            assert_eq!(clear_boundary(content_type).as_deref(), Ok(boundary), "{content_type}");
        }
        for content_type in [
            "",
            "application/json",
            "multipart/related; boundary=b",
            "multipart/mixed",
            "multipart/mixed; boundary=",
            "multipart/mixed; boundary=b; boundary=c",
            "multipart/mixed; boundary=b; Boundary =c",
            "multipart/mixed; x=\"; boundary=b\"; boundary=c",
            "multipart/mixed; boundary=\"a\\b\"",
            "multipart/mixed; boundary=\"b \"",
            "multipart/mixed; boundary=\"a\tb\"",
            "multipart/mixed; boundary=a<b",
            "multipart/mixed; boundary=a b",
        ] {
            assert!(clear_boundary(content_type).is_err(), "{content_type}");
        }
    }
}
