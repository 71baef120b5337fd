//! The token endpoint: `POST /{tenant}/oauth2/v2.0/token` for client credentials.

mod assertion;
mod errors;
mod form;
mod scope;

use http::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::Config;
use crate::certificate::Registered;
use crate::request::Received;
use crate::response::{Answer, answer, append};
use crate::server::State;
use assertion::Assertions;
use errors::EntraError;
use form::Form;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(crate) struct Entra {
    tenant_id: String,
    tenant_domain: Option<String>,
    registrations: Vec<Registration>,
    assertions: Assertions,
}

struct Registration {
    client_id: String,
    secrets: Vec<String>,
    certificates: Vec<Registered>,
}

impl Entra {
    pub(crate) fn new(config: &Config) -> anyhow::Result<Entra> {
        let registrations = config.applications.iter().map(|application| {
            Ok(Registration {
                client_id: application.client_id.clone(),
                secrets: application.secrets.clone(),
                certificates: application
                    .certificates
                    .iter()
                    .map(|der| Registered::read(der))
                    .collect::<anyhow::Result<_>>()?,
            })
        });
        Ok(Entra {
            tenant_id: config.tenant_id.clone(),
            tenant_domain: config.tenant_domain.clone(),
            registrations: registrations.collect::<anyhow::Result<_>>()?,
            assertions: Assertions::new(config),
        })
    }

    pub(crate) fn answer(&self, request: &Received, state: &State) -> Answer {
        let form = Form::read(request);
        let trace_id = Uuid::new_v4().to_string();
        // facts: entra 2.9: the header; MSAL for Node puts it into the form.
        let asked_id = request.header("client-request-id").or(form.get("client-request-id"));
        let asked_id = asked_id
            .and_then(|id| Uuid::try_parse(id).ok())
            .map(|id| id.to_string());
        let correlation_id = asked_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());

        let mut answer = match self.token(request, &form, state) {
            Ok(body) => answer(StatusCode::OK, "application/json; charset=utf-8", body.to_string()),
            Err(error) => error.answer(&trace_id, &correlation_id, state.clock.unix()),
        };
        append(&mut answer, "cache-control", "no-store, no-cache");
        append(&mut answer, "pragma", "no-cache");
        append(&mut answer, "x-ms-request-id", &trace_id);
        let echo = request
            .header("return-client-request-id")
            .or(form.get("return-client-request-id"));
        if let (Some(id), true) = (asked_id, echo.is_some_and(|echo| echo.eq_ignore_ascii_case("true"))) {
            append(&mut answer, "client-request-id", &id);
        }
        answer
    }

    /// Guess: the order of the checks. Microsoft documents each error, not which of two comes first.
    fn token(&self, request: &Received, form: &Form, state: &State) -> Result<serde_json::Value, EntraError> {
        if request.method != Method::POST {
            return Err(errors::only_post(&request.method));
        }
        self.check_tenant(&request.path)?;
        let grant_type = form.require("grant_type")?;
        if grant_type != "client_credentials" {
            return Err(errors::unsupported_grant(grant_type));
        }
        let client_id = form.require("client_id")?;
        let registration = self
            .registrations
            .iter()
            .find(|registration| registration.client_id.eq_ignore_ascii_case(client_id))
            .ok_or_else(|| errors::application_not_found(client_id, &self.tenant_id))?;
        let scope = form.require("scope")?;
        let audience = scope::resource(scope, &state.origin, &self.tenant_id)?;
        self.authenticate(registration, request, form, state)?;

        let (token, lifetime) =
            state
                .tokens
                .issue(&registration.client_id, &self.tenant_id, &audience, state.clock.unix());
        // facts: entra 3
        Ok(json!({
            "token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token,
        }))
    }

    fn check_tenant(&self, path: &str) -> Result<(), EntraError> {
        let tenant = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let known = path == format!("/{tenant}/oauth2/v2.0/token")
            && (tenant.eq_ignore_ascii_case(&self.tenant_id)
                || self
                    .tenant_domain
                    .as_ref()
                    .is_some_and(|domain| domain.eq_ignore_ascii_case(tenant)));
        if known {
            Ok(())
        } else {
            Err(errors::tenant_not_found(tenant))
        }
    }

    fn authenticate(
        &self,
        registration: &Registration,
        request: &Received,
        form: &Form,
        state: &State,
    ) -> Result<(), EntraError> {
        if let Some(assertion) = form.get("client_assertion") {
            // Guess: an assertion decides even when a secret is there too.
            match form.get("client_assertion_type") {
                Some(JWT_BEARER) => {}
                Some(other) => return Err(errors::unsupported_assertion_type(other)),
                None => return Err(errors::missing_parameter("client_assertion_type")),
            }
            let audience = format!("{}{}", state.origin, request.path);
            return self
                .assertions
                .check(assertion, registration, &audience, state.clock.unix());
        }
        match form.get("client_secret") {
            Some(secret) if registration.secrets.iter().any(|known| known == secret) => Ok(()),
            Some(_) => Err(errors::wrong_secret(&registration.client_id)),
            None => Err(errors::no_credential()),
        }
    }
}
