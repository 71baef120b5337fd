//! The tokens that the instance holds, and when a new one is asked for.

mod answer;
mod endpoint;

use std::cell::RefCell;
use std::rc::Rc;

use zeroize::Zeroizing;

use crate::contract::types::Error;
use crate::host::Host;
use crate::retry::Budget;
use crate::settings::Settings;

/// A token is not used in its last five minutes, as in Microsoft's own libraries: it must outlive the request it is sent
/// with, and clocks differ.
const MARGIN: u64 = 300;

/// A token, wiped when dropped.
pub struct Token {
    text: Zeroizing<String>,
    obtained_at: u64,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
}

impl Token {
    /// The token itself, for the environment's origin and for the caller who asks for it.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// A token from the future means that the clock was set back: its end cannot be trusted then.
    fn is_fresh(&self, now: u64) -> bool {
        self.obtained_at <= now && now.saturating_add(MARGIN) < self.expires_at
    }
}

/// A token and whether it was there before the call.
pub struct Acquired {
    /// The token.
    pub token: Rc<Token>,
    /// Whether it was kept from an earlier call, so that the service may have revoked it since.
    pub was_kept: bool,
}

/// The tokens that the instance holds, by all that selects the identity.
#[derive(Default)]
pub struct Tokens(RefCell<Vec<(Identity, Rc<Token>)>>);

#[derive(PartialEq, Eq)]
struct Identity {
    token_url: String,
    client_id: String,
    scope: String,
    credential: [u8; 32],
}

impl Identity {
    fn of(settings: &Settings) -> Self {
        Self {
            token_url: settings.token_url.clone(),
            client_id: settings.client_id.clone(),
            scope: settings.scope.clone(),
            credential: settings.credential.fingerprint(),
        }
    }
}

impl Tokens {
    /// A token that is kept and fresh, or a new one.
    ///
    /// # Errors
    /// `entra-id`, `throttled`, `unavailable`; `invalid-settings` when the key cannot sign.
    pub async fn acquire(&self, host: &impl Host, settings: &Settings, budget: &Budget) -> Result<Acquired, Error> {
        let identity = Identity::of(settings);
        let now = host.now();
        let kept = self.kept(&identity).filter(|token| token.is_fresh(now));
        if let Some(token) = kept {
            return Ok(Acquired { token, was_kept: true });
        }
        let token = Rc::new(endpoint::request(host, settings, budget).await?);
        let mut tokens = self.0.borrow_mut();
        tokens.retain(|(kept, token)| *kept != identity && token.is_fresh(now));
        tokens.push((identity, Rc::clone(&token)));
        Ok(Acquired { token, was_kept: false })
    }

    /// Forgets a token that the environment did not accept; not one that has taken its place since.
    pub fn forget(&self, refused: &Rc<Token>) {
        self.0.borrow_mut().retain(|(_, kept)| !Rc::ptr_eq(kept, refused));
    }

    fn kept(&self, identity: &Identity) -> Option<Rc<Token>> {
        let tokens = self.0.borrow();
        let (_, token) = tokens.iter().find(|(kept, _)| kept == identity)?;
        Some(Rc::clone(token))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pollster::block_on;

    use super::*;
    use crate::host::fake::FakeHost;
    use crate::settings::tests::contoso;

    const ONE: &[&str] = &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#];
    const TWO: &[&str] = &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"two"}"#];

    async fn acquire(tokens: &Tokens, host: &FakeHost) -> Result<Acquired, Error> {
        let budget = Budget::start(host, Duration::ZERO);
        tokens.acquire(host, &contoso(), &budget).await
    }

    fn token(tokens: &Tokens, host: &FakeHost) -> String {
        block_on(acquire(tokens, host)).unwrap().token.reveal().to_owned()
    }

    #[test]
    fn a_token_is_kept_until_five_minutes_before_its_end() {
        let host = FakeHost::new([(200, ONE), (200, TWO)]);
        let tokens = Tokens::default();
        let start = host.now();
        assert_eq!(token(&tokens, &host), "one");
        host.clock.set(start + 3600 - 301);
        assert_eq!(token(&tokens, &host), "one");
        host.clock.set(start + 3600 - 300);
        assert_eq!(token(&tokens, &host), "two");
        assert_eq!(tokens.0.borrow().len(), 1, "the old one is gone");
    }

    #[test]
    fn a_clock_that_was_set_back_ends_a_token() {
        let host = FakeHost::new([(200, ONE), (200, TWO)]);
        let tokens = Tokens::default();
        assert_eq!(token(&tokens, &host), "one");
        host.clock.set(host.now() - 1);
        assert_eq!(token(&tokens, &host), "two");
    }

    #[test]
    fn a_forgotten_token_is_asked_for_again() {
        let host = FakeHost::new([(200, ONE), (200, TWO)]);
        let tokens = Tokens::default();
        assert_eq!(token(&tokens, &host), "one");
        assert!(block_on(acquire(&tokens, &host)).unwrap().was_kept);
        let other = Rc::new(Token {
            text: Zeroizing::new("other".to_owned()),
            obtained_at: 0,
            expires_at: 0,
        });
        tokens.forget(&other);
        let kept = block_on(acquire(&tokens, &host)).unwrap();
        assert!(kept.was_kept, "another token was refused");
        tokens.forget(&kept.token);
        let acquired = block_on(acquire(&tokens, &host)).unwrap();
        assert_eq!((acquired.token.reveal(), acquired.was_kept), ("two", false));
    }

    #[test]
    fn a_refusal_is_not_kept() {
        let refused: &[&str] = &[r#"{"error":"invalid_client","error_codes":[7000215]}"#];
        let host = FakeHost::new([(401, refused), (200, ONE)]);
        let tokens = Tokens::default();
        match block_on(acquire(&tokens, &host)).map(|_| ()) {
            Err(Error::EntraId(error)) => assert_eq!((error.status, error.error_codes), (401, vec![7_000_215])),
            other => panic!("{other:?}"),
        }
        assert_eq!(token(&tokens, &host), "one");
    }

    #[test]
    fn a_token_that_never_ends_does_not_overflow() {
        let host = FakeHost::new([(
            200,
            [r#"{"token_type":"Bearer","expires_in":18446744073709551615,"access_token":"x"}"#].as_slice(),
        )]);
        assert_eq!(token(&Tokens::default(), &host), "x");
    }
}
