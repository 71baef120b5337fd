//! `Range` of a download (RFC 9110, 14).

use std::ops::Range;

use crate::dataverse::refusal::Refusal;

/// `None` if the range is outside the file.
pub(super) fn parse(header: &str, size: usize) -> Result<Option<Range<usize>>, Refusal> {
    let range = header.trim().strip_prefix("bytes=").map(str::trim);
    let (first, last) = match range.and_then(|range| range.split_once('-')) {
        Some((first, last)) if !range.is_some_and(|range| range.contains(',')) => (first.trim(), last.trim()),
        // RFC 9110 allows a server to ignore unknown ranges. The sandbox reports them instead.
        _ => return Err(Refusal::unsupported(format_args!("the range '{header}'"))),
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse::<usize>().unwrap_or(usize::MAX));
        number.ok_or_else(|| Refusal::unsupported(format_args!("the range '{header}'")))
    };
    let range = match (first, last) {
        ("", last) => size.saturating_sub(number(last)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => number(first)?..number(last)?.saturating_add(1).min(size),
    };
    Ok(Some(range).filter(|range| !range.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (header, expected) in [
            ("bytes=0-3", Some(0..4)),
            ("bytes=4-", Some(4..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            ("bytes=9-99999999999999999999999", Some(9..10)),
            ("bytes=10-", None),
            ("bytes=10-12", None),
            ("bytes=-0", None),
            ("bytes=5-4", None),
        ] {
            assert_eq!(parse(header, 10).unwrap(), expected, "{header}");
        }
        for header in [
            "bytes=0-1,4-5",
            "lines=0-1",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=-",
            "bytes",
        ] {
            assert!(parse(header, 10).is_err(), "{header}");
        }
    }
}
