//! The tokens that the instance holds, and when a new one is asked for.

mod advice;
pub mod answer;
pub mod challenge;
mod clock;
mod endpoint;
mod renewal;
mod rotation;
pub mod tenant;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use async_lock::Mutex;
use http::HeaderMap;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::contract::types::{Error, UsedCredential};
use crate::host::{Host, Timeouts};
use crate::retry::{Budget, retry_after_of};
use crate::settings::Settings;
use endpoint::Granted;
use rotation::{Rotation, Wanted};

/// An early renewal that failed is not tried again for so long.
const AFTER_FAILED_RENEWAL: Duration = Duration::from_secs(30);
/// So long a refusal is answered out of memory: a loop over broken settings must not hammer Entra ID, and who has corrected
/// them there wants to see it soon.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);
/// After so many new tokens that the environment did not accept, another is not asked for so soon.
const FRUITLESS: u32 = 3;
/// While there is a token that still serves, a call does not wait longer than this for any one step of getting its successor.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(10);

/// A token, wiped when dropped.
pub struct Token {
    text: Zeroizing<String>,
    obtained_at: u64,
    renew_at: u64,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
    /// The tenant it was asked of.
    pub tenant: String,
    /// The credential that got it.
    pub credential: UsedCredential,
}

impl Token {
    /// The token itself, for the environment's origin and for the caller who asks for it.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// A token from the future means that the clock was set back: its end cannot be trusted then.
    fn lives(&self, now: u64) -> bool {
        self.obtained_at <= now && now < self.expires_at
    }

    fn is_fresh(&self, now: u64) -> bool {
        self.lives(now) && now < self.renew_at
    }
}

/// A token and whether it was there before the call.
pub struct Acquired {
    /// The token.
    pub token: Rc<Token>,
    /// Whether it was kept from an earlier call, so that the service may have revoked it since.
    was_kept: bool,
    slot: Rc<Slot>,
}

/// The tokens that the instance holds, by all that selects the identity.
#[derive(Default)]
pub struct Tokens {
    slots: RefCell<Vec<(Identity, Rc<Slot>)>>,
    /// The tenants that environments named, by environment and authority.
    tenants: RefCell<Vec<(String, String)>>,
    rotation: Rotation,
}

#[derive(PartialEq, Eq)]
struct Identity {
    /// Errors and tokens name credentials as their settings do.
    names: &'static str,
    token_url: String,
    client_id: String,
    scope: String,
    credentials: Vec<[u8; 32]>,
}

/// What is kept of one identity.
#[derive(Default)]
struct Slot {
    /// Held while Entra ID is asked, so that it is not asked twice at once.
    turn: Mutex<()>,
    token: RefCell<Option<Rc<Token>>>,
    /// Until when, by the clock that is never set, a failed early renewal is not tried again.
    no_renewal_before: Cell<Duration>,
    /// How many new tokens the environment did not accept, one after the other.
    refused_in_a_row: Cell<u32>,
    /// Until when no other token is asked for, since it accepted none of those.
    no_other_before: Cell<Duration>,
    /// What was refused, and until when that is believed.
    refusal: RefCell<Option<(Error, Duration)>>,
    /// Claims that the environment demands of the next token.
    claims: RefCell<Option<Value>>,
    /// The place of the credential that worked last.
    accepted: Cell<usize>,
}

impl Tokens {
    /// A token that is kept and fresh, or a new one; or one that is kept and still lives, when there is no new one.
    ///
    /// # Errors
    /// `entra-id`, `throttled`, `unavailable`; `invalid-settings` when no credential can be used, or the tenant is not found.
    pub async fn acquire(&self, host: &impl Host, settings: &Settings, budget: &Budget) -> Result<Acquired, Error> {
        let tenant = self.tenant(host, settings, budget).await?;
        let slot = self.slot(host, settings, &tenant);
        let _turn = slot.turn.lock().await;
        let now = host.now();
        let kept = slot.token.borrow().clone();
        if let Some(token) = kept.clone().filter(|token| token.is_fresh(now)) {
            return Ok(Acquired::kept(token, &slot));
        }
        match kept.filter(|token| token.lives(now)) {
            Some(token) if host.elapsed() < slot.no_renewal_before.get() => Ok(Acquired::kept(token, &slot)),
            Some(token) => Ok(self.renew(host, settings, &tenant, &slot, token).await),
            None => self.obtain(host, settings, &tenant, &slot, budget).await,
        }
    }

    /// Notes that the environment did not accept a token; `headers` are those of its 401. Says whether another token may do
    /// better: one that was new and lacked no claim would be refused again. After a few of those the last is kept for a while, so
    /// that a loop over wrong settings does not ask Entra ID for another each time.
    pub fn refuse(&self, host: &impl Host, refused: &Acquired, headers: &HeaderMap) -> bool {
        let slot = &refused.slot;
        let claims = challenge::demanded_claims(headers);
        if claims.is_none() {
            let is_new = !refused.was_kept && slot.holds(&refused.token);
            let in_a_row = if is_new {
                slot.refused_in_a_row.get().saturating_add(1)
            } else {
                0
            };
            slot.refused_in_a_row.set(in_a_row);
            if in_a_row >= FRUITLESS {
                slot.no_other_before.set(host.elapsed().saturating_add(AFTER_REFUSAL));
            }
            if host.elapsed() < slot.no_other_before.get() {
                return false;
            }
        }
        // Not one that has taken its place since.
        slot.token.borrow_mut().take_if(|kept| Rc::ptr_eq(kept, &refused.token));
        let may_do_better = slot.refused_in_a_row.get() == 0 || claims.is_some();
        *slot.claims.borrow_mut() = claims;
        may_do_better
    }

    /// A new token, as there is none.
    async fn obtain(
        &self,
        host: &impl Host,
        settings: &Settings,
        tenant: &str,
        slot: &Rc<Slot>,
        budget: &Budget,
    ) -> Result<Acquired, Error> {
        if let Some(error) = slot.remembered(host) {
            return Err(error);
        }
        let outcome = self.ask(host, settings, tenant, slot, &settings.timeouts, budget).await;
        outcome.map(|token| Acquired {
            token,
            was_kept: false,
            slot: Rc::clone(slot),
        })
    }

    /// A new token before the end of the one that is there, which serves on when there is none.
    async fn renew(
        &self,
        host: &impl Host,
        settings: &Settings,
        tenant: &str,
        slot: &Rc<Slot>,
        kept: Rc<Token>,
    ) -> Acquired {
        let timeouts = settings.timeouts.at_most(RENEWAL_TIMEOUT);
        let once = Budget::start(host, Duration::ZERO);
        match self.ask(host, settings, tenant, slot, &timeouts, &once).await {
            Ok(token) => Acquired {
                token,
                was_kept: false,
                slot: Rc::clone(slot),
            },
            Err(error) => {
                let wait = left_alone_for(&error).unwrap_or_default().max(AFTER_FAILED_RENEWAL);
                slot.no_renewal_before.set(host.elapsed().saturating_add(wait));
                eprintln!(
                    "dynamics365: no new token yet, the old one serves on for {} s: {}",
                    kept.expires_at.saturating_sub(host.now()),
                    crate::error::summary(&error)
                );
                Acquired::kept(kept, slot)
            }
        }
    }

    async fn ask(
        &self,
        host: &impl Host,
        settings: &Settings,
        tenant: &str,
        slot: &Slot,
        timeouts: &Timeouts,
        budget: &Budget,
    ) -> Result<Rc<Token>, Error> {
        // For this request only: should they be demanded still, the next 401 says so.
        let claims = slot.claims.borrow_mut().take();
        let wanted = Wanted {
            settings,
            tenant,
            claims: claims.as_ref(),
            timeouts,
            accepted: &slot.accepted,
        };
        let asked_at = host.now();
        let outcome = self.rotation.obtain(host, &wanted, budget).await;
        slot.remember(host, outcome.as_ref().err());
        let (granted, credential) = outcome?;
        let Granted {
            text,
            expires_in,
            refresh_in,
        } = granted;
        let renew_in = renewal::renew_in(host, expires_in, refresh_in);
        let token = Rc::new(Token {
            text,
            obtained_at: asked_at,
            renew_at: asked_at.saturating_add(renew_in),
            expires_at: asked_at.saturating_add(expires_in),
            tenant: tenant.to_owned(),
            credential,
        });
        *slot.token.borrow_mut() = Some(Rc::clone(&token));
        Ok(token)
    }

    async fn tenant(&self, host: &impl Host, settings: &Settings, budget: &Budget) -> Result<String, Error> {
        if let Some(tenant) = &settings.tenant {
            return Ok(tenant.clone());
        }
        let key = format!("{} {}", settings.environment, settings.authority);
        let found = |tenants: &[(String, String)]| {
            let (_, tenant) = tenants.iter().find(|(known, _)| *known == key)?;
            Some(tenant.clone())
        };
        if let Some(tenant) = found(&self.tenants.borrow()) {
            return Ok(tenant);
        }
        let tenant = tenant::discover(host, settings, budget).await?;
        self.tenants.borrow_mut().push((key, tenant.clone()));
        Ok(tenant)
    }

    fn slot(&self, host: &impl Host, settings: &Settings, tenant: &str) -> Rc<Slot> {
        let identity = Identity {
            names: settings.names.credentials,
            token_url: settings.token_url(tenant),
            client_id: settings.client_id.clone(),
            scope: settings.scope.clone(),
            credentials: settings
                .credentials
                .iter()
                .map(|named| named.credential.fingerprint())
                .collect(),
        };
        let mut slots = self.slots.borrow_mut();
        if let Some((_, slot)) = slots.iter().find(|(kept, _)| *kept == identity) {
            return Rc::clone(slot);
        }
        // Settings come and go in a long life; what nobody holds and nothing is known of makes room.
        slots.retain(|(_, slot)| Rc::strong_count(slot) > 1 || !slot.is_idle(host));
        let slot = Rc::new(Slot::default());
        slots.push((identity, Rc::clone(&slot)));
        slot
    }
}

impl Acquired {
    fn kept(token: Rc<Token>, slot: &Rc<Slot>) -> Self {
        Self {
            token,
            was_kept: true,
            slot: Rc::clone(slot),
        }
    }
}

impl Slot {
    fn holds(&self, token: &Rc<Token>) -> bool {
        self.token.borrow().as_ref().is_some_and(|kept| Rc::ptr_eq(kept, token))
    }

    /// Notes the outcome of a request for a token.
    fn remember(&self, host: &impl Host, error: Option<&Error>) {
        let refusal = error.and_then(|error| {
            let wait = left_alone_for(error)?;
            Some((error.clone(), host.elapsed().saturating_add(wait)))
        });
        *self.refusal.borrow_mut() = refusal;
    }

    /// The error that still holds, with what is left of the wait.
    fn remembered(&self, host: &impl Host) -> Option<Error> {
        let (mut error, until) = self.refusal.borrow().clone()?;
        let left = until.checked_sub(host.elapsed()).filter(|left| !left.is_zero())?;
        let seconds = u32::try_from(left.as_secs()).unwrap_or(u32::MAX);
        let seconds = if left.subsec_nanos() > 0 {
            seconds.saturating_add(1)
        } else {
            seconds
        };
        match &mut error {
            Error::Throttled(throttling) => throttling.retry_after_seconds = Some(seconds),
            Error::Unavailable(outage) => outage.retry_after_seconds = Some(seconds),
            _ => {}
        }
        Some(error)
    }

    fn is_idle(&self, host: &impl Host) -> bool {
        let now = host.now();
        let lives = self.token.borrow().as_ref().is_some_and(|token| token.lives(now));
        let refusal = self.refusal.borrow();
        let counts = refusal.as_ref().is_some_and(|(_, until)| host.elapsed() < *until);
        !lives && !counts
    }
}

/// How long Entra ID is left alone after an error, which is answered out of memory until then: as long as it asks, an hour at
/// most. An outage without such a wish is not remembered, as it may be over at any time.
fn left_alone_for(error: &Error) -> Option<Duration> {
    const LONGEST: u32 = 3600;
    match error {
        Error::EntraId(_) | Error::InvalidSettings(_) => Some(AFTER_REFUSAL),
        _ => Some(Duration::from_secs(retry_after_of(error)?.min(LONGEST).into())),
    }
}

#[cfg(test)]
mod tests;
