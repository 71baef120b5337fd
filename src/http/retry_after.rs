//! `Retry-After` (RFC 9110, 10.2.3: <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>): seconds, as
//! both services document, or a date.

use http::{HeaderMap, header};

use super::date;

/// The wait in seconds that an answer requests. `now` is in seconds since 1970. If there are several
/// headers, the longest wait counts.
pub(crate) fn seconds(headers: &HeaderMap, now: u64) -> Option<u32> {
    // A date is relative to the service's own clock, if the answer contains its time.
    let sent = date::of(headers).unwrap_or(now);
    let values = headers.get_all(header::RETRY_AFTER).iter();
    values.filter_map(|value| wait(value.to_str().ok()?.trim(), sent)).max()
}

fn wait(value: &str, sent: u64) -> Option<u32> {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(u32::MAX));
    }
    let wait = date::parse(value)?.saturating_sub(sent);
    Some(u32::try_from(wait).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(value: &'static str, now: u64) -> Option<u32> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(value));
        seconds(&headers, now)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(read("37", 0), Some(37));
        assert_eq!(read(" 0 ", 0), Some(0));
        assert_eq!(read("Sun, 07 Jan 2024 21:10:42 GMT", 1_704_661_812), Some(30));
        assert_eq!(
            read("Sun, 07 Jan 2024 21:10:42 GMT", 1_804_661_812),
            Some(0),
            "a date in the past"
        );
    }

    #[test]
    fn a_wait_too_long_to_count_is_not_forgotten() {
        assert_eq!(read("99999999999", 0), Some(u32::MAX));
    }

    #[test]
    fn a_date_is_by_the_services_clock() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from_static("Sun, 07 Jan 2024 21:10:42 GMT"),
        );
        headers.insert(header::DATE, HeaderValue::from_static("Sun, 07 Jan 2024 21:10:02 GMT"));
        assert_eq!(seconds(&headers, 0), Some(40));
    }

    #[test]
    fn anything_else_is_no_wait() {
        for value in ["soon", "-1", "1.5", ""] {
            assert_eq!(read(value, 0), None, "{value}");
        }
        assert_eq!(seconds(&HeaderMap::new(), 0), None);
    }
}
