//! What a service says about when to send again.

use std::time::UNIX_EPOCH;

use http::{HeaderMap, header};

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

    use super::*;

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
