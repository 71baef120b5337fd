//! Authenticates requests by their token, and makes the 401 for invalid ones.

use std::sync::Mutex;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::config::Config;
use crate::request::Received;
use crate::response::{Answer, append, empty, lock};
use crate::shared::Shared;
use crate::tokens::Issued;

pub(crate) struct Challenge {
    tenant_id: String,
    demanded: Mutex<Option<Demand>>,
    instead: Mutex<Option<String>>,
}

#[derive(Clone)]
struct Demand {
    json: String,
    access_token: Map<String, Value>,
}

impl Challenge {
    pub(crate) fn new(config: &Config) -> Challenge {
        Challenge {
            tenant_id: config.tenant_id.clone(),
            demanded: Mutex::default(),
            instead: Mutex::default(),
        }
    }

    /// From now on, only tokens that were requested with these claims are valid; `None` ends this.
    pub(crate) fn demand(&self, json: Option<&str>) -> anyhow::Result<()> {
        let demand = json.map(|json| {
            let claims: Value = serde_json::from_str(json)?;
            let access_token = claims["access_token"].as_object();
            anyhow::Ok(Demand {
                json: json.into(),
                access_token: access_token.context("no claims for an access_token")?.clone(),
            })
        });
        *lock(&self.demanded) = demand.transpose()?;
        Ok(())
    }

    /// From now on, this is the `WWW-Authenticate` of every 401; `None` ends this.
    pub(crate) fn set_instead(&self, instead: Option<String>) {
        *lock(&self.instead) = instead;
    }

    /// The application that the token was issued to, or the refusal.
    pub(super) fn client(&self, request: &Received, shared: &Shared) -> Result<String, Answer> {
        let Some(issued) = bearer(request, shared) else {
            return Err(self.unauthorized(&self.no_token(shared)));
        };
        match lock(&self.demanded).as_ref() {
            Some(demand) if !issued.requested.meets(&demand.access_token) => {
                // docs/facts/entra.md, 2.6: a challenge is for clients that declared that they can handle
                // it. Guess: others get the answer for an invalid token.
                let challenge = if issued.requested.can_be_challenged() {
                    insufficient_claims(demand, shared)
                } else {
                    self.no_token(shared)
                };
                Err(self.unauthorized(&challenge))
            }
            _ => Ok(issued.client_id),
        }
    }

    /// docs/facts/dataverse.md, 1.1
    fn no_token(&self, shared: &Shared) -> String {
        format!(
            "Bearer authorization_uri={origin}/{tenant}/oauth2/authorize, resource_id={origin}/",
            origin = shared.origin,
            tenant = self.tenant_id
        )
    }

    /// The body is unverified (docs/facts/dataverse.md, 1.1): clients assume that it may be empty.
    fn unauthorized(&self, challenge: &str) -> Answer {
        let mut answer = empty(StatusCode::UNAUTHORIZED);
        let instead = lock(&self.instead);
        append(&mut answer, "www-authenticate", instead.as_deref().unwrap_or(challenge));
        append(&mut answer, "req_id", &Uuid::new_v4().to_string());
        answer
    }
}

/// docs/facts/entra.md, 2.6, <https://learn.microsoft.com/entra/identity-platform/claims-challenge>. It is
/// unverified whether Dataverse ever sends this.
fn insufficient_claims(demand: &Demand, shared: &Shared) -> String {
    format!(
        "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", error=\"insufficient_claims\", claims=\"{}\"",
        shared.origin,
        STANDARD.encode(&demand.json)
    )
}

fn bearer(request: &Received, shared: &Shared) -> Option<Issued> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    let issued = shared.tokens.find(token.trim())?;
    // docs/facts/entra.md, 3: 401 for a wrong audience or an expired token.
    let good = scheme.eq_ignore_ascii_case("bearer")
        && issued.audience == shared.origin
        && issued.expires > shared.clock.unix();
    good.then_some(issued)
}
