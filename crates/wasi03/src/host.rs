//! `Host` over WASI 0.3.

use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use dynamics365::face::{Body, Failure, Host, Timeouts};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use wasip3::clocks::{monotonic_clock, system_clock};
use wasip3::http::types::{ErrorCode, Fields};
use wasip3::random::random;

use crate::failure::failure;
use crate::outgoing;
use crate::stream::Incoming;

/// The host that WASI describes.
pub(crate) struct WasiHost;

impl Host for WasiHost {
    type Body = Incoming;

    async fn send<B: Body>(
        &self,
        request: Request<Option<B>>,
        timeouts: &Timeouts,
    ) -> Result<Response<Incoming>, Failure> {
        outgoing::send(request, timeouts).await
    }

    fn now(&self) -> u64 {
        u64::try_from(system_clock::now().seconds).unwrap_or_default()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    async fn sleep(&self, duration: Duration) {
        wait(duration).await;
    }

    fn random(&self) -> [u8; 16] {
        let (high, low) = (random::get_random_u64(), random::get_random_u64());
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }

    fn log(&self, line: &str) {
        let _ = writeln!(io::stderr(), "dynamics365: {line}");
    }
}

async fn wait(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::wait_for(nanoseconds).await;
}

/// Waits for something, no longer than `limit`.
pub(crate) async fn within<T>(limit: Duration, something: impl Future<Output = T>) -> Result<T, Failure> {
    let mut something = pin!(something);
    let mut over = pin!(wait(limit));
    poll_fn(|cx| match something.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Ok(result)),
        Poll::Pending => over
            .as_mut()
            .poll(cx)
            .map(|()| Err(failure(ErrorCode::ConnectionReadTimeout))),
    })
    .await
}

/// The headers of a message; `None` when one of them is not valid.
pub(crate) fn headers(fields: &Fields) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.copy_all() {
        let (name, value) = (HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
}
