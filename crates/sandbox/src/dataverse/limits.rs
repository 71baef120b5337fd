//! Service protection limits.

use http::StatusCode;

use super::refusal::Refusal;
use crate::response::{Answer, append};

pub(super) fn throttled(code: &str, retry_after_secs: u64) -> Answer {
    let mut answer = Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, text(code)).into_answer();
    append(&mut answer, "retry-after", &retry_after_secs.to_string());
    answer
}

/// <https://learn.microsoft.com/power-apps/developer/data-platform/api-limits>.
fn text(code: &str) -> &'static str {
    match code {
        "0x80072322" => "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
        "0x80072321" => {
            "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time window of \
             300 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later."
        }
        "0x80072326" => "Number of concurrent requests exceeded the limit of 52.",
        _ => "The sandbox was told to throttle this request.",
    }
}
