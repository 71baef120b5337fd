//! Corrects the host's clock by Entra ID's. An assertion is valid for ten minutes, so a larger deviation
//! makes every assertion invalid (AADSTS700024). Entra ID's answers contain its own time.

use std::cell::Cell;
use std::time::Duration;

use crate::host::Host;
use crate::log;

/// The minimum deviation in seconds. A smaller one does not explain a refused assertion.
const NOTICED: u64 = 30;

/// Entra ID's clock, as far as it is known.
#[derive(Default)]
pub(super) struct Clock {
    /// Entra ID's time, in seconds since 1970, and the time of its answer by the monotonic clock. The wall
    /// clock may be corrected at any time.
    told: Cell<Option<(u64, Duration)>>,
}

impl Clock {
    /// The time in seconds since 1970.
    pub(super) fn now(&self, host: &impl Host) -> u64 {
        match self.told.get() {
            Some((date, then)) => date.saturating_add(host.elapsed().saturating_sub(then).as_secs()),
            None => host.now(),
        }
    }

    /// Sets the clock to `date`, which Entra ID has just sent. Returns whether this makes a difference.
    pub(super) fn correct(&self, host: &impl Host, date: u64) -> bool {
        if self.now(host).abs_diff(date) < NOTICED {
            return false;
        }
        if host.now().abs_diff(date) < NOTICED {
            // The host's clock is correct now and the stored time is stale: the monotonic clock was paused
            // for a while.
            self.told.set(None);
            return true;
        }
        self.told.set(Some((date, host.elapsed())));
        let direction = if date > host.now() { "behind" } else { "ahead of" };
        log::note(
            host,
            format_args!(
                "the host's clock is {} s {direction} Entra ID's; assertions are made by Entra ID's time. Set the host's \
             clock",
                date.abs_diff(host.now())
            ),
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fake::FakeHost;

    #[test]
    fn the_difference_is_kept_and_found_anew() {
        let host = FakeHost::new([]);
        let clock = Clock::default();
        let start = host.now();
        assert_eq!(clock.now(&host), start);
        assert!(!clock.correct(&host, start + 29), "too little to matter");
        assert!(clock.correct(&host, start + 3600));
        host.slept.set(Duration::from_secs(10));
        assert_eq!(clock.now(&host), start + 3610);
        assert!(!clock.correct(&host, start + 3610), "it is right now");
        host.clock.set(start + 3600);
        assert_eq!(clock.now(&host), start + 3610, "even when the host's clock is set");
        assert!(clock.correct(&host, start - 86_400));
        assert_eq!(clock.now(&host), start - 86_400);
    }

    #[test]
    fn absurd_times_do_not_overflow() {
        let host = FakeHost::new([]);
        let clock = Clock::default();
        assert!(clock.correct(&host, u64::MAX));
        host.slept.set(Duration::from_secs(10));
        assert_eq!(clock.now(&host), u64::MAX);
        assert!(clock.correct(&host, 0));
        assert_eq!(clock.now(&host), 0);
    }
}
