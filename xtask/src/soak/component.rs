//! The functions of the contract, called in an instance.

use anyhow::{Result, bail, ensure};
use embedded_host::types::{self, BatchItem, BatchRequest, BatchResult, Error, Options, RequestOptions, Settings};
use embedded_host::{Component, Connection, DEFAULT_OPTIONS, Instance, NO_REQUEST_OPTIONS, Network, secret};
use sandbox::{Demo, Sandbox};

use super::face::{Answer, Batched, Call, Condition, Face, Method, NewRow, Outcome};
use super::ledger::Told;
use super::worker::Worker;

const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";

/// An instance with a connection.
pub struct Functions {
    instance: Instance,
    connection: Connection,
}

impl Functions {
    pub fn start(component: &Component, sandbox: &Sandbox, demo: &Demo) -> Result<Self> {
        let mut instance = component.instance(&[], Network::Machine)?;
        let settings = Settings {
            environment_url: sandbox.origin(),
            tenant_id: Some(demo.config.tenant_id.clone()),
            client_id: demo.client_id.clone(),
            credentials: vec![secret(demo.client_secret.as_str())],
            options: Some(Options {
                authority: Some(sandbox.origin()),
                ..DEFAULT_OPTIONS
            }),
        };
        let connection = instance
            .open(&settings)?
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(Self { instance, connection })
    }
}

impl Face for Functions {
    fn send(&mut self, call: &Call) -> Result<Outcome> {
        let answer = self
            .instance
            .odata_request(Some(self.connection), &request(call.clone()))?;
        Ok(match answer {
            Ok(answer) => Outcome::Answered(Answer {
                row: answer.entity_id,
                body: answer.body,
                attempts: answer.attempts,
            }),
            // After an attempt that may have been carried out, a 404 may be its effect.
            Err(Error::Dataverse(error)) if error.status == 404 && !error.may_have_taken_effect => Outcome::NotFound,
            Err(error) => {
                let told = told(&error)?;
                ensure!(
                    call.method != Method::Get || told == Told::NotDone,
                    "a read may have taken effect: {error:?}"
                );
                let attempts = attempts(&error);
                Outcome::Failed { told, attempts }
            }
        })
    }

    fn batch(&mut self, rows: &[NewRow; 2], read: &Call) -> Result<Batched> {
        let creates = rows.iter().map(|row| Call {
            method: Method::Post,
            path: "contacts".to_owned(),
            condition: None,
            body: Some(row.json()),
            mark: row.mark.clone(),
        });
        let batch = types::Batch {
            items: vec![
                BatchItem::ChangeSet(creates.map(part).collect()),
                BatchItem::Request(part(read.clone())),
            ],
            continue_on_error: true,
        };
        match self.instance.odata_batch(Some(self.connection), &batch)? {
            Ok(results) => {
                let [first, second, read] = results.as_slice() else {
                    bail!("{} results for a batch of 3", results.len());
                };
                Ok(Batched {
                    rows: [told_in_batch(first), told_in_batch(second)],
                    is_read_answered: matches!(read, BatchResult::Done(_)),
                    attempts: 1,
                })
            }
            Err(error) => {
                let told = told(&error)?;
                Ok(Batched {
                    rows: [(told, None), (told, None)],
                    is_read_answered: false,
                    attempts: attempts(&error),
                })
            }
        }
    }

    fn step(worker: &mut Worker<Self>) -> Result<()> {
        worker.post()
    }
}

fn request(call: Call) -> types::Request {
    let condition = call.condition.map(|condition| match condition {
        Condition::MustExist => types::Condition::MustExist,
        Condition::MustNotExist => types::Condition::MustNotExist,
        Condition::Version(etag) => types::Condition::IfMatch(etag),
    });
    types::Request {
        method: match call.method {
            Method::Get => types::Method::Get,
            Method::Post => types::Method::Post,
            Method::Patch => types::Method::Patch,
            Method::Delete => types::Method::Delete,
        },
        path: call.path,
        headers: vec![(CLIENT_REQUEST_ID.to_owned(), call.mark)],
        body: call.body.map(String::into_bytes),
        options: condition.is_some().then_some(RequestOptions {
            condition,
            ..NO_REQUEST_OPTIONS
        }),
    }
}

fn part(call: Call) -> BatchRequest {
    BatchRequest {
        request: request(call),
        content_id: None,
    }
}

/// What an error says about a write.
fn told(error: &Error) -> Result<Told> {
    let may = match error {
        Error::Unavailable(outage) => outage.may_have_taken_effect,
        Error::Throttled(throttling) => throttling.may_have_taken_effect,
        // Each worker has its own rows, so the only expected refusal is that of a token revoked by another
        // instance.
        Error::Dataverse(error) if error.may_have_taken_effect || matches!(error.status, 401 | 500) => {
            error.may_have_taken_effect
        }
        other => bail!("refused without reason: {other:?}"),
    };
    Ok(if may { Told::Uncertain } else { Told::NotDone })
}

/// What the result of a write in a batch says, and the id of its row.
fn told_in_batch(result: &BatchResult) -> (Told, Option<String>) {
    match result {
        BatchResult::Done(answer) => (Told::Done, answer.entity_id.clone()),
        BatchResult::Refused(error) if error.may_have_taken_effect => (Told::Uncertain, None),
        BatchResult::Refused(_) | BatchResult::NotRun => (Told::NotDone, None),
    }
}

fn attempts(error: &Error) -> u32 {
    match error {
        Error::Unavailable(outage) => outage.attempts,
        Error::Throttled(throttling) => throttling.attempts,
        Error::Dataverse(error) => error.attempts,
        _ => 0,
    }
}
