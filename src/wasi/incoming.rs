//! Serving a request to this component.

use std::cell::OnceCell;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use wasip2::http::types as wasi;
use wasip2::http::types::{ErrorCode, Fields, OutgoingResponse, ResponseOutparam};
use wstd::io::AsyncPollable;

use super::stream::{Sink, WasiBody};
use super::wait::Wait;
use super::{WasiHost, alarm, headers, method};
use crate::host::{Body, Cause, Failure};
use crate::http::length;
use crate::log;

/// How long a caller may neither send nor take anything.
const PATIENCE: Wait = Wait::Caller(Duration::from_secs(60));

/// A body of so many bytes may hold back its head,
const MAX_HELD_BACK: usize = 64 << 10;
/// so long in all: a body that comes slowly is sent as it comes.
const MOMENT: Duration = Duration::from_millis(20);

/// A request as the gateway sees it. Nothing, when it is none.
pub(crate) fn request(incoming: wasi::IncomingRequest) -> Option<Request<WasiBody>> {
    let headers = headers(&incoming.headers())?;
    let host = headers.get(HOST).and_then(|host| host.to_str().ok().map(str::to_owned));
    let authority = incoming.authority().or(host)?;
    let scheme = match incoming.scheme() {
        Some(wasi::Scheme::Https) => "https",
        _ if is_https_on_spin(&headers, &authority) => "https",
        _ => "http",
    };
    let path = incoming.path_with_query().unwrap_or_else(|| "/".to_owned());
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path)
        .build()
        .ok()?;
    let method = method::incoming(&incoming.method())?;
    let mut request = Request::new(WasiBody::of_request(incoming, PATIENCE)?);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Some(request)
}

/// Whether Spin says that the caller came by TLS, which it ends itself without telling the scheme (docs/facts/hosts.md, 3). It appends its
/// header to what the caller sent, so the last one is Spin's. On a host that adds none, a caller may write it; then it sees its
/// own links with another scheme, as by `X-Forwarded-Proto`.
fn is_https_on_spin(headers: &HeaderMap, authority: &str) -> bool {
    let url = headers.get_all("spin-full-url").iter().next_back();
    let rest = url.and_then(|url| url.to_str().ok()?.strip_prefix("https://"));
    rest.and_then(|rest| rest.strip_prefix(authority))
        .is_some_and(|path| path.starts_with('/'))
}

/// Answers, and sends the body as it comes. One that breaks off is not finished, so that the caller sees that it is broken.
pub(crate) async fn answer<B: Body>(response: Response<B>, out: ResponseOutparam) {
    let (head, mut body) = response.into_parts();
    let mut answer = Answer::new(head, out);
    let moment = OnceCell::new();
    loop {
        let next = {
            let mut next = pin!(body.chunk());
            match answer.is_held_back() {
                true => match soon(next.as_mut(), &moment).await {
                    Some(next) => next,
                    None if answer.begin(false).await.is_err() => return,
                    None => next.await,
                },
                false => next.await,
            }
        };
        match next {
            Ok(Some(chunk)) => {
                if answer.write(chunk).await.is_err() {
                    return;
                }
            }
            Ok(None) => return answer.finish().await,
            Err(failure) => {
                let _ = answer.begin(false).await;
                return log::note(&WasiHost, format_args!("an answer broke off: {}", failure.detail));
            }
        }
    }
}

/// Waits for a future, but only until `moment` has passed since this was waited for first.
async fn soon<T>(mut future: Pin<&mut impl Future<Output = T>>, moment: &OnceCell<AsyncPollable>) -> Option<T> {
    if let Poll::Ready(outcome) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        return Some(outcome);
    }
    let mut over = pin!(moment.get_or_init(|| alarm(MOMENT)).wait_for());
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => over.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// An answer on its way out. Its head waits for a small body, so that both go in one write and the length is told: in several
/// small writes, an answer takes 40 ms longer on some hosts (docs/facts/hosts.md, 3).
enum Answer {
    HeldBack {
        head: Parts,
        out: ResponseOutparam,
        begun: Vec<u8>,
    },
    Flowing(Sink),
    /// The host did not take the head.
    Failed,
}

impl Answer {
    fn new(head: Parts, out: ResponseOutparam) -> Self {
        Self::HeldBack {
            head,
            out,
            begun: Vec::new(),
        }
    }

    fn is_held_back(&self) -> bool {
        matches!(self, Self::HeldBack { .. })
    }

    /// Sends the head, and what there is of the body. `is_whole`: that is all of it.
    async fn begin(&mut self, is_whole: bool) -> Result<(), Failure> {
        if !self.is_held_back() {
            return Ok(());
        }
        let Self::HeldBack { mut head, out, begun } = mem::replace(self, Self::Failed) else {
            return Ok(());
        };
        if is_whole && !begun.is_empty() && !head.headers.contains_key(CONTENT_LENGTH) {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(begun.len()));
        }
        let fields = Fields::new();
        for (name, value) in &head.headers {
            // A host that keeps a header to itself sees to it.
            let _ = fields.append(name.as_str(), value.as_bytes());
        }
        let outgoing = OutgoingResponse::new(fields);
        let Ok(to_caller) = outgoing
            .set_status_code(head.status.as_u16())
            .and_then(|()| outgoing.body())
        else {
            ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
            return Err(Failure::not_sent(Cause::CutOff, "the host does not take the answer"));
        };
        let mut sink = Sink::new(to_caller);
        // Hosts hold little of a body back before its head.
        let later = sink.write_at_once(&begun);
        ResponseOutparam::set(out, Ok(outgoing));
        sink.write(later?, PATIENCE).await?;
        *self = Self::Flowing(sink);
        Ok(())
    }

    async fn write(&mut self, chunk: Vec<u8>) -> Result<(), Failure> {
        if let Self::HeldBack { head, begun, .. } = self {
            let is_small = length::of(&head.headers).is_none_or(|length| length <= MAX_HELD_BACK as u64);
            if is_small && begun.len().saturating_add(chunk.len()) <= MAX_HELD_BACK {
                begun.extend_from_slice(&chunk);
                return Ok(());
            }
            self.begin(false).await?;
        }
        match self {
            Self::Flowing(sink) => sink.write(&chunk, PATIENCE).await,
            _ => Ok(()),
        }
    }

    async fn finish(mut self) {
        if self.begin(true).await.is_ok()
            && let Self::Flowing(mut sink) = self
        {
            let _ = sink.finish(PATIENCE).await;
        }
    }
}
