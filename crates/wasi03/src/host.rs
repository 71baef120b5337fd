//! `Host` over WASI 0.3.

use std::io::{self, Write};
use std::time::Duration;

use dynamics365::face::{Body, Failure, Host, Timeouts};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use wasip3::clocks::{monotonic_clock, system_clock};
use wasip3::http::types::Fields;
use wasip3::random::random;

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

pub(crate) async fn timer(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::wait_for(nanoseconds).await;
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
