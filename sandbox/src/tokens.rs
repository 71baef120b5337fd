//! The access tokens that were issued: the token endpoint writes here, Dataverse looks them up.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use uuid::Uuid;

use crate::response::lock;

pub(crate) struct Tokens {
    lifetime: AtomicU64,
    issued: Mutex<HashMap<String, Issued>>,
}

#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) client_id: String,
    pub(crate) audience: String,
    pub(crate) expires: i64,
}

impl Tokens {
    pub(crate) fn new(lifetime: Duration) -> Tokens {
        Tokens {
            lifetime: AtomicU64::new(lifetime.as_secs()),
            issued: Mutex::default(),
        }
    }

    pub(crate) fn set_lifetime(&self, lifetime: Duration) {
        self.lifetime.store(lifetime.as_secs(), Ordering::Relaxed);
    }

    pub(crate) fn revoke_all(&self) {
        lock(&self.issued).clear();
    }

    /// Issues a token and says for how many seconds it is good.
    pub(crate) fn issue(&self, client_id: &str, tenant_id: &str, audience: &str, now: i64) -> (String, u64) {
        let lifetime = self.lifetime.load(Ordering::Relaxed);
        let expires = now.saturating_add_unsigned(lifetime);
        // Shaped as a JWT because real ones are; nobody checks the signature, a token is good when it was issued here.
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": "sandbox"});
        let claims = json!({
            "aud": audience, "iss": format!("https://sts.windows.net/{tenant_id}/"), "iat": now, "nbf": now,
            "exp": expires, "appid": client_id, "tid": tenant_id, "ver": "1.0", "uti": Uuid::new_v4().to_string(),
        });
        let signature: Vec<u8> = (0..16).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let token = format!(
            "{}.{}.{}",
            part(header.to_string().as_bytes()),
            part(claims.to_string().as_bytes()),
            part(&signature)
        );
        let issued = Issued {
            client_id: client_id.into(),
            audience: audience.into(),
            expires,
        };
        lock(&self.issued).insert(token.clone(), issued);
        (token, lifetime)
    }

    pub(crate) fn find(&self, token: &str) -> Option<Issued> {
        lock(&self.issued).get(token).cloned()
    }
}
