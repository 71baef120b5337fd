//! Waiting, no longer than the settings say. The timeouts that `wasi:http` knows are not enough: a host need not have them, and
//! none covers a TLS handshake that does not end. `crates/wasi03` compiles this file too.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{Cause, Failure, timer};

/// What is waited for, and how long.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    /// For an answer to begin. The host does not tell whether there is a connection yet, so both limits together count.
    Answer { connect: Duration, first_byte: Duration },
    /// For the service to take more of a request.
    Upload(Duration),
    /// For more of an answer.
    More(Duration),
    /// For this component's caller to send more, or to take more.
    Caller(Duration),
}

impl Wait {
    /// Waits for something.
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
