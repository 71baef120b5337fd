//! Sending a request until it succeeds, is refused, or time is up: the only loop that sends again, and the only rule of what may
//! be repeated.

use std::time::Duration;

use crate::error::{Asked, Error, Failed, Note, Reason};
use crate::host::{Cause, Host};

/// The wait before the second attempt; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(16);
/// So often a service that is out of reach is tried. Throttling ends when the service said it would, so throttled attempts are
/// not among them.
const MAX_OUTAGES: u32 = 4;
/// A service that throttles without saying for how long is left alone for so many seconds.
const THROTTLED: u32 = 5;

/// How long one call may go on trying. All its attempts, at Entra ID and at Dataverse, share one.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    end: Duration,
}

impl Budget {
    /// Begins now and lasts for `limit`.
    pub(crate) fn start(host: &impl Host, limit: Duration) -> Self {
        Self {
            end: host.elapsed().saturating_add(limit),
        }
    }

    /// Waits before the next attempt: as long as the service asks (`retry_after`, in seconds) and a little more, or, where that
    /// is longer, a time that grows with each of the `failed` attempts. Says `false` at once, without waiting, where the budget
    /// or the call's time would not last: a wait that is cut short would only make the service refuse for longer.
    async fn pause(&self, host: &impl Host, failed: u32, retry_after: Option<u32>) -> bool {
        let asked = Duration::from_secs(retry_after.unwrap_or(0).into());
        let wait = asked.saturating_add(jitter(host)).max(backoff(host, failed));
        if host.elapsed().saturating_add(wait) > self.end || wait >= host.time_left() {
            return false;
        }
        host.sleep(wait).await;
        true
    }
}

/// What one attempt came to.
pub(crate) enum Attempt<T> {
    /// It succeeded.
    Done(T),
    /// It failed, and the request is still there to be sent again.
    Failed(Reason),
    /// It failed, and a part of the request is gone with it, as it was streamed.
    FailedForGood(Reason),
    /// It was refused before anything was done, for a cause that has been removed since: the next one follows at once.
    Mended,
    /// Nothing was sent, for want of something that has an error of its own: a token.
    NotMade(Error),
}

/// Makes attempts until one succeeds or none may follow. Returns what the last one came to, and how many were sent.
///
/// `repeatable`: sent twice, the request changes no more than sent once.
///
/// # Errors
/// Of the last attempt; or of an earlier one that may have been carried out, where no attempt could be made after it.
pub(crate) async fn run<T>(
    host: &impl Host,
    budget: &Budget,
    asked: &Asked,
    repeatable: bool,
    mut attempt: impl AsyncFnMut() -> Attempt<T>,
) -> Result<(T, u32), Error> {
    let mut attempts = Attempts {
        asked,
        repeatable,
        made: 0,
        failed: 0,
        outages: 0,
        unsure: None,
    };
    loop {
        let outcome = attempt().await;
        if let Attempt::NotMade(error) = outcome {
            return Err(attempts.without_another(error));
        }
        attempts.made = attempts.made.saturating_add(1);
        match outcome {
            Attempt::Done(value) => return Ok((value, attempts.made)),
            Attempt::Failed(reason) => {
                if !attempts.may_follow(&reason) || !attempts.pause(host, budget, &reason).await {
                    return Err(attempts.into_error(reason));
                }
                attempts.remember(reason);
            }
            Attempt::FailedForGood(reason) => return Err(attempts.into_error(reason)),
            Attempt::Mended | Attempt::NotMade(_) => {}
        }
    }
}

/// The attempts of one request so far.
struct Attempts<'a> {
    asked: &'a Asked,
    repeatable: bool,
    made: u32,
    failed: u32,
    /// Those of the failed that the service did not throttle.
    outages: u32,
    /// The last failure after which the request may have been carried out all the same.
    unsure: Option<Reason>,
}

impl Attempts<'_> {
    /// Counts a failure, and says whether the request may be sent again after it.
    fn may_follow(&mut self, reason: &Reason) -> bool {
        self.failed = self.failed.saturating_add(1);
        let passes = match reason {
            Reason::Throttled(_) => true,
            Reason::NoAnswer(failure) => {
                self.outages = self.outages.saturating_add(1);
                self.outages < MAX_OUTAGES && !failure.lasting && passes(failure.cause)
            }
            Reason::Dataverse(_) | Reason::EntraId(_) => false,
        };
        passes && (!self.may_have_acted(reason) || (self.repeatable && !has_succeeded(reason)))
    }

    async fn pause(&self, host: &impl Host, budget: &Budget, reason: &Reason) -> bool {
        budget.pause(host, self.failed, wait_asked_for(reason)).await
    }

    /// Keeps the failure of an attempt that another follows.
    fn remember(&mut self, reason: Reason) {
        if self.may_have_acted(&reason) {
            self.unsure = Some(reason);
        }
    }

    fn may_have_acted(&self, reason: &Reason) -> bool {
        self.asked.writes && reason.may_have_acted()
    }

    /// The error of the last attempt, as one of them all.
    fn into_error(self, reason: Reason) -> Error {
        let note = self.unsure.map(|_| Note::EarlierMayHaveActed);
        failed(self.asked, self.made, reason, note)
    }

    /// The error where nothing further can be sent: an attempt before that may have been carried out tells more than it.
    fn without_another(self, error: Error) -> Error {
        match self.unsure {
            Some(reason) => failed(self.asked, self.made, reason, Some(Note::NoTokenForAnother)),
            None => error,
        }
    }
}

fn failed(asked: &Asked, attempts: u32, reason: Reason, note: Option<Note>) -> Error {
    Error::from(Failed {
        asked: asked.clone(),
        attempts,
        reason,
        note,
    })
}

/// The seconds to wait that a failure asks for.
pub(crate) fn wait_asked_for(reason: &Reason) -> Option<u32> {
    match reason {
        Reason::Throttled(throttled) => Some(throttled.retry_after_seconds.unwrap_or(THROTTLED)),
        other => other.retry_after_seconds(),
    }
}

/// Whether what failed so may succeed when it is sent again.
fn passes(cause: Cause) -> bool {
    match cause {
        Cause::NoConnection | Cause::TimedOut | Cause::CutOff | Cause::ServiceUnavailable => true,
        Cause::DeniedByHost | Cause::AnswerTooLarge | Cause::UnusableAnswer => false,
    }
}

/// Whether the request was carried out for certain, and only its answer is not whole.
fn has_succeeded(reason: &Reason) -> bool {
    matches!(reason, Reason::NoAnswer(failure) if failure.status.is_some_and(|status| (200..300).contains(&status)))
}

/// Doubles from `FIRST_WAIT`; a random half of it is left out, so that clients that failed together do not come back together.
fn backoff(host: &impl Host, failed: u32) -> Duration {
    let doublings = failed.saturating_sub(1).min(16);
    let whole = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    let half = whole.checked_div(2).unwrap_or_default();
    half.saturating_add(random_part(host, half))
}

/// So that clients that were told the same wait do not come back together either.
fn jitter(host: &impl Host) -> Duration {
    const MOST: Duration = Duration::from_millis(250);
    random_part(host, MOST)
}

fn random_part(host: &impl Host, whole: Duration) -> Duration {
    let [byte, ..] = host.random();
    whole.saturating_mul(byte.into()).checked_div(255).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::host::fake::FakeHost;

    #[test]
    fn waits_grow_and_end_with_the_budget() {
        let host = FakeHost::new([]);
        let budget = Budget::start(&host, Duration::from_secs(60));
        let mut waits = Vec::new();
        for failed in 1.. {
            let before = host.elapsed();
            if !block_on(budget.pause(&host, failed, None)) {
                assert_eq!(host.elapsed(), before, "no wait in vain");
                break;
            }
            waits.push((host.elapsed() - before).as_millis());
        }
        let expected = [
            250..=500,
            500..=1000,
            1000..=2000,
            2000..=4000,
            4000..=8000,
            8000..=16000,
        ];
        assert!(waits.len() >= expected.len(), "{waits:?}");
        for (wait, range) in waits.iter().zip(expected) {
            assert!(range.contains(wait), "{waits:?}");
        }
        assert!(waits.iter().sum::<u128>() <= 60_000, "{waits:?}");
    }

    #[test]
    fn what_the_service_asks_is_waited_for_or_not_at_all() {
        let host = FakeHost::new([]);
        let budget = Budget::start(&host, Duration::from_secs(10));
        let begin = host.elapsed();
        assert!(block_on(budget.pause(&host, 1, Some(5))));
        let waited = (host.elapsed() - begin).as_millis();
        assert!((5000..=5250).contains(&waited), "{waited}");
        let before = host.elapsed();
        assert!(!block_on(budget.pause(&host, 1, Some(5))));
        assert!(!block_on(budget.pause(&host, 1, Some(u32::MAX))));
        assert_eq!(host.elapsed(), before);
        assert!(!block_on(Budget::start(&host, Duration::ZERO).pause(&host, 1, None)));
    }
}
