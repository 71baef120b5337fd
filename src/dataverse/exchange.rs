//! A request and its answer.

use std::ops::Deref;

use super::answer::Answer;
use crate::error::{Asked, DataverseRefusal, Error, Failed, Reason};
use crate::host::{Cause, Failure};

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    asked: Asked,
    /// How often the request was sent.
    pub attempts: u32,
    /// The answer.
    pub answer: Answer,
}

impl Exchange {
    /// An exchange that took this many attempts.
    pub fn new(asked: Asked, attempts: u32, answer: Answer) -> Self {
        Self {
            asked,
            attempts,
            answer,
        }
    }

    /// The error for an answer that arrived completely but is not the expected one.
    pub fn unusable(&self, detail: impl Into<String>) -> Error {
        self.failed(Reason::NoAnswer(Failure {
            status: Some(self.status.as_u16()),
            request_id: self.header("req_id").map(str::to_owned),
            ..Failure::new(Cause::UnusableAnswer, detail)
        }))
    }

    /// The error for an answer that says that nothing exists, with a status that is not an error.
    pub fn refused(&self, message: impl Into<String>) -> Error {
        let refusal = DataverseRefusal {
            status: self.status.as_u16(),
            message: message.into(),
            request_id: self.header("req_id").map(str::to_owned),
            ..DataverseRefusal::default()
        };
        self.failed(Reason::Dataverse(Box::new(refusal)))
    }

    fn failed(&self, reason: Reason) -> Error {
        Error::from(Failed {
            asked: self.asked.clone(),
            attempts: self.attempts,
            reason,
            note: None,
        })
    }
}

impl Deref for Exchange {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.answer
    }
}
