//! The sandbox's clock, which tests may set forward or back.

use std::sync::atomic::{AtomicI64, Ordering};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const HTTP: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
const ENTRA: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
const ENTRA_PRECISE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");
const ISO: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

#[derive(Default)]
pub(crate) struct Clock {
    offset: AtomicI64,
}

impl Clock {
    pub(crate) fn shift(&self, seconds: i64) {
        self.offset.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(crate) fn unix(&self) -> i64 {
        OffsetDateTime::now_utc()
            .unix_timestamp()
            .saturating_add(self.offset.load(Ordering::Relaxed))
    }
}

/// `Sun, 07 Jan 2024 21:10:42 GMT`
pub(crate) fn http_date(unix: i64) -> String {
    format(unix, HTTP)
}

/// `2023-05-06 06:03:00Z`, as in Entra ID's error bodies.
pub(crate) fn entra_timestamp(unix: i64) -> String {
    format(unix, ENTRA)
}

/// `2023-05-06T06:03:00.0000000Z`, as in Entra ID's texts.
pub(crate) fn entra_precise(unix: i64) -> String {
    format(unix, ENTRA_PRECISE)
}

/// `2023-05-06T06:03:00Z`
pub(crate) fn iso(unix: i64) -> String {
    format(unix, ISO)
}

fn format(unix: i64, items: &[BorrowedFormatItem<'_>]) -> String {
    // A time outside the calendar (an assertion may contain any number) is shown as the epoch.
    let time = OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&items).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        assert_eq!(http_date(1_704_661_842), "Sun, 07 Jan 2024 21:10:42 GMT");
        assert_eq!(entra_timestamp(1_683_352_980), "2023-05-06 06:03:00Z");
        assert_eq!(entra_precise(1_683_352_980), "2023-05-06T06:03:00.0000000Z");
        assert_eq!(iso(i64::MAX), "1970-01-01T00:00:00Z");
    }
}
