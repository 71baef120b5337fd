//! The attempts of one call at Dataverse: whether another may follow, and what all of them come to.

use crate::contract::types::{Error, Service};
use crate::host::Host;
use crate::retry::{Budget, may_pass, retry_after_of};

/// What is said of a refusal that an earlier attempt may have caused.
const UNSURE: &str = "an earlier attempt of this call may have been carried out, and this answer may tell of its effect: read \
                      the row before sending it again";

/// The attempts of one call.
#[derive(Default)]
pub struct Attempts {
    made: u32,
    failed: u32,
    /// The last failure after which the request may have been carried out all the same.
    unsure: Option<Error>,
}

impl Attempts {
    /// Counts one that begins.
    pub fn begin(&mut self) {
        self.made = self.made.saturating_add(1);
    }

    /// How many began.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// Says whether the request is sent again after `error`, having waited until then. `repeatable`: sent twice, it changes no
    /// more than sent once.
    pub async fn wait(&mut self, host: &impl Host, budget: &Budget, error: &Error, repeatable: bool) -> bool {
        self.failed = self.failed.saturating_add(1);
        let harmless = !may_have_taken_effect(error) || (repeatable && !has_succeeded(error));
        harmless && may_pass(error, self.failed) && budget.pause(host, self.failed, retry_after_of(error)).await
    }

    /// Keeps the error of an attempt that another follows.
    pub fn note(&mut self, error: Error) {
        if may_have_taken_effect(&error) {
            self.unsure = Some(error);
        }
    }

    /// The error of the last attempt, as one of them all. An error of Entra ID is one that no attempt could be made with: an
    /// attempt before that may have been carried out tells more than it.
    pub fn conclude(self, error: Error) -> Error {
        match (is_of_dataverse(&error), self.unsure) {
            (true, unsure) => counted(told(error, unsure.is_some()), self.made),
            (false, Some(unsure)) => counted(unsure, self.made),
            (false, None) => error,
        }
    }
}

/// An error with how often its service was asked.
pub fn counted(mut error: Error, attempts: u32) -> Error {
    match &mut error {
        Error::Dataverse(error) => error.attempts = attempts,
        Error::Throttled(throttling) => throttling.attempts = attempts,
        Error::Unavailable(outage) => outage.attempts = attempts,
        Error::InvalidSettings(_) | Error::InvalidRequest(_) | Error::EntraId(_) => {}
    }
    error
}

/// An error that says, where `unsure`, that an earlier attempt may have been carried out.
fn told(mut error: Error, unsure: bool) -> Error {
    if !unsure {
        return error;
    }
    match &mut error {
        Error::Dataverse(error) => {
            error.may_have_taken_effect = true;
            error.advice = Some(joined(UNSURE, error.advice.as_deref()));
        }
        Error::Throttled(throttling) => {
            throttling.may_have_taken_effect = true;
            throttling.advice = Some(joined(UNSURE, throttling.advice.as_deref()));
        }
        Error::Unavailable(outage) if !outage.may_have_taken_effect => {
            outage.may_have_taken_effect = true;
            outage.detail = joined(&outage.detail, Some("an earlier attempt may have been carried out"));
        }
        _ => {}
    }
    error
}

fn joined(first: &str, second: Option<&str>) -> String {
    second.map_or_else(|| first.to_owned(), |second| format!("{first}; {second}"))
}

fn is_of_dataverse(error: &Error) -> bool {
    match error {
        Error::Dataverse(_) => true,
        Error::Throttled(throttling) => throttling.service == Service::Dataverse,
        Error::Unavailable(outage) => outage.service == Service::Dataverse,
        _ => false,
    }
}

/// Whether a request that ended so may have been carried out.
pub fn may_have_taken_effect(error: &Error) -> bool {
    match error {
        Error::Dataverse(error) => error.may_have_taken_effect,
        Error::Throttled(throttling) => throttling.may_have_taken_effect,
        Error::Unavailable(outage) => outage.may_have_taken_effect,
        _ => false,
    }
}

/// Whether the request was carried out for certain, and only its answer is not whole.
fn has_succeeded(error: &Error) -> bool {
    matches!(error, Error::Unavailable(outage) if outage.status.is_some_and(|status| (200..300).contains(&status)))
}
