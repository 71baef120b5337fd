//! What can go wrong. The variants are the contract's (`wit/types.wit`); here is how they are made.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};

use crate::contract::types::{Error, Fault, Outage, Service};
use crate::host::Failure;

/// Collects what is wrong with several fields, so that a caller learns all of it at once.
#[derive(Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes that `field` is wrong. `reason` must not quote a secret.
    pub fn add(&mut self, field: &str, reason: impl Into<String>) {
        self.0.push(Fault {
            field: field.to_owned(),
            reason: reason.into(),
        });
    }

    /// Notes what is wrong within `place`.
    pub fn nest(&mut self, place: &str, inner: Vec<Fault>) {
        for fault in inner {
            self.add(&format!("{place}.{}", fault.field), fault.reason);
        }
    }

    /// The value in a result, or nothing and its reason noted under `field`.
    pub fn keep<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|reason| self.add(field, reason)).ok()
    }

    /// What is wrong.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the error that asks for other settings.
    pub fn into_settings_error(self) -> Error {
        Error::InvalidSettings(self.0)
    }

    /// As the error that asks for another request.
    pub fn into_request_error(self) -> Error {
        Error::InvalidRequest(self.0)
    }
}

/// What a request was, for the error that tells of its failure.
pub struct Asked<'a> {
    /// The service that was asked.
    pub service: Service,
    /// Its origin.
    pub origin: &'a str,
    /// Whether the request would have changed data, had the service carried it out.
    pub writes: bool,
    /// The id it carried.
    pub client_request_id: &'a str,
}

impl Asked<'_> {
    /// The error for a request that brought no whole answer.
    pub fn outage(&self, failure: Failure) -> Error {
        let setting = match self.service {
            Service::EntraId => "the authority",
            Service::Dataverse => "the environment",
        };
        Error::Unavailable(Outage {
            service: self.service,
            cause: failure.cause,
            detail: format!("{}, {setting}: {}", self.origin, failure.detail),
            status: failure.status,
            may_have_taken_effect: self.writes && failure.sent,
            attempts: 1,
            retry_after_seconds: failure.retry_after_seconds,
            request_id: failure.request_id,
            client_request_id: self.client_request_id.to_owned(),
        })
    }
}

/// An error on one line, for the log: ids and codes, and what a service says of them.
pub fn summary(error: &Error) -> String {
    match error {
        Error::InvalidSettings(faults) | Error::InvalidRequest(faults) => {
            let faults: Vec<_> = faults
                .iter()
                .map(|fault| format!("{} {}", fault.field, fault.reason))
                .collect();
            faults.join("; ")
        }
        Error::EntraId(error) => format!("Entra ID answered {}: {}", error.status, one_line(&error.description)),
        Error::Dataverse(error) => format!("Dataverse answered {} {}: {}", error.status, error.code, error.message),
        Error::Throttled(throttling) => throttling.message.clone(),
        Error::Unavailable(outage) => outage.detail.clone(),
    }
}

/// The first line of what a service says, without the ids that Entra ID puts behind it.
pub fn one_line(text: &str) -> &str {
    let line = text.split(char::is_control).next().unwrap_or_default();
    line.split(" Trace ID").next().unwrap_or_default().trim_end()
}

/// A time in seconds since 1970, for people: `Sun, 07 Jan 2024 21:10:42 GMT`.
pub fn date(seconds: u64) -> String {
    const YEAR_9999: u64 = 253_402_300_799;
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds.min(YEAR_9999)));
    httpdate::fmt_http_date(time.unwrap_or(UNIX_EPOCH))
}

/// A text of a service without the secrets that the request carried, should it repeat them.
pub fn redact(text: &str, secrets: &[&str]) -> String {
    told(secrets).fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

/// The same for the headers of an answer, of which some go into errors.
pub fn redact_headers(headers: &mut HeaderMap, secrets: &[&str]) {
    for value in headers.values_mut() {
        let text = String::from_utf8_lossy(value.as_bytes());
        if told(secrets).any(|secret| text.contains(secret)) {
            *value = HeaderValue::from_static("***");
        }
    }
}

/// An empty one was not told to anybody, and is in every text.
fn told<'a>(secrets: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    secrets.iter().copied().filter(|secret| !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::OutageCause;

    #[test]
    fn what_was_not_told_is_not_taken_out() {
        assert_eq!(redact("a b", &["", "b"]), "a ***");
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("60"));
        redact_headers(&mut headers, &[""]);
        assert_eq!(headers["retry-after"], "60");
    }

    #[test]
    fn faults_are_collected() {
        let mut faults = Faults::default();
        assert!(faults.is_empty());
        assert_eq!(faults.keep("a", Ok(1)), Some(1));
        assert_eq!(faults.keep::<u8>("b", Err("is wrong".to_owned())), None);
        faults.add("c", "is missing");
        match faults.into_settings_error() {
            Error::InvalidSettings(faults) => {
                let fields: Vec<_> = faults
                    .iter()
                    .map(|fault| (fault.field.as_str(), fault.reason.as_str()))
                    .collect();
                assert_eq!(fields, [("b", "is wrong"), ("c", "is missing")]);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_write_that_was_sent_may_have_taken_effect() {
        for (writes, sent, may) in [
            (true, true, true),
            (true, false, false),
            (false, true, false),
            (false, false, false),
        ] {
            let asked = Asked {
                service: Service::Dataverse,
                origin: "https://contoso.example",
                writes,
                client_request_id: "id",
            };
            let failure = Failure {
                sent,
                ..Failure::new(OutageCause::CutOff, "it broke")
            };
            match asked.outage(failure) {
                Error::Unavailable(outage) => {
                    assert_eq!(outage.may_have_taken_effect, may);
                    assert_eq!(outage.detail, "https://contoso.example, the environment: it broke");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
