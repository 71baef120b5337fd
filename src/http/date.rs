//! HTTP dates (RFC 9110, 5.6.7: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>), in seconds since
//! 1970.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header};

/// Parses a date; `None` before 1970.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// The `Date` of an answer, by its sender's clock.
pub(crate) fn of(headers: &HeaderMap) -> Option<u64> {
    parse(headers.get(header::DATE)?.to_str().ok()?)
}

/// Formats a date: `Sun, 07 Jan 2024 21:10:42 GMT`.
pub(crate) fn format(seconds: u64) -> String {
    const YEAR_9999: u64 = 253_402_300_799;
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds.min(YEAR_9999)));
    httpdate::fmt_http_date(time.unwrap_or(UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_written() {
        assert_eq!(format(1_704_661_842), "Sun, 07 Jan 2024 21:10:42 GMT");
        assert_eq!(parse("Sun, 07 Jan 2024 21:10:42 GMT"), Some(1_704_661_842));
        assert_eq!(parse("Thu, 01 Jan 1969 00:00:00 GMT"), None);
        assert_eq!(format(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
