//! The access tokens that were issued: the token endpoint writes here, Dataverse looks them up.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::config::Config;
use crate::response::lock;
use crate::signing;

pub(crate) struct Tokens {
    times: Mutex<Times>,
    issued: Mutex<HashMap<String, Issued>>,
}

#[derive(Clone, Copy)]
struct Times {
    lifetime: Duration,
    refresh_in: Option<Duration>,
}

#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) client_id: String,
    pub(crate) audience: String,
    pub(crate) expires: i64,
    pub(crate) requested: Requested,
}

/// A new token, and its times in seconds.
pub(crate) struct Granted {
    pub(crate) token: String,
    pub(crate) expires_in: u64,
    pub(crate) refresh_in: Option<u64>,
}

/// The claims that the client requested for its access token.
#[derive(Clone, Default)]
pub(crate) struct Requested(pub(crate) Map<String, Value>);

impl Requested {
    /// Whether the client declared that it can handle a claims challenge (docs/facts/entra.md, 2.6): `CP1`.
    ///
    /// Guess: case-insensitive, as Microsoft's documentation uses both.
    pub(crate) fn can_be_challenged(&self) -> bool {
        let capabilities = self.0.get("xms_cc").and_then(|claim| claim["values"].as_array());
        capabilities.is_some_and(|values| {
            let texts = values.iter().filter_map(Value::as_str);
            texts.into_iter().any(|value| value.eq_ignore_ascii_case("CP1"))
        })
    }

    /// Guess: claims are met if they were requested exactly as demanded.
    pub(crate) fn meets(&self, demanded: &Map<String, Value>) -> bool {
        demanded.iter().all(|(name, value)| self.0.get(name) == Some(value))
    }
}

impl Tokens {
    pub(crate) fn new(config: &Config) -> Tokens {
        let times = Times {
            lifetime: config.token_lifetime,
            refresh_in: config.refresh_in,
        };
        Tokens {
            times: Mutex::new(times),
            issued: Mutex::default(),
        }
    }

    pub(crate) fn set_lifetime(&self, lifetime: Duration) {
        lock(&self.times).lifetime = lifetime;
    }

    pub(crate) fn set_refresh_in(&self, refresh_in: Option<Duration>) {
        lock(&self.times).refresh_in = refresh_in;
    }

    pub(crate) fn revoke_all(&self) {
        lock(&self.issued).clear();
    }

    pub(crate) fn issue(
        &self,
        client_id: &str,
        tenant_id: &str,
        audience: &str,
        requested: Requested,
        now: i64,
    ) -> Granted {
        let times = *lock(&self.times);
        let expires_in = times.lifetime.as_secs();
        let expires = now.saturating_add_unsigned(expires_in);
        // Real ones are JWTs, too. The signature is not checked here: a token is valid if it was issued here.
        let mut claims = json!({
            "aud": audience, "iss": format!("https://sts.windows.net/{tenant_id}/"), "iat": now, "nbf": now,
            "exp": expires, "appid": client_id, "tid": tenant_id, "ver": "1.0", "uti": Uuid::new_v4().to_string(),
        });
        // docs/facts/entra.md, 2.6: how the resource learns it.
        if requested.can_be_challenged() {
            claims["xms_cc"] = json!(["CP1"]);
        }
        let token = signing::sign(&claims);
        let issued = Issued {
            client_id: client_id.into(),
            audience: audience.into(),
            expires,
            requested,
        };
        lock(&self.issued).insert(token.clone(), issued);
        Granted {
            token,
            expires_in,
            refresh_in: times.refresh_in.map(|time| time.as_secs()),
        }
    }

    pub(crate) fn find(&self, token: &str) -> Option<Issued> {
        lock(&self.issued).get(token).cloned()
    }
}
