//! `Host` over WASI 0.2. Its calls wait inside `wstd::runtime::block_on`.

mod failure;
pub(crate) mod incoming;
mod method;
mod outgoing;
mod stream;

use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::http::types::{self, ErrorCode, Fields};
use wasip2::random::random;
use wstd::io::AsyncPollable;

use crate::host::{Body, Cause, Failure, Host, Timeouts};
use stream::WasiBody;

/// The host that WASI describes.
pub(crate) struct WasiHost;

impl Host for WasiHost {
    type Body = WasiBody;

    async fn send<B: Body>(
        &self,
        request: Request<Option<B>>,
        timeouts: &Timeouts,
    ) -> Result<Response<WasiBody>, Failure> {
        outgoing::send(request, timeouts).await
    }

    fn now(&self) -> u64 {
        wall_clock::now().seconds
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    async fn sleep(&self, duration: Duration) {
        timer(duration).wait_for().await;
    }

    fn random(&self) -> [u8; 16] {
        let (high, low) = (random::get_random_u64(), random::get_random_u64());
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }

    fn log(&self, line: &str) {
        let _ = writeln!(io::stderr(), "dynamics365: {line}");
    }
}

fn timer(duration: Duration) -> AsyncPollable {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    AsyncPollable::new(monotonic_clock::subscribe_duration(nanoseconds))
}

/// Waits until something is ready, no longer than `limit`. The timeouts that `wasi:http` knows are not enough: a host need
/// not have them, and none covers a TLS handshake that does not end.
async fn within(limit: Duration, ready: AsyncPollable) -> Result<(), Failure> {
    let timer = timer(limit);
    let mut ready = pin!(ready.wait_for());
    let mut over = pin!(timer.wait_for());
    poll_fn(|cx| match ready.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(Ok(())),
        Poll::Pending => over
            .as_mut()
            .poll(cx)
            .map(|()| Err(failure::failure(ErrorCode::ConnectionReadTimeout))),
    })
    .await
}

/// The headers of a message; nothing, when one of them is none.
fn headers(fields: &Fields) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.entries() {
        let (name, value) = (HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
}
