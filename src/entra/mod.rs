//! The tokens that the instance holds, and when a new one is asked for.

mod advice;
pub(crate) mod answer;
pub(crate) mod assertion;
mod cache;
mod clock;
mod codes;
mod endpoint;
mod refusal;
mod renewal;
mod rotation;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use http::HeaderMap;
use zeroize::Zeroizing;

use crate::credential::Used;
use crate::error::Error;
use crate::host::{Host, Timeouts};
use crate::http::challenge;
use crate::log;
use crate::retry::Budget;
use crate::settings::Settings;
use cache::{Slot, TokenKey, left_alone_for};
use endpoint::Granted;
use rotation::{Rotation, Wanted};

/// An early renewal that failed is not tried again for so long.
const AFTER_FAILED_RENEWAL: Duration = Duration::from_secs(30);
/// While there is a token that still serves, a call does not wait longer than this for any one step of getting its successor.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The tokens of so many identities are kept; beyond that the oldest makes room.
const MAX_SLOTS: usize = 256;

/// A token, wiped when dropped.
pub(crate) struct Token {
    text: Zeroizing<String>,
    obtained_at: u64,
    renew_at: u64,
    /// Whether the environment has accepted it.
    has_served: Cell<bool>,
    /// Whether the environment has refused it.
    is_refused: Cell<bool>,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
    /// The tenant it was asked of.
    pub tenant: String,
    /// The credential that got it.
    pub credential: Used,
}

/// A token as it is handed to those who ask for one.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token itself.
    pub token: Zeroizing<String>,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
    /// In how many seconds it ends.
    pub expires_in: u32,
    /// What it is for: the scope without `/.default`.
    pub audience: String,
    /// The tenant that issued it.
    pub tenant: String,
    /// The credential that got it.
    pub credential: Used,
}

impl Token {
    /// The token itself, for the environment's origin and for the caller who asks for it.
    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }

    /// The token with what there is to say of it. `now` is in seconds since 1970.
    pub(crate) fn describe(&self, settings: &Settings, now: u64) -> AccessToken {
        let scope = &settings.scope;
        AccessToken {
            token: self.text.clone(),
            expires_at: self.expires_at,
            expires_in: u32::try_from(self.expires_at.saturating_sub(now)).unwrap_or(u32::MAX),
            audience: scope.strip_suffix("/.default").unwrap_or(scope).to_owned(),
            tenant: self.tenant.clone(),
            credential: self.credential.clone(),
        }
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
pub(crate) struct Acquired {
    /// The token.
    pub token: Rc<Token>,
    /// Whether it was there before the call, so that the service may have revoked it since.
    was_kept: bool,
    slot: Rc<Slot>,
}

/// The tokens that the instance holds, by all that selects the identity.
#[derive(Default)]
pub(crate) struct Tokens {
    slots: RefCell<Vec<(TokenKey, Rc<Slot>)>>,
    rotation: Rotation,
}

impl Tokens {
    /// A token that is kept and fresh, or a new one; or one that is kept and still lives, when there is no new one. One caller
    /// asks Entra ID; others use the living token meanwhile, or wait for the outcome where there is none.
    ///
    /// # Errors
    /// `entra-id`, `throttled`, `unavailable`; `invalid-settings` when no credential can be used.
    pub(crate) async fn acquire(
        &self,
        host: &impl Host,
        settings: &Settings,
        tenant: &str,
        budget: &Budget,
    ) -> Result<Acquired, Error> {
        let slot = self.slot(host, settings, tenant);
        if let Some(kept) = slot.living(host) {
            if kept.is_fresh(host.now()) || host.elapsed() < slot.no_renewal_before.get() {
                return Ok(Acquired::kept(kept, &slot));
            }
            return Ok(match slot.turn.take() {
                Some(_turn) => self.renew(host, settings, tenant, &slot, kept).await,
                None => Acquired::kept(kept, &slot),
            });
        }
        let _turn = slot.turn.wait().await?;
        // Somebody else may have asked while this call waited.
        if let Some(token) = slot.living(host) {
            return Ok(Acquired::new(token, &slot));
        }
        match slot.remembered(host) {
            Some(error) => Err(error),
            None => self.obtain(host, settings, tenant, &slot, budget).await,
        }
    }

    /// Notes that the environment accepted a token.
    pub(crate) fn accept(&self, accepted: &Acquired) {
        accepted.token.has_served.set(true);
        accepted.slot.accept();
    }

    /// Notes that the environment did not accept a token; `headers` are those of its 401. Says whether another token may do
    /// better: one that was new and lacked no claim would be refused again, unless another has taken its place. After a few new
    /// ones in a row the last is kept for a while, so that a loop over what no token can satisfy does not ask Entra ID for another
    /// each time.
    pub(crate) fn refuse(&self, host: &impl Host, refused: &Acquired, headers: &HeaderMap) -> bool {
        let (slot, token) = (&refused.slot, &refused.token);
        // However many callers used it, it is one token that was refused.
        if !token.is_refused.replace(true) {
            slot.count_refusal(host, token.has_served.get());
        }
        if slot.is_fruitless(host) {
            return false;
        }
        let claims = challenge::demanded_claims(headers);
        let lacks_claims = claims.is_some();
        // Not one that has taken its place since, whose claims are its own.
        if slot.forget(token) {
            *slot.claims.borrow_mut() = claims;
        }
        refused.was_kept || lacks_claims || slot.living(host).is_some()
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
        let outcome = self.ask(host, settings, tenant, slot, &settings.timeouts, budget).await;
        // An early renewal tries only once: its failure is not that of those who wait for a token.
        slot.turn.end(outcome.as_ref().err());
        outcome.map(|token| Acquired::new(token, slot))
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
            Ok(token) => Acquired::new(token, slot),
            Err(error) => {
                let wait = left_alone_for(&error).unwrap_or_default().max(AFTER_FAILED_RENEWAL);
                slot.no_renewal_before.set(host.elapsed().saturating_add(wait));
                let left = kept.expires_at.saturating_sub(host.now());
                let reason = error.summary();
                log::note(
                    host,
                    format_args!("no new token yet, the old one serves on for {left} s: {reason}"),
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
            has_served: Cell::new(false),
            is_refused: Cell::new(false),
            expires_at: asked_at.saturating_add(expires_in),
            tenant: tenant.to_owned(),
            credential,
        });
        *slot.token.borrow_mut() = Some(Rc::clone(&token));
        Ok(token)
    }

    fn slot(&self, host: &impl Host, settings: &Settings, tenant: &str) -> Rc<Slot> {
        let identity = TokenKey::of(settings, tenant);
        let mut slots = self.slots.borrow_mut();
        if let Some((_, slot)) = slots.iter().find(|(kept, _)| *kept == identity) {
            return Rc::clone(slot);
        }
        // Settings come and go in a long life; what nobody holds and nothing is known of makes room.
        slots.retain(|(_, slot)| Rc::strong_count(slot) > 1 || !slot.is_idle(host));
        if slots.len() >= MAX_SLOTS
            && let Some(oldest) = slots.iter().position(|(_, slot)| Rc::strong_count(slot) == 1)
        {
            slots.remove(oldest);
        }
        let slot = Rc::new(Slot::default());
        slots.push((identity, Rc::clone(&slot)));
        slot
    }
}

impl Acquired {
    fn new(token: Rc<Token>, slot: &Rc<Slot>) -> Self {
        Self {
            token,
            was_kept: false,
            slot: Rc::clone(slot),
        }
    }

    fn kept(token: Rc<Token>, slot: &Rc<Slot>) -> Self {
        Self {
            token,
            was_kept: true,
            slot: Rc::clone(slot),
        }
    }
}

#[cfg(test)]
mod tests;
