//! Finds out an application's permissions on a table with requests that cannot succeed. Only unambiguous
//! answers count; any other answer is unknown.
//!
//! Sources: the privilege on the table is checked before the row
//! (<https://learn.microsoft.com/power-platform/admin/how-record-access-determined>). An update with
//! `If-Match: *` of a row that does not exist is refused with 404 (docs/facts/dataverse.md, 1.3). A change
//! set is atomic and runs in order (docs/facts/dataverse.md, 1.7). None of this was verified against a live
//! environment.

use http::{Method, StatusCode, header};
use serde_json::Value;

use super::requests::{Refused, Requests, Unanswered};
use super::verbs::Verb;
use crate::dataverse::advice::{privilege_in, verb_and_table};
use crate::dataverse::batch::{DraftPart, PartResult};
use crate::dataverse::request::Draft;
use crate::error::DataverseRefusal;
use crate::guid::new_guid;
use crate::host::Host;

/// What was found about a permission.
#[derive(Debug)]
pub(super) enum Found {
    /// With the privilege that allows it, if known.
    Allowed(Option<String>),
    Denied {
        why: String,
        advice: Option<String>,
    },
    /// Dataverse carried out a request that should have failed. Describes the request.
    Changed(String),
    /// The reason.
    Unknown(String),
}

impl Found {
    pub(super) fn is_allowed(&self) -> Option<bool> {
        match self {
            Self::Allowed(_) | Self::Changed(_) => Some(true),
            Self::Denied { .. } => Some(false),
            Self::Unknown(_) => None,
        }
    }
}

/// Probes one permission. `set` is a valid name.
pub(super) async fn probe<H: Host>(requests: &Requests<'_, H>, set: &str, verb: Verb) -> Found {
    // No row has this id: it has 122 random bits.
    let missing = new_guid(requests.host());
    let row = format!("{set}({missing})");
    match verb {
        Verb::Read => {
            // Every standard table has this column. The name of the key is not known, but the key is always
            // returned.
            let path = format!("{set}?$select=createdon&$top=1");
            match requests.send(Draft::get(path)).await {
                Ok(response) if response.status == StatusCode::OK && holds_rows(&response.body) => Found::Allowed(None),
                Ok(response) => Found::Unknown(format!("the answer, {}, contains no rows", response.status.as_u16())),
                Err(unanswered) => of_unanswered(unanswered, verb, &missing),
            }
        }
        Verb::Write => carried_out(requests, change(row), verb, &missing).await,
        Verb::Delete => {
            let request = Draft {
                headers: vec![if_any()],
                ..Draft::new(Method::DELETE, row)
            };
            carried_out(requests, request, verb, &missing).await
        }
        Verb::Create => {
            let create = Draft {
                body: Some(b"{}".to_vec()),
                ..Draft::new(Method::POST, set)
            };
            let parts = [create, change(row)].into_iter().map(|request| DraftPart {
                request,
                content_id: None,
            });
            match requests.change_set(parts.collect()).await {
                Ok(PartResult::Done(created)) => Found::Changed(format!(
                    "a row was created, {}",
                    created.entity_id().unwrap_or_default()
                )),
                Ok(PartResult::Refused(refused)) => {
                    let refused = Refused::new(refused.refusal, refused.may_have_taken_effect);
                    of_change_set(&refused, &missing)
                }
                Ok(PartResult::NotRun) => Found::Unknown("Dataverse did not run it".to_owned()),
                Err(Unanswered::Refused(error)) => Found::Unknown(error.summary()),
                Err(Unanswered::Unknown(reason)) => Found::Unknown(reason),
            }
        }
    }
}

/// An update of a row that does not exist, so nothing changes.
fn change(row: String) -> Draft {
    Draft {
        headers: vec![if_any()],
        body: Some(b"{}".to_vec()),
        ..Draft::new(Method::PATCH, row)
    }
}

/// Without it, a `PATCH` would create the row.
fn if_any() -> (String, String) {
    (header::IF_MATCH.to_string(), "*".to_owned())
}

async fn carried_out<H: Host>(requests: &Requests<'_, H>, request: Draft, verb: Verb, missing: &str) -> Found {
    let row = request.path.clone();
    match requests.send(request).await {
        Ok(response) => Found::Changed(format!("{row} was answered with {}", response.status.as_u16())),
        Err(unanswered) => of_unanswered(unanswered, verb, missing),
    }
}

fn of_unanswered(unanswered: Unanswered, verb: Verb, missing: &str) -> Found {
    match unanswered {
        Unanswered::Refused(error) if is_missing(&error.refusal, missing) && verb != Verb::Read => Found::Allowed(None),
        Unanswered::Refused(error) => of_refusal(&error, verb),
        Unanswered::Unknown(reason) => Found::Unknown(reason),
    }
}

/// Interprets the refusal of one request. A missing privilege counts only if it belongs to `verb`: an
/// update could also require the privilege to read.
fn of_refusal(error: &Refused, verb: Verb) -> Found {
    match lacking(&error.refusal) {
        Some(Lack::Privilege(word)) if word == verb.privilege() => denied(&error.refusal),
        Some(Lack::Access) => denied(&error.refusal),
        _ => Found::Unknown(error.summary()),
    }
}

/// Interprets the refusal of a change set, which may be that of the create or of the following update. The
/// create requires the Create privilege, and the update the Write privilege.
fn of_change_set(error: &Refused, missing: &str) -> Found {
    if is_missing(&error.refusal, missing) {
        return Found::Allowed(None);
    }
    match lacking(&error.refusal) {
        Some(Lack::Privilege("Create")) => denied(&error.refusal),
        Some(Lack::Privilege("Write")) => Found::Allowed(None),
        Some(Lack::Access) if error.refusal.message.contains("CreateAccess") => denied(&error.refusal),
        _ => Found::Unknown(format!(
            "it is not clear whether the create or the following update was refused: {}",
            error.summary()
        )),
    }
}

fn denied(error: &DataverseRefusal) -> Found {
    let privilege = privilege_in(&error.message).map(|privilege| format!(", {privilege} is missing"));
    Found::Denied {
        why: format!("{} {}{}", error.status, error.code, privilege.unwrap_or_default()),
        advice: error.advice.clone(),
    }
}

/// The missing permission.
enum Lack {
    /// The privilege on a table, by its name in a security role.
    Privilege(&'static str),
    /// Access to the row.
    Access,
}

fn lacking(error: &DataverseRefusal) -> Option<Lack> {
    if error.status != 403 {
        return None;
    }
    match error.code.to_ascii_lowercase().as_str() {
        "0x80040220" => {
            let (word, _) = verb_and_table(privilege_in(&error.message)?)?;
            Some(Lack::Privilege(word))
        }
        "0x80048306" => Some(Lack::Access),
        _ => None,
    }
}

/// Whether Dataverse says that exactly this row does not exist. A missing table is also a 404, with the id
/// in the message's URL.
fn is_missing(error: &DataverseRefusal, id: &str) -> bool {
    let message = error.message.to_ascii_lowercase();
    error.status == 404
        && message.contains(id)
        && (error.code.eq_ignore_ascii_case("0x80040217")
            || error.code.is_empty() && message.contains("does not exist"))
}

/// Whether a body is the answer to a query. Its content is not kept.
fn holds_rows(body: &[u8]) -> bool {
    let answer: serde_json::Result<Value> = serde_json::from_slice(body);
    answer.is_ok_and(|answer| answer.get("value").is_some_and(Value::is_array))
}
