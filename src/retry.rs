//! When to send again: what a service says about it, and how long one call goes on trying.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header};

use crate::contract::types::{Error, OutageCause};
use crate::host::Host;

/// The wait before the first attempt that follows a failed one; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// How long one call may go on trying. All its attempts, at Entra ID and at Dataverse, share one.
#[derive(Clone, Copy)]
pub struct Budget {
    end: Duration,
}

impl Budget {
    /// Begins now and lasts for `limit`.
    pub fn start(host: &impl Host, limit: Duration) -> Self {
        Self {
            end: host.elapsed().saturating_add(limit),
        }
    }

    /// Waits before the next attempt: as long as the service asks (`retry_after`, in seconds) and a little more, or, where that
    /// is longer, a time that grows with each of the `failed` attempts. Says `false` at once, without waiting, where the budget
    /// would not last: a wait that is cut short would only make the service refuse for longer.
    pub async fn pause(&self, host: &impl Host, failed: u32, retry_after: Option<u32>) -> bool {
        let asked = Duration::from_secs(retry_after.unwrap_or(0).into());
        let wait = asked.saturating_add(jitter(host)).max(backoff(host, failed));
        if host.elapsed().saturating_add(wait) > self.end {
            return false;
        }
        host.sleep(wait).await;
        true
    }
}

/// Doubles from `FIRST_WAIT`; a random half of it is left out, so that clients that failed together do not come back together.
fn backoff(host: &impl Host, failed: u32) -> Duration {
    let doublings = failed.saturating_sub(1).min(16);
    let whole = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    let half = whole.checked_div(2).unwrap_or_default();
    half.saturating_add(random_part(host, half))
}

/// So that clients that were told the same wait do not come back together either.
fn jitter(host: &impl Host) -> Duration {
    const MOST: Duration = Duration::from_millis(250);
    random_part(host, MOST)
}

fn random_part(host: &impl Host, whole: Duration) -> Duration {
    let [byte, ..] = host.random();
    whole.saturating_mul(byte.into()).checked_div(255).unwrap_or_default()
}

/// Whether a failure may be over when the same is sent again. `failed` is how many attempts have failed so far, but for those
/// that were throttled: what is out of reach is given up after a few, while throttling ends when the service said it would.
pub fn may_pass(error: &Error, failed: u32) -> bool {
    const ATTEMPTS: u32 = 4;
    match error {
        Error::Throttled(_) => true,
        Error::Unavailable(outage) => {
            failed < ATTEMPTS
                && matches!(
                    outage.cause,
                    OutageCause::NoConnection
                        | OutageCause::TimedOut
                        | OutageCause::CutOff
                        | OutageCause::ServiceUnavailable
                )
        }
        _ => false,
    }
}

/// The seconds to wait that came with an error. A service that throttles without saying for how long is left alone for a
/// while all the same.
pub fn retry_after_of(error: &Error) -> Option<u32> {
    const THROTTLED: u32 = 5;
    match error {
        Error::Throttled(throttling) => Some(throttling.retry_after_seconds.unwrap_or(THROTTLED)),
        Error::Unavailable(outage) => outage.retry_after_seconds,
        _ => None,
    }
}

/// The seconds that `Retry-After` asks to wait. Both services document seconds; the other form that HTTP allows, a date
/// (RFC 9110, 10.2.3), is understood as well. `now` is in seconds since 1970.
pub fn retry_after(headers: &HeaderMap, now: u64) -> Option<u32> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(u32::MAX));
    }
    // The service's own clock, where it tells the time, is the one that its date is by.
    let sent = headers
        .get(header::DATE)
        .and_then(|date| seconds_of(date.to_str().ok()?))
        .unwrap_or(now);
    let wait = seconds_of(value)?.saturating_sub(sent);
    Some(u32::try_from(wait).unwrap_or(u32::MAX))
}

fn seconds_of(date: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(date).ok()?;
    Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use pollster::block_on;

    use super::*;
    use crate::host::fake::FakeHost;

    #[test]
    fn waits_grow_and_end_with_the_budget() {
        let host = FakeHost::new([]);
        let budget = Budget::start(&host, Duration::from_secs(60));
        let mut waits = Vec::new();
        for failed in 1.. {
            let before = host.elapsed();
            if !block_on(budget.pause(&host, failed, None)) {
                assert_eq!(host.elapsed(), before, "no wait in vain");
                break;
            }
            waits.push((host.elapsed() - before).as_millis());
        }
        let expected = [
            250..=500,
            500..=1000,
            1000..=2000,
            2000..=4000,
            4000..=8000,
            8000..=16000,
        ];
        assert!(waits.len() >= expected.len(), "{waits:?}");
        for (wait, range) in waits.iter().zip(expected) {
            assert!(range.contains(wait), "{waits:?}");
        }
        assert!(waits.iter().sum::<u128>() <= 60_000, "{waits:?}");
    }

    #[test]
    fn what_the_service_asks_is_waited_for_or_not_at_all() {
        let host = FakeHost::new([]);
        let budget = Budget::start(&host, Duration::from_secs(10));
        let begin = host.elapsed();
        assert!(block_on(budget.pause(&host, 1, Some(5))));
        let waited = (host.elapsed() - begin).as_millis();
        assert!((5000..=5250).contains(&waited), "{waited}");
        let before = host.elapsed();
        assert!(!block_on(budget.pause(&host, 1, Some(5))));
        assert!(!block_on(budget.pause(&host, 1, Some(u32::MAX))));
        assert_eq!(host.elapsed(), before);
        assert!(!block_on(Budget::start(&host, Duration::ZERO).pause(&host, 1, None)));
    }

    fn seconds(value: &'static str, now: u64) -> Option<u32> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(value));
        retry_after(&headers, now)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(seconds("37", 0), Some(37));
        assert_eq!(seconds(" 0 ", 0), Some(0));
        assert_eq!(seconds("Sun, 07 Jan 2024 21:10:42 GMT", 1_704_661_812), Some(30));
        assert_eq!(
            seconds("Sun, 07 Jan 2024 21:10:42 GMT", 1_804_661_812),
            Some(0),
            "a date in the past"
        );
    }

    #[test]
    fn a_wait_too_long_to_count_is_not_forgotten() {
        assert_eq!(seconds("99999999999", 0), Some(u32::MAX));
    }

    #[test]
    fn a_date_is_by_the_services_clock() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from_static("Sun, 07 Jan 2024 21:10:42 GMT"),
        );
        headers.insert(header::DATE, HeaderValue::from_static("Sun, 07 Jan 2024 21:10:02 GMT"));
        assert_eq!(retry_after(&headers, 0), Some(40));
    }

    #[test]
    fn anything_else_is_no_wait() {
        for value in ["soon", "-1", "1.5", ""] {
            assert_eq!(seconds(value, 0), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), 0), None);
    }
}
