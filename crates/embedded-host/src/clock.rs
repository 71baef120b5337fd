//! The clocks of an instance, which tests may set forward or back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The machine's clocks, set forward or back as a whole. Waits take their real time.
#[derive(Clone)]
pub struct Clock {
    start: Instant,
    /// Seconds by which the wall clock is set.
    wall: Arc<AtomicI64>,
    /// Seconds by which the monotonic clock is set; it only ever goes forward.
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
    /// Lets time pass: both clocks go on by so many seconds.
    pub fn pass(&self, seconds: u32) {
        self.wall.fetch_add(seconds.into(), Ordering::Relaxed);
        self.monotonic.fetch_add(seconds.into(), Ordering::Relaxed);
    }

    /// Sets the wall clock wrong by so many seconds more, as somebody might set a machine's.
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
