//! Answers, and a body that can be cut off.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Sleep;

pub(crate) type Answer = Response<Bytes>;

pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = empty(status);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    *answer.body_mut() = body.into();
    answer
}

pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    answer
}

/// Adds a header; a name or value that is not valid in HTTP is omitted.
pub(crate) fn append(answer: &mut Answer, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        answer.headers_mut().append(name, value);
    }
}

/// Locks despite poisoning: a test that panicked while it held the lock must not fail the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body with an announced length that may send less, buffered in memory or generated while it is sent.
pub(crate) struct ResponseBody {
    data: Option<Bytes>,
    /// The remaining bytes of the pattern.
    generated: u64,
    missing: u64,
    /// hyper drops unsent data when a body fails, so a body that is cut off waits until the first part was
    /// sent.
    pause: Option<Pin<Box<Sleep>>>,
}

/// The pattern of generated bodies: the byte at n is n modulo 256.
static PATTERN: [u8; 64 * 1024] = {
    let mut pattern = [0; 64 * 1024];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = (at % 256) as u8;
        at += 1;
    }
    pattern
};

impl ResponseBody {
    pub(crate) fn whole(data: Bytes) -> ResponseBody {
        ResponseBody {
            data: Some(data).filter(|data| !data.is_empty()),
            generated: 0,
            missing: 0,
            pause: None,
        }
    }

    pub(crate) fn generated(length: u64) -> ResponseBody {
        ResponseBody {
            generated: length,
            ..ResponseBody::whole(Bytes::new())
        }
    }

    pub(crate) fn cut(mut self, after: usize) -> ResponseBody {
        if let Some(data) = &mut self.data {
            let kept = data.slice(..after.min(data.len()));
            self.missing = (data.len() - kept.len()) as u64;
            *data = kept;
        }
        let kept = self.generated.min(after as u64);
        self.missing += self.generated - kept;
        self.generated = kept;
        self.data = self.data.filter(|data| !data.is_empty());
        self.pause = Some(Box::pin(tokio::time::sleep(Duration::from_millis(50))));
        self
    }

    fn left(&self) -> u64 {
        self.data.as_ref().map_or(0, |data| data.len() as u64) + self.generated + self.missing
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if self.generated > 0 {
            let length = self.generated.min(PATTERN.len() as u64);
            self.generated -= length;
            let data = Bytes::from_static(&PATTERN[..length as usize]);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if self.missing == 0 {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
        }
        Poll::Ready(Some(Err(io::Error::other("cut off by a fault"))))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}
