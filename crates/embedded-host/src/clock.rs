//! The clocks of an instance, which tests can move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The machine's clocks with an offset. Timers still take real time.
#[derive(Clone)]
pub struct Clock {
    start: Instant,
    /// Offset of the wall clock, in seconds.
    wall: Arc<AtomicI64>,
    /// Offset of the monotonic clock, in seconds; it never decreases.
    monotonic: Arc<AtomicI64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            wall: Arc::default(),
            monotonic: Arc::default(),
        }
    }
}

impl Clock {
    /// Moves both clocks forward, as if time had passed.
    pub fn pass(&self, seconds: u32) {
        self.wall.fetch_add(seconds.into(), Ordering::Relaxed);
        self.monotonic.fetch_add(seconds.into(), Ordering::Relaxed);
    }

    /// Moves the wall clock only, forward or back, as if it had been set wrong.
    pub fn set_wrong(&self, seconds: i64) {
        self.wall.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let seconds = now.as_secs().saturating_add_signed(self.wall.load(Ordering::Relaxed));
        Duration::new(seconds, now.subsec_nanos())
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        let passed = u64::try_from(self.monotonic.load(Ordering::Relaxed)).unwrap_or_default();
        let now = self.start.elapsed().saturating_add(Duration::from_secs(passed));
        u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
    }
}
