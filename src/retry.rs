//! What a service says about when to send again.

use http::{HeaderMap, header};

/// The seconds that `Retry-After` asks to wait. Both services document seconds; the other form that HTTP allows, a date
/// (RFC 9110, 10.2.3), is understood as well. `now` is in seconds since 1970.
pub fn retry_after(headers: &HeaderMap, now: u64) -> Option<u32> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(seconds);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let then = date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    u32::try_from(then.saturating_sub(now)).ok()
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
    fn anything_else_is_no_wait() {
        for value in ["soon", "-1", "1.5", "99999999999", ""] {
            assert_eq!(seconds(value, 0), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), 0), None);
    }
}
