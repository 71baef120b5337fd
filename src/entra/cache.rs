//! What an instance knows of one identity: its token, and when Entra ID is to be left alone.

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

/// So long a refusal is answered out of memory: a loop over broken settings must not hammer Entra ID, and who has corrected
/// them there wants to see it soon.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);
/// After so many new tokens in a row that the environment did not accept, another is not asked for so soon.
const FRUITLESS: u32 = 3;

/// All that a token is asked for with.
#[derive(PartialEq, Eq)]
pub(super) struct TokenKey {
    /// Errors and tokens name credentials as their settings do.
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

/// What is known of one identity. Times are by the clock that is never set.
#[derive(Default)]
pub(super) struct Slot {
    /// Held while Entra ID is asked, so that it is not asked twice at once.
    pub turn: Turn,
    pub token: RefCell<Option<Rc<Token>>>,
    /// Claims that the environment demands of the next token.
    pub claims: RefCell<Option<Value>>,
    /// The place of the credential that worked last.
    pub accepted: Cell<usize>,
    /// Until when a failed early renewal is not tried again.
    pub no_renewal_before: Cell<Duration>,
    /// What was refused, and until when that is believed.
    refusal: RefCell<Option<(Error, Duration)>>,
    /// How many tokens in a row the environment refused without having accepted them before.
    refused_in_a_row: Cell<u32>,
    /// Until when no other token is asked for, since it accepted none of those.
    no_other_before: Cell<Duration>,
}

impl Slot {
    /// The token, if it lives.
    pub(super) fn living(&self, host: &impl Host) -> Option<Rc<Token>> {
        let token = self.token.borrow();
        token.as_ref().filter(|token| token.lives(host.now())).map(Rc::clone)
    }

    /// Lets go of a token, and says whether it was still there.
    pub(super) fn forget(&self, token: &Rc<Token>) -> bool {
        let mut kept = self.token.borrow_mut();
        kept.take_if(|kept| Rc::ptr_eq(kept, token)).is_some()
    }

    /// Notes that the environment accepted a token.
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

    /// Whether so many tokens were refused in a row that another is of no use for now.
    pub(super) fn is_fruitless(&self, host: &impl Host) -> bool {
        host.elapsed() < self.no_other_before.get()
    }

    /// Notes the outcome of a request for a token.
    pub(super) fn remember(&self, host: &impl Host, error: Option<&Error>) {
        let refusal = error.and_then(|error| {
            let wait = left_alone_for(error)?;
            Some((error.clone(), host.elapsed().saturating_add(wait)))
        });
        *self.refusal.borrow_mut() = refusal;
    }

    /// The error that still holds, with what is left of the wait.
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

    /// Whether nothing of it is worth keeping.
    pub(super) fn is_idle(&self, host: &impl Host) -> bool {
        let now = host.now();
        let lives = self.token.borrow().as_ref().is_some_and(|token| token.lives(now));
        let refusal = self.refusal.borrow();
        let counts = refusal.as_ref().is_some_and(|(_, until)| host.elapsed() < *until);
        !lives && !counts
    }
}

/// How long Entra ID is left alone after an error, which is answered out of memory until then: as long as it asks, an hour at
/// most. An outage without such a wish is not remembered, as it may be over at any time.
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
