//! From a request to its handler: the same way for a request of its own and for one in a batch.

use std::sync::Mutex;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::batch::{self, References};
use super::file::upload::Uploads;
use super::journal::CommittedWrite;
use super::members::Members;
use super::optional;
use super::path::{self, Target};
use super::prefer::Prefer;
use super::refusal::Refusal;
use super::settings::Settings;
use super::store::Store;
use super::{Call, collection, file, record, reference, system};
use crate::User;
use crate::request::Received;
use crate::response::{Answer, append};
use crate::schema::Table;
use crate::server::State;

/// What the requests of one HTTP exchange have in common.
pub(super) struct Visit<'a> {
    pub(super) state: &'a State,
    pub(super) members: &'a Members,
    /// Whose token it is.
    pub(super) caller: &'a User,
    pub(super) settings: &'a Settings,
    pub(super) page_size: usize,
    pub(super) uploads: &'a Mutex<Uploads>,
}

/// Where a request stands.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Alone,
    Batch { references: &'a References },
}

impl Visit<'_> {
    pub(super) fn origin(&self) -> &str {
        &self.state.origin
    }

    pub(super) fn answer(&self, request: &Received, place: Place<'_>, store: &mut Store) -> Answer {
        self.perform(request, place, store)
            .unwrap_or_else(|refusal| self.refused(request, refusal))
    }

    pub(super) fn refused(&self, request: &Received, refusal: Refusal) -> Answer {
        refusal.shaped(self.settings.error_shape, &Prefer::annotations(request))
    }

    fn perform(&self, request: &Received, place: Place<'_>, store: &mut Store) -> Result<Answer, Refusal> {
        let (version, path) = path::version(&request.path)
            .ok_or_else(|| Refusal::no_such_resource(&format!("{}{}", self.origin(), request.path)))?;
        self.refuse_length(request, place)?;
        refuse_headers(request)?;
        let none = References::new();
        let user = self.members.acting(self.caller, request)?;
        let mut call = Call {
            request,
            user: &user,
            members: self.members,
            prefer: Prefer::read(request)?,
            origin: self.origin(),
            root: format!("{}/api/data/{version}", self.origin()),
            now: self.state.clock.unix(),
            page_size: self.page_size,
            settings: self.settings,
            references: match place {
                Place::Batch { references } => references,
                Place::Alone => &none,
            },
        };
        optional::demand_bypass(&call)?;
        let target = path::target(path, &call.root)?;
        let place_written = target.row();
        let before = store.version();
        let answer = match target {
            Target::ServiceDocument => service_document(&call),
            Target::WhoAmI => whoami(&call),
            Target::CurrentOrganization => system::current_organization(&call),
            Target::UserPrivileges(table, id) => system::user_privileges(&call, table, id),
            Target::Batch => match (place, &request.method) {
                (Place::Alone, &Method::POST) => batch::run(self, request, &call.root, &call.prefer, store),
                (Place::Alone, method) => Err(Refusal::method_not_allowed(method)),
                // facts: dataverse 1.7: no nesting. Guess: code and text.
                (Place::Batch { .. }, _) => Err(Refusal::query("A batch cannot contain another batch.")),
            },
            Target::Reference(target) => reference::answer(&call, &target, store),
            Target::File(target) => match place {
                Place::Alone => file::respond(&call, &target, store, self.uploads),
                Place::Batch { .. } => Err(Refusal::unsupported("file columns in a batch")),
            },
            Target::Collection(table) => match request.method {
                Method::GET => collection::list(&mut call, table, store),
                Method::POST => record::create(&call, table, store),
                _ => Err(Refusal::method_not_allowed(&request.method)),
            },
            Target::Related(table, id, many) => match request.method {
                Method::GET => collection::related(&call, table, id, many, store),
                _ => Err(Refusal::method_not_allowed(&request.method)),
            },
            Target::Row(table, id) => match request.method {
                Method::GET => record::read(&call, table, id, store),
                Method::PATCH => record::upsert(&call, table, id, store),
                Method::DELETE => record::delete(&call, table, id, store),
                Method::PUT => Err(Refusal::unsupported("PUT of a whole row")),
                _ => Err(Refusal::method_not_allowed(&request.method)),
            },
        }?;
        if let Some((entity_set, id)) = place_written.filter(|_| store.version() != before) {
            store.journal.add(CommittedWrite {
                method: request.method.to_string(),
                entity_set: entity_set.into(),
                id: id.or_else(|| created(&answer)).unwrap_or_default(),
                path_and_query: request.path_and_query(),
                body: CommittedWrite::kept(&request.body),
                client_request_id: request.header("x-ms-client-request-id").map(Into::into),
                user_id: user.user_id.clone(),
                caller_id: self.caller.user_id.clone(),
            });
        }
        Ok(answer)
    }

    /// facts: dataverse 1.6: 32 KB of URL and no more, 64 KB in a batch. Guess: how a longer one is refused.
    fn refuse_length(&self, request: &Received, place: Place<'_>) -> Result<(), Refusal> {
        let (most, shown) = match place {
            Place::Alone => (32_768, "32,768"),
            Place::Batch { .. } => (65_536, "65,536"),
        };
        if self.origin().len() + request.path_and_query().len() <= most {
            return Ok(());
        }
        let message = format!("The request URL is longer than {shown} characters.");
        Err(Refusal::new(StatusCode::URI_TOO_LONG, "", message))
    }
}

/// The id of the row that was created.
fn created(answer: &Answer) -> Option<String> {
    let url = answer.headers().get("odata-entityid")?.to_str().ok()?;
    Some(url.rsplit_once('(')?.1.trim_end_matches(')').into())
}

/// Request headers (facts: dataverse 1.3) that would change the answer in ways the sandbox does not know.
fn refuse_headers(request: &Received) -> Result<(), Refusal> {
    let name = "mscrm.sessiontoken";
    if request.headers.contains_key(name) {
        return Err(Refusal::unsupported(format_args!("the header '{name}'")));
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
    let sets: Vec<Value> = Table::all()
        .map(|table| json!({"name": table.entity_set, "kind": "EntitySet", "url": table.entity_set}))
        .collect();
    let body = json!({"@odata.context": format!("{}/$metadata", call.root), "value": sets});
    Ok(call.json(StatusCode::OK, &body))
}
