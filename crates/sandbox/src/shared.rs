//! The state that both services share.

use crate::clock::Clock;
use crate::config::Config;
use crate::tokens::Tokens;

pub(crate) struct Shared {
    /// Such as `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
}

impl Shared {
    pub(crate) fn new(config: &Config, origin: String) -> Shared {
        Shared {
            origin,
            clock: Clock::default(),
            tokens: Tokens::new(config),
        }
    }
}
