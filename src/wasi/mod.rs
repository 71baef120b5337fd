//! `Host` over WASI 0.2. Its calls wait inside `wstd::runtime::block_on`.

mod failure;
pub(crate) mod incoming;
mod method;
mod options;
mod outgoing;
mod stream;
mod wait;

use std::io::{self, Write};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::http::types::{self, ErrorCode, Fields};
use wasip2::random::random;
use wstd::io::AsyncPollable;

use crate::host::{Body, Cause, Failure, Host, Timeouts};
use stream::WasiBody;

/// The host, through the WASI interfaces.
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
        timer(duration).await;
    }

    fn random(&self) -> [u8; 16] {
        let (high, low) = (random::get_random_u64(), random::get_random_u64());
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }

    fn log(&self, line: &str) {
        let _ = writeln!(io::stderr(), "dynamics365: {line}");
    }
}

async fn timer(duration: Duration) {
    alarm(duration).wait_for().await;
}

fn alarm(duration: Duration) -> AsyncPollable {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    AsyncPollable::new(monotonic_clock::subscribe_duration(nanoseconds))
}

/// The headers of a message; `None` if one of them is not valid.
fn headers(fields: &Fields) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.entries() {
        let (name, value) = (HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
}
