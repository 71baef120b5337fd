//! The token endpoint, `POST /{tenant}/oauth2/v2.0/token` for client credentials, and its metadata.

mod assertion;
mod claims;
mod credentials;
mod errors;
mod federated;
mod form;
mod jwt;
pub(crate) mod openid;
mod scope;
mod subject_name;
mod trusted;

use std::sync::Mutex;

use anyhow::Context;
use http::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::config::Config;
use crate::request::Received;
use crate::response::{Answer, answer, append, lock};
use crate::shared::Shared;
use assertion::Assertions;
pub(crate) use credentials::{Credentials, SubjectName};
use errors::{EntraError, by_code, client};
use form::Form;
pub(crate) use trusted::Trusted;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(crate) struct Entra {
    tenant_id: String,
    tenant_domain: Option<String>,
    applications: Mutex<Vec<Credentials>>,
    assertions: Assertions,
}

impl Entra {
    pub(crate) fn new(config: &Config) -> anyhow::Result<Entra> {
        let applications = config.applications.iter().map(Credentials::new);
        Ok(Entra {
            tenant_id: config.tenant_id.clone(),
            tenant_domain: config.tenant_domain.clone(),
            applications: Mutex::new(applications.collect::<anyhow::Result<_>>()?),
            assertions: Assertions::new(config),
        })
    }

    /// A change by an administrator while clients are running. Fails if no application has that client id.
    pub(crate) fn change(
        &self,
        client_id: &str,
        change: impl FnOnce(&mut Credentials) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut applications = lock(&self.applications);
        let application = applications.iter_mut().find(|known| known.is(client_id));
        change(application.with_context(|| format!("no application has the client id {client_id}"))?)
    }

    pub(crate) fn answer(&self, request: &Received, shared: &Shared) -> Answer {
        if openid::is_metadata(&request.path) {
            return self.metadata(request, shared);
        }
        let form = Form::read(request);
        let result = self.token(request, &form, shared);
        framed(result, request, &form, shared)
    }

    /// The refusal with that code, independent of the request.
    pub(crate) fn refuse(&self, code: u32, request: &Received, shared: &Shared) -> Answer {
        match by_code::refusal(code, tenant(&request.path)) {
            Some(refusal) => framed(Err(refusal), request, &Form::read(request), shared),
            None => {
                let text = format!("The sandbox cannot return AADSTS{code} on request.");
                answer(StatusCode::NOT_IMPLEMENTED, "text/plain", text)
            }
        }
    }

    fn metadata(&self, request: &Received, shared: &Shared) -> Answer {
        let checked = match tenant(&request.path) {
            // Of no tenant: the hosts of the cloud.
            "common" => Ok(()),
            tenant => self.check_tenant(tenant),
        };
        match checked.and_then(|()| openid::document(request, &self.tenant_id, shared)) {
            Ok(document) => answer(StatusCode::OK, "application/json; charset=utf-8", document.to_string()),
            Err(refusal) => framed(Err(refusal), request, &Form::read(request), shared),
        }
    }

    /// Guess: the order of the checks. Microsoft documents each error, not which of two comes first.
    fn token(&self, request: &Received, form: &Form, shared: &Shared) -> Result<serde_json::Value, EntraError> {
        if request.method != Method::POST {
            return Err(errors::only_post(&request.method));
        }
        let tenant = tenant(&request.path);
        if request.path != format!("/{tenant}/oauth2/v2.0/token") {
            return Err(errors::tenant_not_found(tenant));
        }
        self.check_tenant(tenant)?;
        let grant_type = form.require("grant_type")?;
        if grant_type != "client_credentials" {
            return Err(errors::unsupported_grant(grant_type));
        }
        let client_id = form.require("client_id")?;
        let applications = lock(&self.applications);
        let credentials = applications
            .iter()
            .find(|known| known.is(client_id))
            .ok_or_else(|| errors::application_not_found(client_id, &self.tenant_id))?;
        let scope = form.require("scope")?;
        let audience = scope::resource(scope, &shared.origin, &self.tenant_id)?;
        let requested = claims::read(form.get("claims"))?;
        self.authenticate(credentials, request, form, shared)?;

        let granted = shared.tokens.issue(
            &credentials.client_id,
            &self.tenant_id,
            &audience,
            requested,
            shared.clock.unix(),
        );
        // docs/facts/entra.md, 3
        let mut body = json!({
            "token_type": "Bearer", "expires_in": granted.expires_in, "ext_expires_in": granted.expires_in,
            "access_token": granted.token,
        });
        if let Some(refresh_in) = granted.refresh_in {
            body["refresh_in"] = json!(refresh_in);
        }
        Ok(body)
    }

    fn check_tenant(&self, tenant: &str) -> Result<(), EntraError> {
        let domain = self.tenant_domain.as_ref();
        let known = tenant.eq_ignore_ascii_case(&self.tenant_id)
            || domain.is_some_and(|domain| domain.eq_ignore_ascii_case(tenant));
        if known {
            Ok(())
        } else {
            Err(errors::tenant_not_found(tenant))
        }
    }

    fn authenticate(
        &self,
        credentials: &Credentials,
        request: &Received,
        form: &Form,
        shared: &Shared,
    ) -> Result<(), EntraError> {
        if let Some(assertion) = form.get("client_assertion") {
            // Guess: an assertion takes precedence over a secret.
            match form.get("client_assertion_type") {
                Some(JWT_BEARER) => {}
                Some(other) => return Err(client::unsupported_assertion_type(other)),
                None => return Err(errors::missing_parameter("client_assertion_type")),
            }
            let audience = format!("{}{}", shared.origin, request.path);
            return self
                .assertions
                .check(assertion, credentials, &audience, shared.clock.unix());
        }
        match form.get("client_secret") {
            Some(secret) => credentials.check_secret(secret, shared.clock.unix()),
            None => Err(client::no_credential()),
        }
    }
}

fn tenant(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// docs/facts/entra.md, 2.3: a throttled token request is not answered with JSON.
pub(crate) fn throttled(retry_after_secs: u64) -> Answer {
    let mut answer = answer(StatusCode::TOO_MANY_REQUESTS, "text/plain", "Too Many Requests");
    append(&mut answer, "retry-after", &retry_after_secs.to_string());
    answer
}

/// Adds the ids and headers that grants and refusals share.
fn framed(result: Result<serde_json::Value, EntraError>, request: &Received, form: &Form, shared: &Shared) -> Answer {
    let trace_id = Uuid::new_v4().to_string();
    // docs/facts/entra.md, 2.9: the header; MSAL for Node sends it in the form.
    let asked_id = request.header("client-request-id").or(form.get("client-request-id"));
    let asked_id = asked_id
        .and_then(|id| Uuid::try_parse(id).ok())
        .map(|id| id.to_string());
    let correlation_id = asked_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());

    let mut answer = match result {
        Ok(body) => answer(StatusCode::OK, "application/json; charset=utf-8", body.to_string()),
        Err(error) => error.answer(&trace_id, &correlation_id, shared.clock.unix()),
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
