//! The cached state of one identity: its token, and the time before which no request is sent to Entra ID.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use super::Token;
use crate::error::{Error, Reason};
use crate::host::Host;
use crate::retry;
use crate::settings::Settings;
use crate::turn::Turn;

/// The time for which a refusal is cached. A loop with invalid settings must not flood Entra ID, and a
/// correction there should take effect soon.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);
/// The number of consecutive new tokens that the environment may refuse. After that, the next request has to
/// wait.
const FRUITLESS: u32 = 3;

/// All inputs of a token request.
#[derive(PartialEq, Eq)]
pub(super) struct TokenKey {
    /// Errors and tokens contain the credential names of the settings.
    names: &'static str,
    token_url: String,
    client_id: String,
    scope: String,
    credentials: Vec<[u8; 32]>,
}

impl TokenKey {
    pub(super) fn of(settings: &Settings, tenant: &str) -> Self {
        Self {
            names: settings.names.credentials,
            token_url: settings.token_url(tenant),
            client_id: settings.client_id.clone(),
            scope: settings.scope.clone(),
            credentials: settings
                .credentials
                .iter()
                .map(|named| named.credential.fingerprint())
                .collect(),
        }
    }
}

/// The state of one identity. Times are by the monotonic clock.
#[derive(Default)]
pub(super) struct Slot {
    /// Held during a token request, so that there is only one at a time.
    pub turn: Turn,
    pub token: RefCell<Option<Rc<Token>>>,
    /// The claims that the environment requires of the next token.
    pub claims: RefCell<Option<Value>>,
    /// The index of the credential that was accepted last.
    pub accepted: Cell<usize>,
    /// Before this time, a failed early renewal is not repeated.
    pub no_renewal_before: Cell<Duration>,
    /// The cached refusal, and its end.
    refusal: RefCell<Option<(Error, Duration)>>,
    /// The number of consecutive tokens that the environment refused without ever accepting them.
    refused_in_a_row: Cell<u32>,
    /// Before this time, no new token is requested, because the environment refused too many.
    no_other_before: Cell<Duration>,
}

impl Slot {
    /// The token, unless it has expired.
    pub(super) fn living(&self, host: &impl Host) -> Option<Rc<Token>> {
        let token = self.token.borrow();
        token.as_ref().filter(|token| token.lives(host.now())).map(Rc::clone)
    }

    /// Removes a token. Returns whether it was still cached.
    pub(super) fn forget(&self, token: &Rc<Token>) -> bool {
        let mut kept = self.token.borrow_mut();
        kept.take_if(|kept| Rc::ptr_eq(kept, token)).is_some()
    }

    /// Resets the count of refused tokens, because the environment accepted one.
    pub(super) fn accept(&self) {
        self.refused_in_a_row.set(0);
    }

    /// Counts a token that the environment refused.
    pub(super) fn count_refusal(&self, host: &impl Host, has_served: bool) {
        let in_a_row = if has_served {
            0
        } else {
            self.refused_in_a_row.get().saturating_add(1)
        };
        self.refused_in_a_row.set(in_a_row);
        if in_a_row >= FRUITLESS {
            self.no_other_before.set(host.elapsed().saturating_add(AFTER_REFUSAL));
        }
    }

    /// Whether so many tokens were refused that a new one is useless for now.
    pub(super) fn is_fruitless(&self, host: &impl Host) -> bool {
        host.elapsed() < self.no_other_before.get()
    }

    /// Caches the outcome of a token request.
    pub(super) fn remember(&self, host: &impl Host, error: Option<&Error>) {
        let refusal = error.and_then(|error| {
            let wait = left_alone_for(error)?;
            Some((error.clone(), host.elapsed().saturating_add(wait)))
        });
        *self.refusal.borrow_mut() = refusal;
    }

    /// The cached error, with the remaining wait.
    pub(super) fn remembered(&self, host: &impl Host) -> Option<Error> {
        let (mut error, until) = self.refusal.borrow().clone()?;
        let left = until.checked_sub(host.elapsed()).filter(|left| !left.is_zero())?;
        let whole = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
        let seconds = Some(u32::try_from(whole).unwrap_or(u32::MAX));
        if let Error::Failed(failed) = &mut error {
            match &mut failed.reason {
                Reason::Throttled(throttled) => throttled.retry_after_seconds = seconds,
                Reason::NoAnswer(failure) => failure.retry_after_seconds = seconds,
                Reason::EntraId(_) | Reason::Dataverse(_) => {}
            }
        }
        Some(error)
    }

    /// Whether the slot contains nothing worth keeping.
    pub(super) fn is_idle(&self, host: &impl Host) -> bool {
        let now = host.now();
        let lives = self.token.borrow().as_ref().is_some_and(|token| token.lives(now));
        let refusal = self.refusal.borrow();
        let counts = refusal.as_ref().is_some_and(|(_, until)| host.elapsed() < *until);
        !lives && !counts
    }
}

/// How long an error is cached before Entra ID is contacted again: as long as it requests, at most an hour.
/// An outage without a requested wait is not cached, because it may end at any time.
pub(super) fn left_alone_for(error: &Error) -> Option<Duration> {
    const LONGEST: u32 = 3600;
    match error {
        Error::Failed(failed) => match &failed.reason {
            Reason::EntraId(_) => Some(AFTER_REFUSAL),
            reason => Some(Duration::from_secs(retry::wait_asked_for(reason)?.min(LONGEST).into())),
        },
        Error::InvalidSettings(_) => Some(AFTER_REFUSAL),
        Error::InvalidRequest(_) => None,
    }
}
