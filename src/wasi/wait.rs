//! Timeouts from the settings. Those of `wasi:http` are not sufficient: a host need not support them, and none
//! covers a TLS handshake that hangs. `crates/wasi03` compiles this file too.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{Cause, Failure, timer};

/// What to wait for, and for how long.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    /// For a response to begin. The host does not report when the connection is established, so the limits are
    /// added.
    Answer { connect: Duration, first_byte: Duration },
    /// For the service to accept more of a request.
    Upload(Duration),
    /// For more of a response.
    More(Duration),
    /// For this component's caller to send or read more.
    Caller(Duration),
}

impl Wait {
    /// Waits for a future, up to the limit.
    pub(super) async fn until<T>(self, something: impl Future<Output = T>) -> Result<T, Failure> {
        let mut something = pin!(something);
        let mut over = pin!(timer(self.limit()));
        poll_fn(|cx| match something.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Ok(outcome)),
            Poll::Pending => over.as_mut().poll(cx).map(|()| Err(self.in_vain())),
        })
        .await
    }

    fn limit(self) -> Duration {
        match self {
            Self::Answer { connect, first_byte } => connect.saturating_add(first_byte),
            Self::Upload(limit) | Self::More(limit) | Self::Caller(limit) => limit,
        }
    }

    fn in_vain(self) -> Failure {
        let limit = self.limit().as_millis();
        let detail = match self {
            Self::Answer { connect, first_byte } => {
                let (connect, first_byte) = (connect.as_millis(), first_byte.as_millis());
                format!(
                    "no answer within {connect} ms for the connection and {first_byte} ms for the answer. Either the TLS handshake or \
                     the service hangs: raise DATAVERSE_CONNECT_TIMEOUT_MS (connect-timeout-ms) or {FIRST_BYTE}"
                )
            }
            Self::Upload(_) => {
                format!("the service took nothing more of the request for {limit} ms: raise {FIRST_BYTE}")
            }
            Self::More(_) => format!("nothing more of the answer came for {limit} ms: raise {BETWEEN_BYTES}"),
            Self::Caller(_) => format!("nothing flowed for {limit} ms"),
        };
        Failure::new(Cause::TimedOut, detail)
    }
}

pub(super) const FIRST_BYTE: &str = "DATAVERSE_FIRST_BYTE_TIMEOUT_MS (first-byte-timeout-ms)";
const BETWEEN_BYTES: &str = "DATAVERSE_BETWEEN_BYTES_TIMEOUT_MS (between-bytes-timeout-ms)";
