//! What can go wrong, as the core tells it. `contract.rs` here is the only place where that becomes an error of the contract
//! (`wit/types.wit`).

#[cfg(feature = "wasi02")]
mod contract;

use crate::faults::Faults;
use crate::host::Failure;
#[cfg(feature = "wasi02")]
pub(crate) use contract::dataverse_error;

/// Why a call has no result.
#[derive(Clone, Debug)]
pub enum Error {
    /// The settings have to change.
    InvalidSettings(Faults),
    /// The request has to change.
    InvalidRequest(Faults),
    /// A service was asked in vain.
    Failed(Box<Failed>),
}

/// One of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Issues the tokens.
    EntraId,
    /// Has the data.
    Dataverse,
}

/// The request that an error tells of.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The service that was asked.
    pub service: Service,
    /// Its origin.
    pub origin: String,
    /// Whether the request changes data if the service carries it out.
    pub writes: bool,
    /// The id that the request carried.
    pub client_request_id: String,
}

/// A request that failed, after all attempts.
#[derive(Clone, Debug)]
pub struct Failed {
    /// What was asked.
    pub asked: Asked,
    /// How often it was sent.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: Reason,
    /// What else there is to say of the attempts.
    pub note: Option<Note>,
}

/// What else there is to say of several attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// An attempt before the last may have been carried out.
    EarlierMayHaveActed,
    /// The last attempt was not followed by another, for which there was no token.
    NoTokenForAnother,
}

/// Why one attempt failed.
#[derive(Clone, Debug)]
pub enum Reason {
    /// No whole or no usable answer.
    NoAnswer(Failure),
    /// Too many requests.
    Throttled(Box<Throttled>),
    /// Dataverse refused.
    Dataverse(Box<DataverseRefusal>),
    /// Entra ID refused.
    EntraId(Box<EntraRefusal>),
}

/// What a service says that wants fewer requests.
#[derive(Clone, Debug, Default)]
pub struct Throttled {
    /// How long to wait.
    pub retry_after_seconds: Option<u32>,
    /// Dataverse's code in hexadecimal, or nothing.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// What the service's logs know the request by.
    pub request_id: Option<String>,
}

/// What Dataverse says of a request that it refuses.
#[derive(Clone, Debug, Default)]
pub struct DataverseRefusal {
    /// The answer's status.
    pub status: u16,
    /// In hexadecimal, or as it came where it is no such number. May be empty.
    pub code: String,
    /// The code as the signed number that .NET shows.
    pub code_number: Option<i32>,
    /// What happened, or what came instead of an explanation.
    pub message: String,
    /// The annotation `InnerError.Message`, or the message of an older `innererror`.
    pub inner_message: Option<String>,
    /// The annotation `HelpLink`.
    pub help_link: Option<String>,
    /// The annotation `TraceText`.
    pub trace_text: Option<String>,
    /// What to do about it.
    pub advice: Option<String>,
    /// How long to wait.
    pub retry_after_seconds: Option<u32>,
    /// What Dataverse's logs know the request by.
    pub request_id: Option<String>,
    /// All ids that the answer carries.
    pub service_request_ids: Vec<String>,
}

/// A refusal of Entra ID, and of what.
#[derive(Clone, Debug)]
pub struct EntraRefusal {
    /// What Entra ID says.
    pub answer: EntraAnswer,
    /// The name of the credential that it refused.
    pub credential: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// What Entra ID says of a token request that it refuses.
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

/// What is said of an answer that an earlier attempt may have caused.
const UNSURE: &str = "an earlier attempt of this call may have been carried out, and this answer may tell of its effect: read \
                      the row before sending it again";

impl Service {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::EntraId => "Entra ID",
            Self::Dataverse => "Dataverse",
        }
    }
}

impl Reason {
    /// Whether a request that changes data may have been carried out although it failed so.
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::NoAnswer(failure) => failure.sent,
            Self::Dataverse(refusal) => refusal.may_have_acted(),
            Self::Throttled(_) | Self::EntraId(_) => false,
        }
    }

    /// The seconds that the service asks to wait.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Self::NoAnswer(failure) => failure.retry_after_seconds,
            Self::Throttled(throttled) => throttled.retry_after_seconds,
            Self::Dataverse(refusal) => refusal.retry_after_seconds,
            Self::EntraId(_) => None,
        }
    }

    /// What the service's logs know the request by.
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
    /// At 408 and 5xx Dataverse failed, rather than refused.
    pub fn may_have_acted(&self) -> bool {
        (500..600).contains(&self.status) || self.status == 408
    }

    /// On one line.
    pub fn summary(&self) -> String {
        let code = if self.code.is_empty() { "" } else { " " };
        format!(
            "Dataverse answered {}{code}{}: {}",
            self.status, self.code, self.message
        )
    }
}

impl EntraAnswer {
    /// On one line: the first line of the description, without the ids that Entra ID puts behind it.
    pub fn summary(&self) -> String {
        let line = self.description.split(char::is_control).next().unwrap_or_default();
        let line = line.split(" Trace ID").next().unwrap_or_default().trim_end();
        format!("Entra ID answered {}: {line}", self.status)
    }
}

impl Failed {
    /// Of a request whose only attempt failed.
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

    /// What happened where no answer can be used: which address, and why.
    pub fn detail(&self, failure: &Failure) -> String {
        let setting = match self.asked.service {
            Service::EntraId => "the authority",
            Service::Dataverse => "the environment",
        };
        let note = match self.note {
            Some(Note::NoTokenForAnother) => "; for another attempt there was no token",
            // The last attempt says so already where it may have been carried out itself.
            Some(Note::EarlierMayHaveActed) if !failure.sent => "; an earlier attempt may have been carried out",
            _ => "",
        };
        format!("{}, {setting}: {}{note}", self.asked.origin, failure.detail)
    }

    /// On one line, for the log: codes, and what a service says of them.
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
    /// On one line, for the log.
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
