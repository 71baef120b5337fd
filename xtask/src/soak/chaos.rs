//! Random faults.

use std::time::Duration;

use sandbox::{Fault, FaultKind, Sandbox, Service};

/// Seeded random numbers (SplitMix64, by Steele, Lea and Flood).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let at = self.below(of.len() as u64);
        of.get(usize::try_from(at).ok()?)
    }
}

/// Makes the sandbox misbehave now and then.
pub struct Chaos<'a> {
    sandbox: &'a Sandbox,
    random: Random,
    /// The number of faults so far.
    pub faults: u32,
}

impl<'a> Chaos<'a> {
    pub fn new(sandbox: &'a Sandbox, random: Random) -> Self {
        Self {
            sandbox,
            random,
            faults: 0,
        }
    }

    /// Queues a fault before every fourth call on average. It affects the instance that sends next.
    pub fn stir(&mut self) {
        const CODES: [&str; 3] = ["0x80072322", "0x80072321", "0x80072326"];
        if self.random.below(4) != 0 {
            return;
        }
        self.faults += 1;
        let dataverse = |kind| Fault::new(Service::Dataverse, kind);
        let fault = match self.random.below(20) {
            0..=3 => Fault::throttle(
                self.random.pick(&CODES).copied().unwrap_or_default(),
                self.random.below(2),
            ),
            4 => Fault::throttle("0x80072321", 600),
            5..=7 => {
                let status = self.random.pick(&[500, 502, 503, 504]).copied().unwrap_or(503);
                Fault::status(Service::Dataverse, status, "down")
            }
            8..=11 => dataverse(FaultKind::Disconnect { carry_out: false }),
            12..=15 => dataverse(FaultKind::Disconnect { carry_out: true }),
            16 | 17 => dataverse(FaultKind::CutBody { after: 7 }),
            18 => dataverse(FaultKind::Delay(Duration::from_millis(50))),
            _ => {
                self.sandbox.revoke_tokens();
                Fault::status(Service::Entra, 503, "down")
            }
        };
        self.sandbox.misbehave(fault);
    }
}
