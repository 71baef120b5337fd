//! The Web API below `/api/data/v9.x/`.

mod access;
mod annotations;
mod batch;
mod blob;
mod call;
mod challenge;
mod collection;
mod columns;
mod conditions;
mod count;
mod delta;
mod dispatch;
mod expand;
mod fetch;
mod file;
mod filter;
mod functions;
mod image;
pub mod journal;
mod limits;
mod link;
mod members;
mod optional;
mod paging;
mod path;
mod payload;
mod prefer;
mod property;
mod query;
mod record;
mod reference;
mod references;
mod refusal;
mod results;
mod rights;
pub mod seed;
pub mod settings;
mod shown;
mod store;
mod system;
mod target;
mod value;
mod visit;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use uuid::Uuid;

use crate::config::Config;
use crate::request::Received;
use crate::response::{Answer, append, lock};
use crate::shared::Shared;
use crate::user::{Organization, User};
pub(crate) use challenge::Challenge;
use dispatch::Place;
use file::Uploads;
use journal::{CommittedWrite, Journal};
use members::Members;
use prefer::Prefer;
pub(crate) use refusal::Refusal;
use settings::Settings;
use store::Store;
use visit::Visit;

pub(crate) struct Dataverse {
    challenge: Challenge,
    members: Mutex<Arc<Members>>,
    page_size: usize,
    store: Mutex<Store>,
    uploads: Mutex<Uploads>,
    settings: Mutex<Settings>,
    remaining: AtomicU32,
}

impl Dataverse {
    pub(crate) fn new(config: &Config) -> Dataverse {
        let members = Members::new(config);
        let mut store = Store::with(seed::rows());
        store.set_system(system::rows(&members));
        Dataverse {
            challenge: Challenge::new(config),
            members: Mutex::new(Arc::new(members)),
            page_size: config.default_page_size.max(1),
            store: Mutex::new(store),
            uploads: Mutex::default(),
            settings: Mutex::default(),
            remaining: AtomicU32::new(6000),
        }
    }

    /// The refusal of a request without a valid token.
    pub(crate) fn refuse_unauthorized(&self, request: &Received, shared: &Shared) -> Option<Answer> {
        self.challenge.client(request, shared).err()
    }

    pub(crate) fn answer(&self, request: &Received, shared: &Shared) -> Answer {
        let client_id = match self.challenge.client(request, shared) {
            Ok(client_id) => client_id,
            Err(refused) => return refused,
        };
        self.decorated(self.authorized(request, shared, &client_id))
    }

    fn authorized(&self, request: &Received, shared: &Shared, client_id: &str) -> Answer {
        let members = lock(&self.members).clone();
        let settings = lock(&self.settings).clone();
        let caller = match members.caller(client_id) {
            Ok(caller) => caller,
            Err(refusal) => return refusal.shaped(settings.error_shape, &Prefer::annotations(request)),
        };
        let visit = Visit {
            shared,
            members: &members,
            caller,
            settings: &settings,
            page_size: self.page_size,
            uploads: &self.uploads,
        };
        dispatch::answer(&visit, request, Place::Alone, &mut lock(&self.store))
    }

    pub(crate) fn challenge(&self) -> &Challenge {
        &self.challenge
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

    /// Changes the user of a registered application.
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

    /// The refusal of a service protection limit.
    pub(crate) fn throttled(&self, code: &str, retry_after_secs: u64) -> Answer {
        self.decorated(limits::throttled(code, retry_after_secs))
    }

    /// The recorded headers (docs/facts/dataverse.md, 1.4 and the exchange at its end).
    pub(crate) fn decorated(&self, mut answer: Answer) -> Answer {
        let first = Uuid::new_v4().to_string();
        let second = Uuid::new_v4().to_string();
        // Guess: the limits never run out; a test requests throttling as a fault.
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
            // With a thousands separator, which a plain number parser does not accept.
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
