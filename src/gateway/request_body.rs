//! The body of a caller's request: what of it can be relayed whole, and until when it has to come.
//!
//! How a body is delimited (RFC 9112, 6.3: <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>) is decided by the host, which
//! shows the component a `Content-Length`, if it is valid, and never `Transfer-Encoding` (docs/facts/hosts.md, 5.6). So whether a request
//! without a length has a body is known only once its first bytes, or its end, have come.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request, StatusCode};

use super::refusal::Refusal;
use crate::deadline::Timed;
use crate::host::{Body, Cause, Failure, Host};
use crate::http::length;

/// The largest body of a `GET` or `HEAD`, in bytes. One that is longer may go on in chunks, which hosts leave out of such a
/// request without a word.
const MAX_OF_READ: u64 = 1 << 20;

/// A body that ends within the call's time, as long as it was announced to be.
pub(super) struct CallersBody<'h, H, B> {
    body: B,
    call: Timed<'h, H>,
    /// What has come and was not asked for yet.
    begun: Option<Vec<u8>>,
    /// What is to come, where a length was announced.
    left: Option<u64>,
    fault: Fault,
}

/// What was wrong with a body, once it is known.
#[derive(Clone, Default)]
pub(super) struct Fault(Rc<Known>);

#[derive(Default)]
struct Known {
    fault: OnceCell<(StatusCode, String)>,
    /// Whether the caller is waited for. It stays so where the call's time is over for whoever wanted more of the body.
    is_awaited: Cell<bool>,
}

impl Fault {
    /// The refusal that a caller gets: its own body's fault says more than what followed from it.
    pub(super) fn instead_of<H: Host>(&self, call: &Timed<'_, H>, refusal: Refusal) -> Refusal {
        if let Some((status, reason)) = self.0.fault.get() {
            return refusal.because(*status, reason);
        }
        if self.0.is_awaited.get() && call.time_left().is_zero() {
            return refusal.because(StatusCode::REQUEST_TIMEOUT, &late(&call.over()));
        }
        refusal
    }

    fn note(&self, status: StatusCode, reason: String) -> Failure {
        let failure = Failure::new(Cause::CutOff, reason.clone());
        // The first fault stands.
        let _ = self.0.fault.set((status, reason));
        failure
    }
}

fn late(failure: &Failure) -> String {
    format!("the request's body did not come in time: {}", failure.detail)
}

/// Takes a request, if its body can be relayed whole. In its headers, `Transfer-Encoding` then says whether there is a body
/// without a length.
///
/// # Errors
/// 400, 408, 411 or 413.
pub(super) async fn take<'h, H: Host, B: Body>(
    call: &Timed<'h, H>,
    request: Request<B>,
) -> Result<(Request<CallersBody<'h, H, B>>, Fault), Refusal> {
    let (mut head, body) = request.into_parts();
    let reads = head.method == Method::GET || head.method == Method::HEAD;
    let length = length::of(&head.headers);
    if head.headers.contains_key(CONTENT_LENGTH) {
        if length.is_none() {
            return Err(Refusal::bad_request("Content-Length is not one number".to_owned()));
        }
        if head.headers.contains_key(TRANSFER_ENCODING) {
            let reason = "Content-Length and Transfer-Encoding contradict each other: send one of them";
            return Err(Refusal::bad_request(reason.to_owned()));
        }
    }
    if reads && length.is_some_and(|length| length > MAX_OF_READ) {
        return Err(Refusal::too_large(
            "the body of a GET or HEAD has more than 1,048,576 bytes",
        ));
    }
    let fault = Fault::default();
    let mut body = CallersBody {
        body,
        call: call.share(),
        begun: None,
        left: length,
        fault: fault.clone(),
    };
    if length.is_none() {
        let first = body.chunk().await;
        body.begun = first.map_err(|_| fault.instead_of(call, Refusal::broken_off()))?;
        head.headers.remove(TRANSFER_ENCODING);
        if body.begun.is_some() {
            if reads {
                let reason =
                    "a GET or HEAD with a body needs its Content-Length: in chunks it would be lost on the way";
                return Err(Refusal::length_required(reason));
            }
            head.headers
                .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    Ok((Request::from_parts(head, body), fault))
}

impl<H: Host, B: Body> Body for CallersBody<'_, H, B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(begun) = self.begun.take() {
            return Ok(Some(begun));
        }
        self.fault.0.is_awaited.set(true);
        let chunk = self.call.within(self.body.chunk()).await;
        self.fault.0.is_awaited.set(false);
        let chunk = chunk.map_err(|failure| match failure.cause {
            Cause::TimedOut => self.fault.note(StatusCode::REQUEST_TIMEOUT, late(&failure)),
            _ => {
                let reason = "the request's body broke off".to_owned();
                self.fault.note(StatusCode::BAD_REQUEST, reason)
            }
        })?;
        let Some(left) = self.left else {
            return Ok(chunk);
        };
        let came = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        let left = left.checked_sub(came);
        if left.is_none_or(|left| left > 0 && chunk.is_none()) {
            let reason = "the request's body is not as long as its Content-Length says".to_owned();
            return Err(self.fault.note(StatusCode::BAD_REQUEST, reason));
        }
        self.left = left;
        Ok(chunk)
    }

    fn sent(&mut self, chunk: Vec<u8>) {
        self.body.sent(chunk);
    }
}
