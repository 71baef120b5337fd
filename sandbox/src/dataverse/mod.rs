//! The Web API below `/api/data/v9.x/`.

mod collection;
mod expand;
mod filter;
mod paging;
mod path;
mod payload;
mod prefer;
pub mod privileges;
mod query;
mod record;
mod refusal;
mod schema;
pub mod seed;
mod store;
mod value;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::request::Received;
use crate::response::{Answer, answer, append, empty, lock};
use crate::server::State;
use crate::{ApplicationUser, Config};
use path::Target;
use prefer::Prefer;
pub(crate) use refusal::Refusal;
use store::Store;

pub(crate) struct Dataverse {
    tenant_id: String,
    users: Vec<(String, Option<ApplicationUser>)>,
    page_size: usize,
    store: Mutex<Store>,
    remaining: AtomicU32,
}

/// What a handler needs to know about the request it answers.
struct Call<'a> {
    request: &'a Received,
    user: &'a ApplicationUser,
    prefer: Prefer,
    /// `http://127.0.0.1:PORT/api/data/v9.2`
    root: String,
    now: i64,
    page_size: usize,
}

impl Dataverse {
    pub(crate) fn new(config: &Config) -> Dataverse {
        Dataverse {
            tenant_id: config.tenant_id.clone(),
            users: config
                .applications
                .iter()
                .map(|app| (app.client_id.clone(), app.user.clone()))
                .collect(),
            page_size: config.default_page_size.max(1),
            store: Mutex::new(Store::seeded()),
            remaining: AtomicU32::new(6000),
        }
    }

    pub(crate) fn answer(&self, request: &Received, state: &State) -> Answer {
        let Some(client_id) = bearer(request, state) else {
            return self.unauthorized(state);
        };
        self.decorated(
            self.authorized(request, state, &client_id)
                .unwrap_or_else(Refusal::into_answer),
        )
    }

    fn authorized(&self, request: &Received, state: &State, client_id: &str) -> Result<Answer, Refusal> {
        let user = self
            .users
            .iter()
            .find(|(id, _)| id == client_id)
            .and_then(|(_, user)| user.as_ref());
        // facts: dataverse 1.1: registered in Entra ID, but no application user here.
        let user = user.ok_or_else(|| {
            let message = "The user is not a member of the organization.";
            Refusal::new(StatusCode::FORBIDDEN, "0x80072560", message)
        })?;
        let (version, path) = path::version(&request.path)
            .ok_or_else(|| Refusal::no_such_resource(&format!("{}{}", state.origin, request.path)))?;
        refuse_length(request, state)?;
        refuse_headers(request)?;
        let call = Call {
            request,
            user,
            prefer: Prefer::read(request)?,
            root: format!("{}/api/data/{version}", state.origin),
            now: state.clock.unix(),
            page_size: self.page_size,
        };
        let mut store = lock(&self.store);
        match path::target(path, &call.root)? {
            Target::ServiceDocument => service_document(&call),
            Target::WhoAmI => whoami(&call),
            Target::Collection(table) => match request.method {
                Method::GET => collection::list(&call, table, &store),
                Method::POST => record::create(&call, table, &mut store),
                _ => Err(Refusal::method_not_allowed(&request.method)),
            },
            Target::Row(table, id) => match request.method {
                Method::GET => record::read(&call, table, id, &store),
                Method::PATCH => record::upsert(&call, table, id, &mut store),
                Method::DELETE => record::delete(&call, table, id, &mut store),
                Method::PUT => Err(Refusal::unsupported("PUT of a whole row")),
                _ => Err(Refusal::method_not_allowed(&request.method)),
            },
        }
    }

    /// facts: dataverse 1.1. The body is unverified: clients assume that it may be empty.
    fn unauthorized(&self, state: &State) -> Answer {
        let mut answer = empty(StatusCode::UNAUTHORIZED);
        let challenge = format!(
            "Bearer authorization_uri={origin}/{tenant}/oauth2/authorize, resource_id={origin}/",
            origin = state.origin,
            tenant = self.tenant_id
        );
        append(&mut answer, "www-authenticate", &challenge);
        append(&mut answer, "req_id", &Uuid::new_v4().to_string());
        answer
    }

    /// The recorded headers (facts: dataverse 1.4 and the exchange at its end).
    pub(crate) fn decorated(&self, mut answer: Answer) -> Answer {
        let first = Uuid::new_v4().to_string();
        let second = Uuid::new_v4().to_string();
        // Guess: nothing runs out by itself; a limit is a fault that a test asks for.
        let update = |left: u32| Some(if left > 1 { left - 1 } else { 5999 });
        let left = self
            .remaining
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update)
            .unwrap_or(6000);
        let headers = [
            ("cache-control", "no-cache"),
            ("x-ms-service-request-id", first.as_str()),
            ("set-cookie", "ARRAffinity=5eed; path=/; secure; HttpOnly"),
            ("set-cookie", "ReqClientId=5eed; secure; HttpOnly"),
            ("set-cookie", "orgId=5eed; secure; HttpOnly"),
            ("x-ms-service-request-id", second.as_str()),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("req_id", second.as_str()),
            ("crm.serviceid", "framework"),
            ("x-ms-dop-hint", "48"),
            // With a thousands separator: a plain number parser stumbles over it.
            ("x-ms-ratelimit-time-remaining-xrm-requests", "1,200.00"),
            (
                "x-ms-ratelimit-burst-remaining-xrm-requests",
                &left.saturating_sub(1).to_string(),
            ),
            ("odata-version", "4.0"),
        ];
        for (name, value) in headers {
            append(&mut answer, name, value);
        }
        answer
    }
}

/// The application whose good token the request carries.
fn bearer(request: &Received, state: &State) -> Option<String> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    let issued = state.tokens.find(token.trim())?;
    // facts: entra 3: 401 for a wrong audience or an expired token.
    let good =
        scheme.eq_ignore_ascii_case("bearer") && issued.audience == state.origin && issued.expires > state.clock.unix();
    good.then_some(issued.client_id)
}

/// facts: dataverse 1.6: 32 KB of URL and no more. Guess: how a longer one is refused.
fn refuse_length(request: &Received, state: &State) -> Result<(), Refusal> {
    if state.origin.len() + request.path_and_query().len() <= 32_768 {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::URI_TOO_LONG,
        "",
        "The request URL is longer than 32,768 characters.",
    ))
}

/// Request headers (facts: dataverse 1.3) that would change the answer in ways the sandbox does not know.
fn refuse_headers(request: &Received) -> Result<(), Refusal> {
    for name in ["callerobjectid", "mscrmcallerid", "mscrm.sessiontoken"] {
        if request.headers.contains_key(name) {
            return Err(Refusal::unsupported(format_args!("the header '{name}'")));
        }
    }
    if request
        .header("mscrm.suppressduplicatedetection")
        .is_some_and(|value| value.eq_ignore_ascii_case("false"))
    {
        return Err(Refusal::unsupported("duplicate detection"));
    }
    Ok(())
}

/// facts: dataverse 1.2
fn whoami(call: &Call<'_>) -> Result<Answer, Refusal> {
    if call.request.method != Method::GET {
        // Microsoft's page "Troubleshoot Dataverse Web API client errors".
        return Err(Refusal::no_such_resource(&format!("{}/WhoAmI", call.root)));
    }
    let mut answer = call.json(
        StatusCode::OK,
        &json!({
            "@odata.context": format!("{}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", call.root),
            "BusinessUnitId": call.user.business_unit_id,
            "UserId": call.user.user_id,
            "OrganizationId": call.user.organization_id,
        }),
    );
    append(&mut answer, "allow", "OPTIONS,GET,HEAD,POST");
    Ok(answer)
}

/// DOC web-api-service-documents. Guess: which of the sandbox's few tables a real document would list.
fn service_document(call: &Call<'_>) -> Result<Answer, Refusal> {
    if call.request.method != Method::GET {
        return Err(Refusal::method_not_allowed(&call.request.method));
    }
    let sets: Vec<Value> = schema::TABLES
        .iter()
        .map(|table| json!({"name": table.entity_set, "kind": "EntitySet", "url": table.entity_set}))
        .collect();
    let body = json!({"@odata.context": format!("{}/$metadata", call.root), "value": sets});
    Ok(call.json(StatusCode::OK, &body))
}

impl Call<'_> {
    fn json(&self, status: StatusCode, body: &Value) -> Answer {
        let mut answer = answer(status, "application/json; odata.metadata=minimal", body.to_string());
        self.prefer.echo(&mut answer);
        answer
    }
}
