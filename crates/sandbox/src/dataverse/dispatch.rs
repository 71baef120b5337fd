//! Dispatches a request to its handler, for single requests and for those in a batch.

use http::{Method, StatusCode};

use super::call::Call;
use super::journal::CommittedWrite;
use super::optional;
use super::path;
use super::prefer::Prefer;
use super::references::References;
use super::refusal::Refusal;
use super::store::Store;
use super::target::Target;
use super::visit::Visit;
use super::{batch, collection, count, file, functions, property, record, reference};
use crate::request::Received;
use crate::response::Answer;

/// The context of a request.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Alone,
    Batch { references: &'a References },
}

pub(super) fn answer(visit: &Visit<'_>, request: &Received, place: Place<'_>, store: &mut Store) -> Answer {
    perform(visit, request, place, store).unwrap_or_else(|refusal| visit.refused(request, refusal))
}

fn perform(visit: &Visit<'_>, request: &Received, place: Place<'_>, store: &mut Store) -> Result<Answer, Refusal> {
    let (version, path) = path::version(&request.path)
        .ok_or_else(|| path::no_version(&request.path, &format!("{}{}", visit.origin(), request.path)))?;
    refuse_length(visit.origin(), request, place)?;
    refuse_headers(request)?;
    let none = References::new();
    let user = visit.members.acting(visit.caller, request)?;
    let mut call = Call {
        request,
        user: &user,
        members: visit.members,
        prefer: Prefer::read(request)?,
        origin: visit.origin(),
        root: format!("{}/api/data/{version}", visit.origin()),
        now: visit.shared.clock.unix(),
        page_size: visit.page_size,
        settings: visit.settings,
        references: match place {
            Place::Batch { references } => references,
            Place::Alone => &none,
        },
    };
    optional::demand_bypass(&call)?;
    let target = path::target(path, &call.root)?;
    let place_written = target.row();
    let before = store.version();
    let answer = carry_out(&mut call, target, visit, place, store)?;
    if let Some((entity_set, id)) = place_written.filter(|_| store.version() != before) {
        store.journal.add(CommittedWrite {
            method: request.method.to_string(),
            entity_set: entity_set.into(),
            id: id.or_else(|| created(&answer)).unwrap_or_default(),
            path_and_query: request.path_and_query(),
            body: CommittedWrite::kept(&request.body),
            client_request_id: request.header("x-ms-client-request-id").map(Into::into),
            user_id: user.user_id.clone(),
            caller_id: visit.caller.user_id.clone(),
        });
    }
    Ok(answer)
}

fn carry_out(
    call: &mut Call<'_>,
    target: Target,
    visit: &Visit<'_>,
    place: Place<'_>,
    store: &mut Store,
) -> Result<Answer, Refusal> {
    match target {
        Target::ServiceDocument => functions::service_document(call),
        Target::WhoAmI => functions::whoami(call),
        Target::CurrentOrganization => functions::current_organization(call),
        Target::UserPrivileges(table, id) => functions::user_privileges(call, table, id),
        Target::Batch => match (place, &call.request.method) {
            (Place::Alone, &Method::POST) => {
                let answer = |request: &Received, references: &References, store: &mut Store| {
                    answer(visit, request, Place::Batch { references }, store)
                };
                batch::run(visit, call, &answer, store)
            }
            (Place::Alone, method) => Err(Refusal::method_not_allowed(method)),
            // docs/facts/dataverse.md, 1.7: no nesting. Guess: code and text.
            (Place::Batch { .. }, _) => Err(Refusal::query("A batch cannot contain another batch.")),
        },
        Target::Reference(target) => reference::answer(call, &target, store),
        Target::File(target) => match place {
            Place::Alone => file::respond(call, &target, store, visit.uploads),
            Place::Batch { .. } => Err(Refusal::unsupported("file columns in a batch")),
        },
        Target::Collection(table) => match call.request.method {
            Method::GET => collection::list(call, table, store),
            Method::POST => record::create(call, table, store),
            _ => Err(Refusal::method_not_allowed(&call.request.method)),
        },
        Target::Count(table) => count::all(call, table, store),
        Target::CountRelated(table, id, related) => count::related(call, (table, id), &related, store),
        Target::Property(property) => property::respond(call, &property, store),
        Target::Linked(table, id, lookup) => match call.request.method {
            Method::GET => record::linked(call, (table, id), lookup, store),
            _ => Err(Refusal::method_not_allowed(&call.request.method)),
        },
        Target::Related(table, id, many) => match call.request.method {
            Method::GET => collection::related(call, table, id, many, store),
            _ => Err(Refusal::method_not_allowed(&call.request.method)),
        },
        Target::Row(table, id) => match call.request.method {
            Method::GET => record::read(call, table, id, store),
            Method::PATCH => record::upsert(call, table, id, store),
            Method::DELETE => record::delete(call, table, id, store),
            Method::PUT => Err(Refusal::unsupported("PUT of a whole row")),
            _ => Err(Refusal::method_not_allowed(&call.request.method)),
        },
    }
}

/// docs/facts/dataverse.md, 1.6: URLs are limited to 32 KB, and to 64 KB in a batch. Guess: how a longer
/// one is refused.
fn refuse_length(origin: &str, request: &Received, place: Place<'_>) -> Result<(), Refusal> {
    let (most, shown) = match place {
        Place::Alone => (32_768, "32,768"),
        Place::Batch { .. } => (65_536, "65,536"),
    };
    if origin.len() + request.path_and_query().len() <= most {
        return Ok(());
    }
    let message = format!("The request URL is longer than {shown} characters.");
    Err(Refusal::new(StatusCode::URI_TOO_LONG, "", message))
}

/// The id of the row that was created.
fn created(answer: &Answer) -> Option<String> {
    let url = answer.headers().get("odata-entityid")?.to_str().ok()?;
    Some(url.rsplit_once('(')?.1.trim_end_matches(')').into())
}

/// Request headers (docs/facts/dataverse.md, 1.3) that would change the answer in ways the sandbox does not
/// support.
fn refuse_headers(request: &Received) -> Result<(), Refusal> {
    let name = "mscrm.sessiontoken";
    if request.headers.contains_key(name) {
        return Err(Refusal::unsupported(format_args!("the header '{name}'")));
    }
    Ok(())
}
