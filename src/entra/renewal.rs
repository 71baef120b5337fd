//! The renewal time of a token.

use crate::host::Host;

/// A short-lived token is renewed this long before it expires, as in Microsoft's own libraries: it must
/// outlive the request that it is sent with, and clocks differ.
const MARGIN: u64 = 300;
/// Tokens with at least this lifetime are renewed after half of it.
const LONG: u64 = 2 * 60 * 60;
/// The maximum random part, so that clients that got their tokens together do not renew them together.
const MOST_JITTER: u64 = 300;

/// The time in seconds until a token is renewed. Entra ID's recommendation takes precedence over the
/// lifetime. A random part of up to a tenth is subtracted.
pub(super) fn renew_in(host: &impl Host, expires_in: u64, refresh_in: Option<u64>) -> u64 {
    let latest = match refresh_in {
        Some(refresh_in) if (1..=expires_in).contains(&refresh_in) => refresh_in,
        _ if expires_in >= LONG => expires_in.checked_div(2).unwrap_or_default(),
        _ => expires_in.saturating_sub(MARGIN),
    };
    let most = latest.checked_div(10).unwrap_or_default().min(MOST_JITTER);
    let [byte, ..] = host.random();
    let jitter = most.saturating_mul(byte.into()).checked_div(255).unwrap_or_default();
    latest.saturating_sub(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fake::FakeHost;

    #[test]
    fn by_what_entra_says_or_by_length() {
        let host = FakeHost::new([]);
        for (expires_in, refresh_in, latest) in [
            (3600, None, 3300),
            (3600, Some(1800), 1800),
            (3600, Some(0), 3300),
            (3600, Some(3601), 3300),
            (7200, None, 3600),
            (86_400, None, 43_200),
            (86_400, Some(43_100), 43_100),
            (300, None, 0),
            (0, None, 0),
            (u64::MAX, None, u64::MAX / 2),
        ] {
            let earliest = latest - (latest / 10).min(300);
            for _ in 0..300 {
                let renew_in = renew_in(&host, expires_in, refresh_in);
                assert!(
                    (earliest..=latest).contains(&renew_in),
                    "{expires_in}, {refresh_in:?}: {renew_in}"
                );
            }
        }
    }
}
