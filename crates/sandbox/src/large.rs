//! Bodies of any size that are not buffered in memory, for load tests.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};

use crate::request::Received;
use crate::response::{Answer, answer, lock};

/// The maximum length of a request body, except for discarded ones.
/// <https://learn.microsoft.com/power-apps/developer/data-platform/file-column-data>: a single request has
/// less than 128 MB.
const LARGEST: usize = 128 * 1024 * 1024;

#[derive(Default)]
pub(crate) struct Large {
    serve: Mutex<Vec<(String, u64)>>,
    swallow: Mutex<Vec<String>>,
    swallowed: AtomicU64,
}

/// In an answer's extensions: the body has this many bytes, generated while they are sent.
#[derive(Clone, Copy)]
pub(crate) struct Generated(pub(crate) u64);

/// The result of reading a request's body.
pub(crate) enum Body {
    Whole(Bytes),
    Swallowed(u64),
    TooLarge(u64),
}

impl Large {
    pub(crate) fn serve(&self, path_prefix: &str, bytes: u64) {
        lock(&self.serve).push((path_prefix.into(), bytes));
    }

    pub(crate) fn swallow(&self, path_prefix: &str) {
        lock(&self.swallow).push(path_prefix.into());
    }

    pub(crate) fn swallowed(&self) -> u64 {
        self.swallowed.load(Ordering::Relaxed)
    }

    /// The answer to a GET; the last matching setting counts.
    pub(crate) fn answer(&self, request: &Received) -> Option<Answer> {
        if request.method != Method::GET {
            return None;
        }
        let path = request.path_and_query();
        let settings = lock(&self.serve);
        let (_, bytes) = settings.iter().rev().find(|(prefix, _)| path.starts_with(prefix))?;
        let mut answer = answer(StatusCode::OK, "application/octet-stream", Bytes::new());
        answer.extensions_mut().insert(Generated(*bytes));
        Some(answer)
    }

    /// Always reads to the end, so that a client that is still sending gets the answer.
    pub(crate) async fn read(&self, request: &Received, mut body: Incoming) -> io::Result<Body> {
        let uploads = [Method::PUT, Method::PATCH].contains(&request.method);
        let path = request.path_and_query();
        let swallow = uploads && lock(&self.swallow).iter().any(|prefix| path.starts_with(prefix));
        let mut chunks = Vec::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(io::Error::other)?.into_data() else {
                continue;
            };
            length += data.len() as u64;
            if swallow {
                self.swallowed.fetch_add(data.len() as u64, Ordering::Relaxed);
            } else if length < LARGEST as u64 {
                chunks.push(data);
            } else {
                chunks.clear();
            }
        }
        Ok(if swallow {
            Body::Swallowed(length)
        } else if length < LARGEST as u64 {
            Body::Whole(joined(chunks, length))
        } else {
            Body::TooLarge(length)
        })
    }
}

fn joined(mut chunks: Vec<Bytes>, length: u64) -> Bytes {
    if chunks.len() == 1 {
        return chunks.remove(0);
    }
    let mut joined = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    for chunk in chunks {
        joined.extend_from_slice(&chunk);
    }
    joined.into()
}
