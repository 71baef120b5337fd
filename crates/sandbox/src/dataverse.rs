//! The Web API below `/api/data/v9.x/`.

mod access;
mod annotations;
mod batch;
mod challenge;
mod collection;
mod delta;
mod dispatch;
mod expand;
mod fetch;
mod file;
mod filter;
mod image;
pub mod journal;
mod link;
mod members;
mod optional;
mod paging;
mod path;
mod payload;
mod prefer;
mod query;
mod record;
mod reference;
mod refusal;
pub mod seed;
pub mod settings;
mod store;
mod system;
mod value;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::request::Received;
use crate::response::{Answer, answer, append, lock};
use crate::schema::Table;
use crate::server::State;
use crate::{Config, Organization, User};
use batch::References;
pub(crate) use challenge::Challenge;
use dispatch::{Place, Visit};
use file::upload::Uploads;
use journal::{CommittedWrite, Journal};
use members::Members;
use prefer::Prefer;
pub(crate) use refusal::Refusal;
use settings::Settings;
use store::Store;

pub(crate) struct Dataverse {
    members: Mutex<Arc<Members>>,
    page_size: usize,
    store: Mutex<Store>,
    uploads: Mutex<Uploads>,
    settings: Mutex<Settings>,
    remaining: AtomicU32,
}

/// What a handler needs to know about the request it answers.
struct Call<'a> {
    request: &'a Received,
    /// Who acts: the caller, or whom the caller acts for.
    user: &'a User,
    members: &'a Members,
    prefer: Prefer,
    origin: &'a str,
    /// `http://127.0.0.1:PORT/api/data/v9.2`
    root: String,
    now: i64,
    page_size: usize,
    settings: &'a Settings,
    references: &'a References,
}

impl Dataverse {
    pub(crate) fn new(config: &Config) -> Dataverse {
        let members = Members::new(config);
        let mut store = Store::seeded();
        store.set_system(system::rows(&members));
        Dataverse {
            members: Mutex::new(Arc::new(members)),
            page_size: config.default_page_size.max(1),
            store: Mutex::new(store),
            uploads: Mutex::default(),
            settings: Mutex::default(),
            remaining: AtomicU32::new(6000),
        }
    }

    /// The refusal of a request without a good token.
    pub(crate) fn refuse_stranger(&self, request: &Received, state: &State) -> Option<Answer> {
        state.challenge.client(request, state).err()
    }

    pub(crate) fn answer(&self, request: &Received, state: &State) -> Answer {
        let client_id = match state.challenge.client(request, state) {
            Ok(client_id) => client_id,
            Err(refused) => return refused,
        };
        self.decorated(self.authorized(request, state, &client_id))
    }

    fn authorized(&self, request: &Received, state: &State, client_id: &str) -> Answer {
        let members = lock(&self.members).clone();
        let settings = lock(&self.settings).clone();
        let caller = match members.caller(client_id) {
            Ok(caller) => caller,
            Err(refusal) => return refusal.shaped(settings.error_shape, &Prefer::annotations(request)),
        };
        let visit = Visit {
            state,
            members: &members,
            caller,
            settings: &settings,
            page_size: self.page_size,
            uploads: &self.uploads,
        };
        visit.answer(request, Place::Alone, &mut lock(&self.store))
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.settings));
    }

    pub(crate) fn committed_writes(&self) -> Vec<CommittedWrite> {
        lock(&self.store).journal.all()
    }

    pub(crate) fn forget_writes(&self) {
        lock(&self.store).journal = Journal::default();
    }

    pub(crate) fn snapshot(&self) -> Value {
        lock(&self.store).snapshot()
    }

    pub(crate) fn user(&self, client_id: &str) -> Option<User> {
        lock(&self.members).application(client_id)?.clone()
    }

    /// Of a registered application.
    pub(crate) fn change_user(&self, client_id: &str, change: impl FnOnce(&mut Option<User>)) {
        self.change_members(|members| {
            if let Some(user) = members.application_mut(client_id) {
                change(user);
            }
        });
    }

    pub(crate) fn set_organization(&self, organization: Organization) {
        self.change_members(|members| members.set_organization(organization));
    }

    fn change_members(&self, change: impl FnOnce(&mut Members)) {
        let mut members = lock(&self.members);
        change(Arc::make_mut(&mut members));
        lock(&self.store).set_system(system::rows(&members));
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

impl Call<'_> {
    fn row_url(&self, table: &Table, id: Uuid) -> String {
        format!("{}/{}({id})", self.root, table.entity_set)
    }

    fn json(&self, status: StatusCode, body: &Value) -> Answer {
        let mut answer = answer(status, "application/json; odata.metadata=minimal", body.to_string());
        self.prefer.echo(&mut answer);
        answer
    }
}
