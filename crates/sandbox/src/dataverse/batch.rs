//! `POST $batch` (docs/facts/dataverse.md, 1.7;
//! <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api>).

mod multipart;
mod operation;
mod url;
mod written;

use http::StatusCode;

use super::call::Call;
use super::references::References;
use super::refusal::Refusal;
use super::settings::BatchFailureStatus;
use super::store::Store;
use super::visit::Visit;
use crate::request::Received;
use crate::response::{Answer, append, empty};
use operation::{Item, Operation};
use written::Multipart;

/// Answers a request of the batch, which may refer to earlier ones.
type Answerer<'a> = dyn Fn(&Received, &References, &mut Store) -> Answer + 'a;

pub(super) fn run(
    visit: &Visit<'_>,
    call: &Call<'_>,
    answerer: &Answerer<'_>,
    store: &mut Store,
) -> Result<Answer, Refusal> {
    let content_type = call.header("content-type").unwrap_or_default();
    let items = operation::read(content_type, &call.request.body)?;
    let batch = Batch {
        visit,
        root: &call.root,
        answerer,
    };
    let dialect = &visit.settings.batch_dialect;
    let mut written = Multipart::new("batchresponse", dialect);
    let mut status = StatusCode::OK;
    for item in items {
        let failure = match item {
            Item::One(operation) => {
                let answer = batch.perform(&operation, &References::new(), store);
                written.answer(operation.content_id.as_deref(), &answer);
                Some(answer).filter(failed)
            }
            Item::ChangeSet(operations) => match batch.change_set(&operations, store) {
                Ok(answers) => {
                    written.nested(answers);
                    None
                }
                Err(Failure { content_id, answer }) => {
                    // docs/facts/dataverse.md, 1.7: one response in place of the set. Guess: without a
                    // Content-ID, as in OData 4.0, part 1, 11.7.4.
                    let content_id = content_id.filter(|_| dialect.failure_content_id);
                    written.answer(content_id.as_deref(), &answer);
                    Some(*answer)
                }
            },
        };
        let Some(failure) = failure.filter(|_| !call.prefer.continue_on_error) else {
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
    // The batch's other preferences have no effect (docs/facts/dataverse.md, 1.7).
    if call.prefer.continue_on_error {
        append(&mut answer, "preference-applied", "odata.continue-on-error");
    }
    *answer.body_mut() = written.finish().into();
    Ok(answer)
}

struct Batch<'a> {
    visit: &'a Visit<'a>,
    root: &'a str,
    answerer: &'a Answerer<'a>,
}

/// The request of a change set that failed, and how.
struct Failure {
    content_id: Option<String>,
    answer: Box<Answer>,
}

impl<'a> Batch<'a> {
    /// Atomic: the answers, or the failed request after restoring the store.
    fn change_set(&self, operations: &[Operation], store: &mut Store) -> Result<Multipart<'a>, Failure> {
        let before = store.clone();
        let mut references = References::new();
        let mut written = Multipart::new("changesetresponse", &self.visit.settings.batch_dialect);
        for operation in operations {
            let answer = self.perform(operation, &references, store);
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

    fn perform(&self, operation: &Operation, references: &References, store: &mut Store) -> Answer {
        match url::resolve(&operation.url, self.root, self.visit.origin(), references) {
            Ok((path, query)) => (self.answerer)(&operation.request(path, query), references, store),
            Err(refusal) => self
                .visit
                .refused(&operation.request(String::new(), String::new()), refusal),
        }
    }
}

fn failed(answer: &Answer) -> bool {
    answer.status().is_client_error() || answer.status().is_server_error()
}
