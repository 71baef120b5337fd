//! Detects requests to `$batch`, and requires an unambiguous format so that the parts can be checked.

use std::rc::Rc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;

use super::links::Origins;
use super::multipart::MultipartLinks;
use super::opened::Opened;
use super::rewrite::{Rewrite, Stop, Stopped};
use crate::http::boundary::clear_boundary;

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
}
