//! A received request.

use std::fmt;

use http::request::Parts;
use http::{HeaderMap, Method};
use hyper::body::Bytes;

/// Of longer bodies, only the beginning is recorded.
const LONG: usize = 1024 * 1024;
const KEPT: usize = 64 * 1024;

/// A request that the sandbox received.
#[derive(Clone)]
pub struct RecordedRequest {
    /// The method.
    pub method: String,
    /// Path and query, as sent.
    pub path_and_query: String,
    /// The headers in order; names in lower case, values that are not UTF-8 are converted.
    pub headers: Vec<(String, String)>,
    /// The body. Of a body over 1 MiB, the first 64 KiB; empty for a discarded body.
    pub body: Vec<u8>,
    /// The length of the full body.
    pub body_length: u64,
}

impl RecordedRequest {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

// Headers and bodies contain tokens and secrets, which must not appear in a test's output.
impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedRequest")
            .field("method", &self.method)
            .field("path_and_query", &self.path_and_query)
            .field(
                "headers",
                &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            )
            .field("body_length", &self.body_length)
            .finish()
    }
}

pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    /// A request without its body, which is read later.
    pub(crate) fn new(parts: Parts) -> Received {
        Received {
            method: parts.method,
            path: parts.uri.path().into(),
            query: parts.uri.query().unwrap_or_default().into(),
            headers: parts.headers,
            body: Bytes::new(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn path_and_query(&self) -> String {
        let query = if self.query.is_empty() {
            String::new()
        } else {
            format!("?{}", self.query)
        };
        format!("{}{query}", self.path)
    }

    pub(crate) fn recorded(&self, body_length: u64) -> RecordedRequest {
        let kept = if self.body.len() > LONG { KEPT } else { self.body.len() };
        RecordedRequest {
            method: self.method.to_string(),
            path_and_query: self.path_and_query(),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            body: self.body.iter().take(kept).copied().collect(),
            body_length,
        }
    }
}
