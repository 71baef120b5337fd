//! The requests of a run, and when no more of them are sent.

use std::cell::RefCell;

use serde_json::Value;

use crate::attempts::may_have_taken_effect;
use crate::contract::types::{Batch, BatchItem, BatchResult, DataverseError, Error, OutageCause, Request, Response};
use crate::dataverse::client::Connection;
use crate::dataverse::exchange::get;
use crate::error::summary;
use crate::host::Host;

/// Asks, until it is of no use to go on.
pub struct Asking<'a, H> {
    connection: &'a Connection,
    host: &'a H,
    stopped: RefCell<Option<String>>,
}

/// Why there is no answer.
pub enum Unanswered {
    /// Dataverse refused, or failed.
    Refused(Box<DataverseError>),
    /// Nothing is known; why, for people.
    Unknown(String),
}

impl<'a, H: Host> Asking<'a, H> {
    pub fn new(connection: &'a Connection, host: &'a H) -> Self {
        Self {
            connection,
            host,
            stopped: RefCell::default(),
        }
    }

    pub fn host(&self) -> &H {
        self.host
    }

    pub fn connection(&self) -> &Connection {
        self.connection
    }

    /// Nothing further is sent, for this reason.
    pub fn stop(&self, reason: &str) {
        self.stopped.borrow_mut().get_or_insert_with(|| reason.to_owned());
    }

    pub async fn send(&self, request: Request) -> Result<Response, Unanswered> {
        self.check()?;
        let answer = self.connection.odata_request(self.host, request).await;
        answer.map_err(|error| self.unanswered(error))
    }

    /// Sends one change set. The result of its first request is that of the whole, unless all was done.
    pub async fn change_set(&self, items: BatchItem) -> Result<BatchResult, Unanswered> {
        self.check()?;
        let batch = Batch {
            items: vec![items],
            continue_on_error: false,
        };
        let results = self.connection.odata_batch(self.host, batch).await;
        let first = results.map_err(|error| self.unanswered(error))?.into_iter().next();
        if let Some(BatchResult::Refused(error)) = &first
            && error.status == 429
        {
            self.stop("Dataverse wants less traffic");
        }
        Ok(first.unwrap_or(BatchResult::NotRun))
    }

    /// Reads JSON; or why not, for people.
    pub async fn json(&self, path: String) -> Result<Value, String> {
        let response = self.send(get(path, Vec::new())).await.map_err(Unanswered::reason)?;
        serde_json::from_slice(&response.body).map_err(|_| "the answer is not the JSON that was expected".to_owned())
    }

    fn check(&self) -> Result<(), Unanswered> {
        match &*self.stopped.borrow() {
            Some(reason) => Err(Unanswered::Unknown(format!("not asked, since {reason}"))),
            None => Ok(()),
        }
    }

    fn unanswered(&self, error: Error) -> Unanswered {
        let reason = summary(&error);
        match error {
            Error::Dataverse(error) => return Unanswered::Refused(Box::new(error)),
            Error::Unavailable(outage) if concerns_one(outage.cause) => {
                let unsure = if outage.may_have_taken_effect {
                    "; the request may have taken effect"
                } else {
                    ""
                };
                return Unanswered::Unknown(format!("{reason}{unsure}"));
            }
            ref error if may_have_taken_effect(error) => {
                self.stop(&reason);
                return Unanswered::Unknown(format!("{reason}; the request may have taken effect"));
            }
            _ => self.stop(&reason),
        }
        Unanswered::Unknown(reason)
    }
}

/// Whether the next request may do better.
fn concerns_one(cause: OutageCause) -> bool {
    matches!(
        cause,
        OutageCause::CutOff
            | OutageCause::AnswerTooLarge
            | OutageCause::UnusableAnswer
            | OutageCause::ServiceUnavailable
    )
}

impl Unanswered {
    /// For people.
    pub fn reason(self) -> String {
        match self {
            Self::Refused(error) => answered(&error),
            Self::Unknown(reason) => reason,
        }
    }
}

/// What Dataverse answered, on a line.
pub fn answered(error: &DataverseError) -> String {
    let unsure = if error.may_have_taken_effect {
        "; the request may have taken effect"
    } else {
        ""
    };
    format!(
        "Dataverse answered {} {}: {}{unsure}",
        error.status, error.code, error.message
    )
}
