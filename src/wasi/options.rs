//! The timeouts that the host is asked to apply. `crates/wasi03` compiles this file too.

use std::time::Duration;

use http::{HeaderMap, header};

use super::{Timeouts, types as wasi};

/// Hosts refuse a timeout that they do not support and use their own. Two of these timeouts are longer than ours
/// (`wait.rs`), so that ours expire first: the one between bytes, because Wasmtime 48 reports its own without an
/// error code, and, for long uploads, the one to the first byte, because hosts count the upload in it.
/// `upload`: the headers of a request with a body.
pub(super) fn options(timeouts: &Timeouts, upload: Option<&HeaderMap>) -> wasi::RequestOptions {
    const GRACE: Duration = Duration::from_secs(2);
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let options = wasi::RequestOptions::new();
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).ok();
    let first_byte = if upload.is_some_and(may_be_long) {
        A_DAY
    } else {
        timeouts.first_byte
    };
    let _ = options.set_connect_timeout(nanoseconds(timeouts.connect));
    let _ = options.set_first_byte_timeout(nanoseconds(first_byte));
    let _ = options.set_between_bytes_timeout(nanoseconds(timeouts.between_bytes.saturating_add(GRACE)));
    options
}

/// Whether a body has an unknown length, or is too long to be sent immediately.
fn may_be_long(headers: &HeaderMap) -> bool {
    const SHORT: u64 = 64 << 10;
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_none_or(|length| length > SHORT)
}
