//! Answers, and the body that can break off.

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

/// Adds a header; a name or value that HTTP cannot carry is left out.
pub(crate) fn append(answer: &mut Answer, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        answer.headers_mut().append(name, value);
    }
}

/// A test that panicked while it held the lock must not take the others down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body that promises a length and may deliver less.
pub(crate) struct ResponseBody {
    data: Option<Bytes>,
    missing: usize,
    /// hyper drops what it has not sent yet when a body fails, so a cut body waits until the first part is out.
    pause: Option<Pin<Box<Sleep>>>,
}

impl ResponseBody {
    pub(crate) fn whole(data: Bytes) -> ResponseBody {
        ResponseBody {
            data: Some(data).filter(|data| !data.is_empty()),
            missing: 0,
            pause: None,
        }
    }

    pub(crate) fn cut(data: Bytes, after: usize) -> ResponseBody {
        let kept = data.slice(..after.min(data.len()));
        let pause = Some(Box::pin(tokio::time::sleep(Duration::from_millis(50))));
        ResponseBody {
            missing: data.len() - kept.len(),
            pause,
            ..ResponseBody::whole(kept)
        }
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
        if self.missing == 0 {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
        }
        Poll::Ready(Some(Err(io::Error::other("cut off, as asked"))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.missing == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.data.as_ref().map_or(0, Bytes::len) + self.missing) as u64)
    }
}
