//! Sends the requests of a validation run, and stops after an error that would affect all further requests.

use std::cell::RefCell;

use serde_json::Value;

use crate::dataverse::batch::{Batch, DraftPart, Item, PartResult};
use crate::dataverse::client::Connection;
use crate::dataverse::exchange::Exchange;
use crate::dataverse::request::Draft;
use crate::error::{DataverseRefusal, Error, Failed, Reason};
use crate::host::{Cause, Host};

/// The requests of a validation run.
pub(super) struct Requests<'a, H> {
    connection: &'a Connection,
    host: &'a H,
    stopped: RefCell<Option<String>>,
}

/// Why there is no usable answer.
pub(super) enum Unanswered {
    /// Dataverse refused the request.
    Refused(Box<Refused>),
    /// The result is unknown, with a readable reason.
    Unknown(String),
}

/// A refusal from Dataverse.
pub(super) struct Refused {
    pub refusal: DataverseRefusal,
    may_have_taken_effect: bool,
}

impl<'a, H: Host> Requests<'a, H> {
    pub(super) fn new(connection: &'a Connection, host: &'a H) -> Self {
        Self {
            connection,
            host,
            stopped: RefCell::default(),
        }
    }

    pub(super) fn host(&self) -> &H {
        self.host
    }

    pub(super) fn connection(&self) -> &Connection {
        self.connection
    }

    /// Stops the run: no further request is sent. `reason` is for people.
    pub(super) fn stop(&self, reason: &str) {
        self.stopped.borrow_mut().get_or_insert_with(|| reason.to_owned());
    }

    pub(super) async fn send(&self, draft: Draft) -> Result<Exchange, Unanswered> {
        self.check()?;
        let answer = self.connection.request(self.host, draft).await;
        answer.map_err(|error| self.unanswered(error))
    }

    /// Sends one change set and returns the result of its first request. If the set failed, that is the
    /// failure of the whole set.
    pub(super) async fn change_set(&self, set: Vec<DraftPart>) -> Result<PartResult, Unanswered> {
        self.check()?;
        let settings = self.connection.settings();
        let results = match Batch::new(self.host, settings, vec![Item::ChangeSet(set)], false) {
            Ok(batch) => self.connection.batch(self.host, &batch).await,
            Err(error) => Err(error),
        };
        let (results, _) = results.map_err(|error| self.unanswered(error))?;
        let first = results.into_iter().next();
        if let Some(PartResult::Refused(refused)) = &first
            && refused.refusal.status == 429
        {
            self.stop("Dataverse throttles requests");
        }
        Ok(first.unwrap_or(PartResult::NotRun))
    }

    /// Reads JSON. The error is a readable reason.
    pub(super) async fn json(&self, path: String) -> Result<Value, String> {
        let response = self.send(Draft::get(path)).await.map_err(Unanswered::reason)?;
        serde_json::from_slice(&response.body).map_err(|_| "the answer is not the expected JSON".to_owned())
    }

    fn check(&self) -> Result<(), Unanswered> {
        match &*self.stopped.borrow() {
            Some(reason) => Err(Unanswered::Unknown(format!("not checked, because {reason}"))),
            None => Ok(()),
        }
    }

    fn unanswered(&self, error: Error) -> Unanswered {
        let summary = error.summary();
        let Error::Failed(failed) = error else {
            self.stop(&summary);
            return Unanswered::Unknown(summary);
        };
        let may_have_taken_effect = failed.may_have_taken_effect();
        let Failed { reason, .. } = *failed;
        let concerns_one = match reason {
            Reason::Dataverse(refusal) => {
                return Unanswered::Refused(Box::new(Refused {
                    refusal: *refusal,
                    may_have_taken_effect,
                }));
            }
            Reason::NoAnswer(failure) => concerns_one(failure.cause),
            Reason::Throttled(_) | Reason::EntraId(_) => false,
        };
        if !concerns_one {
            self.stop(&summary);
        }
        Unanswered::Unknown(format!("{summary}{}", unsure(may_have_taken_effect)))
    }
}

/// Whether only this request is affected, so that the next one may succeed.
fn concerns_one(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::CutOff | Cause::AnswerTooLarge | Cause::UnusableAnswer | Cause::ServiceUnavailable
    )
}

impl Unanswered {
    /// The reason as text for people.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Refused(refused) => refused.summary(),
            Self::Unknown(reason) => reason,
        }
    }
}

impl Refused {
    /// The refusal of a batch part.
    pub(super) fn new(refusal: DataverseRefusal, may_have_taken_effect: bool) -> Self {
        Self {
            refusal,
            may_have_taken_effect,
        }
    }

    /// Dataverse's answer, on one line.
    pub(super) fn summary(&self) -> String {
        format!("{}{}", self.refusal.summary(), unsure(self.may_have_taken_effect))
    }
}

fn unsure(may_have_taken_effect: bool) -> &'static str {
    if may_have_taken_effect {
        "; the request may have taken effect"
    } else {
        ""
    }
}
