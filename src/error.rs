//! The core's errors. `contract.rs` here is the only place that converts them to the contract's errors (`wit/types.wit`).

#[cfg(feature = "wasi02")]
mod contract;

use crate::faults::Faults;
use crate::host::Failure;
#[cfg(feature = "wasi02")]
pub(crate) use contract::dataverse_error;

/// Why a call has no result.
#[derive(Clone, Debug)]
pub enum Error {
    /// The settings are not valid.
    InvalidSettings(Faults),
    /// The request is not valid.
    InvalidRequest(Faults),
    /// A request to a service failed.
    Failed(Box<Failed>),
}

/// One of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Issues the tokens.
    EntraId,
    /// Stores the data.
    Dataverse,
}

/// The request that an error belongs to.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The service that the request was sent to.
    pub service: Service,
    /// Its origin.
    pub origin: String,
    /// Whether the request changes data.
    pub writes: bool,
    /// The client request id.
    pub client_request_id: String,
}

/// A request that failed, after all attempts.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The request.
    pub asked: Asked,
    /// The number of attempts.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: Reason,
    /// A note on the attempts.
    pub note: Option<Note>,
}

/// A note on several attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// An attempt before the last may have been carried out.
    EarlierMayHaveActed,
    /// No further attempt was made, because no token was available.
    NoTokenForAnother,
}

/// Why one attempt failed.
#[derive(Clone, Debug)]
pub enum Reason {
    /// No complete or usable answer.
    NoAnswer(Failure),
    /// Too many requests.
    Throttled(Box<Throttled>),
    /// Dataverse refused.
    Dataverse(Box<DataverseRefusal>),
    /// Entra ID refused.
    EntraId(Box<EntraRefusal>),
}

/// A service's answer that throttles requests.
#[derive(Clone, Debug, Default)]
pub struct Throttled {
    /// The wait that the service requests.
    pub retry_after_seconds: Option<u32>,
    /// Dataverse's code in hexadecimal, or empty.
    pub code: String,
    /// The message.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// The id of the request in the service's logs.
    pub request_id: Option<String>,
}

/// Dataverse's error for a refused request.
#[derive(Clone, Debug, Default)]
pub struct DataverseRefusal {
    /// The answer's status.
    pub status: u16,
    /// In hexadecimal, or unchanged if it is not such a number. May be empty.
    pub code: String,
    /// The code as a signed number, as .NET shows it.
    pub code_number: Option<i32>,
    /// The message, or the text that was received instead.
    pub message: String,
    /// The annotation `InnerError.Message`, or the message of an older `innererror`.
    pub inner_message: Option<String>,
    /// The annotation `HelpLink`.
    pub help_link: Option<String>,
    /// The annotation `TraceText`.
    pub trace_text: Option<String>,
    /// What to do about it.
    pub advice: Option<String>,
    /// The wait that the service requests.
    pub retry_after_seconds: Option<u32>,
    /// The id of the request in Dataverse's logs.
    pub request_id: Option<String>,
    /// All request ids in the answer.
    pub service_request_ids: Vec<String>,
}

/// Entra ID's refusal of a credential.
#[derive(Clone, Debug)]
pub struct EntraRefusal {
    /// Entra ID's answer.
    pub answer: EntraAnswer,
    /// The name of the refused credential.
    pub credential: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// Entra ID's error for a refused token request.
#[derive(Clone, Debug, Default)]
pub struct EntraAnswer {
    /// The answer's status.
    pub status: u16,
    /// `error`, such as `invalid_client`.
    pub error: String,
    /// The AADSTS numbers.
    pub codes: Vec<u32>,
    /// `error_description`.
    pub description: String,
    /// `suberror`.
    pub suberror: Option<String>,
    /// `claims`.
    pub claims: Option<String>,
    /// `timestamp`.
    pub timestamp: Option<String>,
    /// `trace_id`.
    pub trace_id: Option<String>,
    /// `correlation_id`.
    pub correlation_id: Option<String>,
    /// `error_uri`.
    pub error_uri: Option<String>,
}

/// The advice if an earlier attempt may have caused the answer.
const UNSURE: &str = "an earlier attempt of this call may have been carried out and may have caused this answer: read the row before sending the request again";

impl Service {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::EntraId => "Entra ID",
            Self::Dataverse => "Dataverse",
        }
    }
}

impl Reason {
    /// Whether a request that changes data may have been carried out despite this failure.
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::NoAnswer(failure) => failure.sent,
            Self::Dataverse(refusal) => refusal.may_have_acted(),
            Self::Throttled(_) | Self::EntraId(_) => false,
        }
    }

    /// The wait in seconds that the service requests.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Self::NoAnswer(failure) => failure.retry_after_seconds,
            Self::Throttled(throttled) => throttled.retry_after_seconds,
            Self::Dataverse(refusal) => refusal.retry_after_seconds,
            Self::EntraId(_) => None,
        }
    }

    /// The id of the request in the service's logs.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::NoAnswer(failure) => failure.request_id.as_deref(),
            Self::Throttled(throttled) => throttled.request_id.as_deref(),
            Self::Dataverse(refusal) => refusal.request_id.as_deref(),
            Self::EntraId(refusal) => refusal.answer.trace_id.as_deref(),
        }
    }
}

impl DataverseRefusal {
    /// With 408 and 5xx, Dataverse failed rather than refused.
    pub fn may_have_acted(&self) -> bool {
        (500..600).contains(&self.status) || self.status == 408
    }

    /// The refusal on one line.
    pub fn summary(&self) -> String {
        let code = if self.code.is_empty() { "" } else { " " };
        format!(
            "Dataverse answered {}{code}{}: {}",
            self.status, self.code, self.message
        )
    }
}

impl EntraAnswer {
    /// One line: the first line of the description, without the ids that Entra ID appends.
    pub fn summary(&self) -> String {
        let line = self.description.split(char::is_control).next().unwrap_or_default();
        let line = line.split(" Trace ID").next().unwrap_or_default().trim_end();
        format!("Entra ID answered {}: {line}", self.status)
    }
}

impl Failed {
    /// The failure of a request with one attempt.
    #[cfg(test)]
    pub fn once(asked: Asked, reason: Reason) -> Self {
        Self {
            asked,
            attempts: 1,
            reason,
            note: None,
        }
    }

    /// Whether the request may have been carried out, by its last attempt or an earlier one.
    pub fn may_have_taken_effect(&self) -> bool {
        (self.asked.writes && self.reason.may_have_acted()) || self.note == Some(Note::EarlierMayHaveActed)
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        let advice = match &self.reason {
            Reason::NoAnswer(_) => return None,
            Reason::Throttled(throttled) => throttled.advice.as_deref(),
            Reason::Dataverse(refusal) => refusal.advice.as_deref(),
            Reason::EntraId(refusal) => refusal.advice.as_deref(),
        };
        match (self.note, advice) {
            (Some(Note::EarlierMayHaveActed), Some(advice)) => Some(format!("{UNSURE}; {advice}")),
            (Some(Note::EarlierMayHaveActed), None) => Some(UNSURE.to_owned()),
            (_, advice) => advice.map(str::to_owned),
        }
    }

    /// The details of an outage: the address and the cause.
    pub fn detail(&self, failure: &Failure) -> String {
        let setting = match self.asked.service {
            Service::EntraId => "the authority",
            Service::Dataverse => "the environment",
        };
        let note = match self.note {
            Some(Note::NoTokenForAnother) => "; no token was available for another attempt",
            // If the last attempt itself may have been carried out, its failure already says so.
            Some(Note::EarlierMayHaveActed) if !failure.sent => "; an earlier attempt may have been carried out",
            _ => "",
        };
        format!("{}, {setting}: {}{note}", self.asked.origin, failure.detail)
    }

    /// One line for the log, with codes and the service's message.
    pub fn summary(&self) -> String {
        match &self.reason {
            Reason::NoAnswer(failure) => self.detail(failure),
            Reason::Throttled(throttled) => throttled.message.clone(),
            Reason::Dataverse(refusal) => refusal.summary(),
            Reason::EntraId(refusal) => refusal.answer.summary(),
        }
    }
}

impl Error {
    /// One line for the log.
    pub fn summary(&self) -> String {
        match self {
            Self::InvalidSettings(faults) | Self::InvalidRequest(faults) => faults.on_one_line(),
            Self::Failed(failed) => failed.summary(),
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        Self::Failed(Box::new(failed))
    }
}
