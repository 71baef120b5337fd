//! The tokens that the instance holds, and when a new one is asked for.

mod advice;
pub mod answer;
pub mod assertion;
mod cache;
mod clock;
mod endpoint;
mod renewal;
mod rotation;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderMap;
use zeroize::Zeroizing;

use crate::contract::types::{Error, UsedCredential};
use crate::dataverse::tenant;
use crate::host::{Host, Timeouts};
use crate::http::challenge;
use crate::log;
use crate::retry::Budget;
use crate::settings::Settings;
use cache::{Identity, Slot, left_alone_for};
use endpoint::Granted;
use rotation::{Rotation, Wanted};

/// An early renewal that failed is not tried again for so long.
const AFTER_FAILED_RENEWAL: Duration = Duration::from_secs(30);
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
    /// better: one that was new and lacked no claim would be refused again. After a few new ones in a row the last is kept for a
    /// while, so that a loop over what no token can satisfy does not ask Entra ID for another each time.
    pub fn refuse(&self, host: &impl Host, refused: &Acquired, headers: &HeaderMap) -> bool {
        let slot = &refused.slot;
        let is_new = !refused.was_kept && slot.holds(&refused.token);
        if slot.is_fruitless(host, is_new) {
            return false;
        }
        let claims = challenge::demanded_claims(headers);
        let may_do_better = !is_new || claims.is_some();
        // Not one that has taken its place since.
        slot.token.borrow_mut().take_if(|kept| Rc::ptr_eq(kept, &refused.token));
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
                log::note(format_args!(
                    "no new token yet, the old one serves on for {} s: {}",
                    kept.expires_at.saturating_sub(host.now()),
                    crate::error::summary(&error)
                ));
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
        let identity = Identity::of(settings, tenant);
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

#[cfg(test)]
mod tests;
