//! Bodies without their content coding.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG, VARY};
use http::{HeaderMap, HeaderValue};

use super::content_coding::Coding;
use super::inflate::{Broken, Inflate};
use crate::host::{Body, Cause, Failure};

/// A body as it is without the coding that it came in.
pub(crate) enum Decoded<B> {
    /// It came as it is.
    Plain(B),
    /// It is decoded while it flows.
    Inflated(Box<Inflated<B>>),
    /// It could not be read, and this stands in its place; `None` once it is taken.
    Instead(Option<Vec<u8>>),
}

/// A body that is decoded while it flows.
pub(crate) struct Inflated<B> {
    source: B,
    inflate: Inflate,
    /// The piece that is being decoded, and how much of it has been.
    piece: Vec<u8>,
    taken: usize,
}

/// What comes out of one step, at most: no piece of a body that is small when it is compressed fills the memory.
const STEP: usize = 32 << 10;

impl<B> Decoded<B> {
    pub(crate) fn new(source: B, coding: Coding) -> Self {
        Self::Inflated(Box::new(Inflated {
            source,
            inflate: Inflate::new(coding),
            piece: Vec::new(),
            taken: 0,
        }))
    }
}

impl<B: Body> Body for Decoded<B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Plain(body) => body.chunk().await,
            Self::Inflated(body) => body.chunk().await,
            Self::Instead(bytes) => Ok(bytes.take().filter(|bytes| !bytes.is_empty())),
        }
    }
}

impl<B: Body> Inflated<B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut out = vec![0; STEP];
        loop {
            let all = self.piece.get(self.taken..).unwrap_or_default();
            let mut left = all;
            let written = self.inflate.take(&mut left, &mut out).map_err(failure)?;
            self.taken = self.piece.len().saturating_sub(left.len());
            if written > 0 {
                out.truncate(written);
                return Ok(Some(out));
            }
            match self.source.chunk().await? {
                Some(piece) => (self.piece, self.taken) = (piece, 0),
                None => return self.inflate.finish().map(|()| None).map_err(failure),
            }
        }
    }
}

fn failure(broken: Broken) -> Failure {
    match broken {
        Broken::Cut => Failure::new(Cause::CutOff, "the compressed answer ends before its end"),
        Broken::Damaged => Failure::new(
            Cause::UnusableAnswer,
            "the answer is not what its Content-Encoding says, or its checksum is wrong",
        ),
    }
}

/// Takes out of an answer's headers what holds for its coded form only, and makes a strong `ETag` a weak one: that of another form
/// is another (RFC 9110, 8.8.1).
pub(crate) fn forget_coding(headers: &mut HeaderMap) {
    headers.remove(CONTENT_ENCODING);
    forget_bytes(headers);
    let strong = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    let weak = strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok());
    if let Some(weak) = weak {
        headers.insert(ETAG, weak);
    }
    vary(headers);
}

/// Takes out of an answer's headers what holds for these very bytes: their number and their digests (RFC 9530, RFC 3230).
pub(crate) fn forget_bytes(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    for name in ["content-digest", "content-md5", "digest", "repr-digest"] {
        headers.remove(name);
    }
}

/// Says that the answer depends on what codings the caller takes (RFC 9110, 12.5.5).
pub(crate) fn vary(headers: &mut HeaderMap) {
    let is_said = headers.get_all(VARY).iter().any(|value| {
        let names = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names
            .into_iter()
            .any(|name| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding"))
    });
    if !is_said {
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_holds_without_the_coding() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-encoding", "gzip"),
            ("content-length", "5"),
            ("content-md5", "x"),
            ("etag", "\"1\""),
            ("content-type", "text/plain"),
            ("vary", "Accept"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        forget_coding(&mut headers);
        let mut left: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                ("content-type", "text/plain"),
                ("etag", "W/\"1\""),
                ("vary", "Accept"),
                ("vary", "Accept-Encoding")
            ]
        );
        forget_coding(&mut headers);
        assert_eq!(
            (&headers[ETAG], headers.get_all(VARY).iter().count()),
            (&HeaderValue::from_static("W/\"1\""), 2)
        );
    }
}
