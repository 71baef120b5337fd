//! What an application may do to a table, by asking for what cannot happen. Each answer is read for what it says and nothing
//! more; anything else is unknown.
//!
//! Sources: the privilege on the table is checked before the row is looked at ("How access to a record is determined"); a change
//! under `If-Match: *` of a row that is not there is refused with 404 ("Perform conditional operations using the Web API"); a
//! change set is done as a whole or not at all, in order ("Execute batch operations using the Web API"). None of it was verified
//! against a live environment.

use http::{Method, StatusCode, header};
use serde_json::Value;

use super::asking::{Asking, Refused, Unanswered};
use super::verbs::Verb;
use crate::dataverse::advice::{privilege_in, verb_and_table};
use crate::dataverse::batch::{DraftPart, PartResult};
use crate::dataverse::request::Draft;
use crate::error::DataverseRefusal;
use crate::guid::new_guid;
use crate::host::Host;

/// What there is to say.
#[derive(Debug)]
pub(super) enum Found {
    /// With the privilege that allows it, where it is known.
    Allowed(Option<String>),
    Denied {
        why: String,
        advice: Option<String>,
    },
    /// Dataverse did what was to fail. Which request it was.
    Changed(String),
    /// Why.
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

/// Finds out what the application may do. `set` is a name.
pub(super) async fn probe<H: Host>(asking: &Asking<'_, H>, set: &str, verb: Verb) -> Found {
    // No row has it: it is drawn at random, of 122 bits.
    let missing = new_guid(asking.host());
    let row = format!("{set}({missing})");
    match verb {
        Verb::Read => {
            // Every table of the standard kind has this column, and the key comes along; the key's own name is not known.
            let path = format!("{set}?$select=createdon&$top=1");
            match asking.send(Draft::get(path)).await {
                Ok(response) if response.status == StatusCode::OK && holds_rows(&response.body) => Found::Allowed(None),
                Ok(response) => Found::Unknown(format!("the answer, {}, holds no rows", response.status.as_u16())),
                Err(unanswered) => of_unanswered(unanswered, verb, &missing),
            }
        }
        Verb::Write => carried_out(asking, change(row), verb, &missing).await,
        Verb::Delete => {
            let request = Draft {
                headers: vec![if_any()],
                ..Draft::new(Method::DELETE, row)
            };
            carried_out(asking, request, verb, &missing).await
        }
        Verb::Create => {
            let create = Draft {
                body: Some(b"{}".to_vec()),
                ..Draft::new(Method::POST, set)
            };
            let requests = [create, change(row)].into_iter().map(|request| DraftPart {
                request,
                content_id: None,
            });
            match asking.change_set(requests.collect()).await {
                Ok(PartResult::Done(created)) => Found::Changed(format!(
                    "a row was created, {}",
                    created.entity_id().unwrap_or_default()
                )),
                Ok(PartResult::Refused(refused)) => {
                    let refused = Refused::new(refused.refusal, refused.may_have_taken_effect);
                    of_change_set(&refused, &missing)
                }
                Ok(PartResult::NotRun) => Found::Unknown("Dataverse did not come to it".to_owned()),
                Err(Unanswered::Refused(error)) => Found::Unknown(error.summary()),
                Err(Unanswered::Unknown(reason)) => Found::Unknown(reason),
            }
        }
    }
}

/// The change of a row that is not there: nothing is changed.
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

async fn carried_out<H: Host>(asking: &Asking<'_, H>, request: Draft, verb: Verb, missing: &str) -> Found {
    let row = request.path.clone();
    match asking.send(request).await {
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

/// A refusal of one request. The lack of a privilege counts only if it is not another's: to change a row could take reading it.
fn of_refusal(error: &Refused, verb: Verb) -> Found {
    match lacking(&error.refusal) {
        Some(Lack::Privilege(word)) if word == verb.privilege() => denied(&error.refusal),
        Some(Lack::Access) => denied(&error.refusal),
        _ => Found::Unknown(error.summary()),
    }
}

/// A refusal of a change set: of the create, or of the change after it. A create takes the privilege to create, and a change the
/// one to write.
fn of_change_set(error: &Refused, missing: &str) -> Found {
    if is_missing(&error.refusal, missing) {
        return Found::Allowed(None);
    }
    match lacking(&error.refusal) {
        Some(Lack::Privilege("Create")) => denied(&error.refusal),
        Some(Lack::Privilege("Write")) => Found::Allowed(None),
        Some(Lack::Access) if error.refusal.message.contains("CreateAccess") => denied(&error.refusal),
        _ => Found::Unknown(format!(
            "it cannot be told whether the create was refused, or the change after it: {}",
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

/// What the application user lacks.
enum Lack {
    /// The privilege on a table, by the word for it in a role's editor.
    Privilege(&'static str),
    /// The right to the row.
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

/// Whether Dataverse says that this very row is not there. A table that is not there is 404 too, and its URL has the id in it.
fn is_missing(error: &DataverseRefusal, id: &str) -> bool {
    let message = error.message.to_ascii_lowercase();
    error.status == 404
        && message.contains(id)
        && (error.code.eq_ignore_ascii_case("0x80040217")
            || error.code.is_empty() && message.contains("does not exist"))
}

/// Whether it is an answer to a query, of which nothing is kept.
fn holds_rows(body: &[u8]) -> bool {
    let answer: serde_json::Result<Value> = serde_json::from_slice(body);
    answer.is_ok_and(|answer| answer.get("value").is_some_and(Value::is_array))
}
