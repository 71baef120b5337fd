//! Errors in the form of the contract.

use super::{DataverseRefusal, EntraRefusal, Error, Failed, Reason, Service, Throttled};
use crate::contract::types;
use crate::faults::Faults;
use crate::host::Cause;

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidSettings(faults) => Self::InvalidSettings(listed(faults)),
            Error::InvalidRequest(faults) => Self::InvalidRequest(listed(faults)),
            Error::Failed(failed) => failed_call(*failed),
        }
    }
}

fn listed(faults: Faults) -> Vec<types::Fault> {
    let faults = faults.into_iter();
    faults
        .map(|fault| types::Fault {
            field: fault.field,
            reason: fault.reason,
        })
        .collect()
}

fn failed_call(failed: Failed) -> types::Error {
    let may_have_taken_effect = failed.may_have_taken_effect();
    let advice = failed.advice();
    match &failed.reason {
        Reason::NoAnswer(failure) => types::Error::Unavailable(types::Outage {
            service: service(failed.asked.service),
            cause: cause(failure.cause),
            detail: failed.detail(failure),
            status: failure.status,
            may_have_taken_effect,
            attempts: failed.attempts,
            retry_after_seconds: failure.retry_after_seconds,
            request_id: failure.request_id.clone(),
            client_request_id: failed.asked.client_request_id.clone(),
        }),
        Reason::Throttled(throttled) => {
            let throttled = Throttled::clone(throttled);
            types::Error::Throttled(types::Throttling {
                service: service(failed.asked.service),
                retry_after_seconds: throttled.retry_after_seconds,
                may_have_taken_effect,
                attempts: failed.attempts,
                code: throttled.code,
                message: throttled.message,
                advice,
                request_id: throttled.request_id,
                client_request_id: failed.asked.client_request_id,
            })
        }
        Reason::Dataverse(refusal) => types::Error::Dataverse(dataverse_error(
            DataverseRefusal {
                advice,
                ..DataverseRefusal::clone(refusal)
            },
            may_have_taken_effect,
            failed.attempts,
            failed.asked.client_request_id,
        )),
        Reason::EntraId(refusal) => {
            let EntraRefusal { answer, credential, .. } = EntraRefusal::clone(refusal);
            types::Error::EntraId(types::EntraError {
                status: answer.status,
                error: answer.error,
                error_codes: answer.codes,
                description: answer.description,
                suberror: answer.suberror,
                claims: answer.claims,
                timestamp: answer.timestamp,
                trace_id: answer.trace_id,
                correlation_id: answer.correlation_id,
                error_uri: answer.error_uri,
                advice,
                credential,
                client_request_id: failed.asked.client_request_id,
            })
        }
    }
}

/// A refusal of Dataverse in the form of the contract, for a plain request or one in a batch.
pub(crate) fn dataverse_error(
    refusal: DataverseRefusal,
    may_have_taken_effect: bool,
    attempts: u32,
    client_request_id: String,
) -> types::DataverseError {
    types::DataverseError {
        status: refusal.status,
        may_have_taken_effect,
        attempts,
        code: refusal.code,
        code_number: refusal.code_number,
        message: refusal.message,
        inner_message: refusal.inner_message,
        help_link: refusal.help_link,
        trace_text: refusal.trace_text,
        advice: refusal.advice,
        retry_after_seconds: refusal.retry_after_seconds,
        request_id: refusal.request_id,
        service_request_ids: refusal.service_request_ids,
        client_request_id,
    }
}

fn service(service: Service) -> types::Service {
    match service {
        Service::EntraId => types::Service::EntraId,
        Service::Dataverse => types::Service::Dataverse,
    }
}

fn cause(cause: Cause) -> types::OutageCause {
    match cause {
        Cause::DeniedByHost => types::OutageCause::DeniedByHost,
        Cause::NoConnection => types::OutageCause::NoConnection,
        Cause::TimedOut => types::OutageCause::TimedOut,
        Cause::CutOff => types::OutageCause::CutOff,
        Cause::AnswerTooLarge => types::OutageCause::AnswerTooLarge,
        Cause::UnusableAnswer => types::OutageCause::UnusableAnswer,
        Cause::ServiceUnavailable => types::OutageCause::ServiceUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::*;
    use crate::host::Failure;

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
                origin: "https://contoso.example".to_owned(),
                writes,
                client_request_id: "id".to_owned(),
            };
            let failure = Failure {
                sent,
                ..Failure::new(Cause::CutOff, "it broke")
            };
            match types::Error::from(Error::from(Failed::once(asked, Reason::NoAnswer(failure)))) {
                types::Error::Unavailable(outage) => {
                    assert_eq!(outage.may_have_taken_effect, may);
                    assert_eq!(outage.detail, "https://contoso.example, the environment: it broke");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
