//! `POST $batch` (facts: dataverse 1.7; DOC webapi/execute-batch-operations-using-web-api).

mod multipart;
mod operation;
mod url;
mod written;

use http::StatusCode;

use super::dispatch::{Place, Visit};
use super::prefer::Prefer;
use super::refusal::Refusal;
use super::settings::BatchFailureStatus;
use super::store::Store;
use crate::request::Received;
use crate::response::{Answer, append, empty};
use operation::{Item, Operation};
use written::Multipart;

/// The URLs of the rows that earlier requests of the same change set wrote, by `Content-ID`.
pub(super) type References = std::collections::HashMap<String, String>;

pub(super) fn run(
    visit: &Visit<'_>,
    request: &Received,
    root: &str,
    prefer: &Prefer,
    store: &mut Store,
) -> Result<Answer, Refusal> {
    let content_type = request.header("content-type").unwrap_or_default();
    let items = operation::read(content_type, &request.body)?;
    let dialect = &visit.settings.batch_dialect;
    let mut written = Multipart::new("batchresponse", dialect);
    let mut status = StatusCode::OK;
    for item in items {
        let failure = match item {
            Item::One(operation) => {
                let answer = perform(visit, &operation, root, &References::new(), store);
                written.answer(operation.content_id.as_deref(), &answer);
                Some(answer).filter(failed)
            }
            Item::ChangeSet(operations) => match change_set(visit, &operations, root, store) {
                Ok(answers) => {
                    written.nested(answers);
                    None
                }
                Err(Failure { content_id, answer }) => {
                    // facts: dataverse 1.7: one response in place of the set. Guess: without a Content-ID, as in
                    // OData 4.0, part 1, 11.7.4.
                    let content_id = content_id.filter(|_| dialect.failure_content_id);
                    written.answer(content_id.as_deref(), &answer);
                    Some(*answer)
                }
            },
        };
        let Some(failure) = failure.filter(|_| !prefer.continue_on_error) else {
            continue;
        };
        if dialect.json_failure {
            return Ok(failure);
        }
        if visit.settings.batch_failure_status == BatchFailureStatus::OfTheFailure {
            status = failure.status();
        }
        break;
    }
    let mut answer = empty(status);
    append(&mut answer, "content-type", &written.content_type());
    // The batch's other preferences mean nothing (facts: dataverse 1.7).
    if prefer.continue_on_error {
        append(&mut answer, "preference-applied", "odata.continue-on-error");
    }
    *answer.body_mut() = written.finish().into();
    Ok(answer)
}

/// The request of a change set that failed, and how.
struct Failure {
    content_id: Option<String>,
    answer: Box<Answer>,
}

/// All or nothing: the answers, or the one that failed, and then the store is as it was.
fn change_set<'a>(
    visit: &Visit<'a>,
    operations: &[Operation],
    root: &str,
    store: &mut Store,
) -> Result<Multipart<'a>, Failure> {
    let before = store.clone();
    let mut references = References::new();
    let mut written = Multipart::new("changesetresponse", &visit.settings.batch_dialect);
    for operation in operations {
        let answer = perform(visit, operation, root, &references, store);
        if failed(&answer) {
            *store = before;
            return Err(Failure {
                content_id: operation.content_id.clone(),
                answer: Box::new(answer),
            });
        }
        let url = answer.headers().get("odata-entityid").and_then(|url| url.to_str().ok());
        if let (Some(id), Some(url)) = (&operation.content_id, url) {
            references.insert(id.clone(), url.into());
        }
        written.answer(operation.content_id.as_deref(), &answer);
    }
    Ok(written)
}

fn perform(visit: &Visit<'_>, operation: &Operation, root: &str, references: &References, store: &mut Store) -> Answer {
    let place = Place::Batch { references };
    match url::resolve(&operation.url, root, visit.origin(), references) {
        Ok((path, query)) => visit.answer(&operation.request(path, query), place, store),
        Err(refusal) => visit.refused(&operation.request(String::new(), String::new()), refusal),
    }
}

fn failed(answer: &Answer) -> bool {
    answer.status().is_client_error() || answer.status().is_server_error()
}
