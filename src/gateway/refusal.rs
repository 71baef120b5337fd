//! Errors of the gateway, in OData's error format
//! (<https://docs.oasis-open.org/odata/odata-json-format/v4.0/odata-json-format-v4.0.html>, 19), with all
//! details that the core knows.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::reply::{ReplyBody, json};
use crate::error::{Error, Failed, Reason, Service};
use crate::host::{Cause, Host};
use crate::http::content_coding::IDENTITY;
use crate::log;

/// The message for callers if only the operator can fix the problem.
const NOT_SET_UP: &str = "the gateway is not configured; its log tells the operator why";

/// Added for a write that may have taken effect.
const UNSURE: &str = "; the request may have taken effect";

/// Why the gateway refuses or cannot answer a request.
pub(super) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    service: &'static str,
    /// Details of a request to one of the services.
    details: Details,
    headers: HeaderMap,
}

/// Details of a request to one of the services.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    /// The cause of an outage.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    /// The service's status, if the gateway's status is different.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_status: Option<u16>,
    /// Whether a write may have been carried out nevertheless.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    may_have_taken_effect: bool,
    /// The number of attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    /// The wait that the service requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u32>,
    /// The service's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// The AADSTS numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_codes: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suberror: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_uri: Option<String>,
    /// The name of the refused credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_text: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code: String::new(),
            message: message.into(),
            service: "gateway",
            details: Details::default(),
            headers: HeaderMap::new(),
        }
    }

    /// No valid key.
    pub(super) fn unauthorized() -> Self {
        let mut refusal = Self::new(
            StatusCode::UNAUTHORIZED,
            "this gateway requires one of its keys: as Authorization: Bearer, as x-api-key, or as the password of Basic",
        );
        for challenge in ["Bearer", "Basic realm=\"dynamics365\""] {
            refusal
                .headers
                .append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        refusal
    }

    /// Not allowed by `GATEWAY_ALLOW`.
    pub(super) fn forbidden(reason: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    /// No such route.
    pub(super) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown route: expected /api/data/v9.2/, /whoami, /validate, /healthz or /readyz",
        )
    }

    /// A method that the route does not support; `allowed` lists those it supports.
    pub(super) fn not_allowed(allowed: &'static str) -> Self {
        let mut refusal = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this route does not support this method",
        );
        refusal.headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        refusal
    }

    /// A request that is not valid.
    pub(super) fn bad_request(reason: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// A body that was cut off.
    pub(super) fn broken_off() -> Self {
        Self::bad_request("the request's body was cut off".to_owned())
    }

    /// A body that is longer than the route accepts.
    pub(super) fn too_large(reason: &'static str) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }

    /// A body without a length, where one is required.
    pub(super) fn length_required(reason: &'static str) -> Self {
        Self::new(StatusCode::LENGTH_REQUIRED, reason)
    }

    /// A body in a content coding.
    pub(super) fn coded(name: &str) -> Self {
        let message = format!(
            "the request's body is compressed (Content-Encoding: {name}), so it cannot be checked: send it uncompressed"
        );
        let mut refusal = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        // RFC 9110, 12.5.3.
        refusal.headers.insert(header::ACCEPT_ENCODING, IDENTITY);
        refusal
    }

    /// Headers that the host would not accept.
    pub(super) fn headers_too_large(reason: &'static str) -> Self {
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason)
    }

    /// An answer that cannot be forwarded.
    pub(super) fn bad_gateway(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, reason)
    }

    /// The gateway cannot work now.
    pub(super) fn unavailable(reason: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }

    /// Converts the core's errors. Faults in the settings, and refusals and failures of the services, are
    /// logged.
    pub(super) fn from_error(host: &impl Host, error: Error) -> Self {
        match error {
            Error::InvalidSettings(faults) => {
                for fault in faults {
                    log::note(host, format_args!("{} {}", fault.field, fault.reason));
                }
                Self::unavailable(NOT_SET_UP)
            }
            Error::InvalidRequest(faults) => Self::bad_request(faults.on_one_line()),
            Error::Failed(failed) => {
                log::note(host, format_args!("{}", in_the_log(&failed)));
                Self::of_failure(*failed)
            }
        }
    }

    /// The gateway's own settings are missing or wrong.
    pub(super) fn not_set_up(host: &impl Host, reason: &str) -> Self {
        log::note(host, format_args!("{reason}"));
        Self::unavailable(NOT_SET_UP)
    }

    fn of_failure(failed: Failed) -> Self {
        let may_have_taken_effect = failed.may_have_taken_effect();
        let unsure = if may_have_taken_effect { UNSURE } else { "" };
        let service = match failed.asked.service {
            Service::EntraId => "entra-id",
            Service::Dataverse => "dataverse",
        };
        let details = Details {
            advice: failed.advice(),
            may_have_taken_effect,
            attempts: Some(failed.attempts),
            retry_after_seconds: failed.reason.retry_after_seconds(),
            request_id: failed.reason.request_id().map(str::to_owned),
            ..Details::default()
        };
        let refusal = match &failed.reason {
            Reason::NoAnswer(failure) => {
                let status = match failure.cause {
                    Cause::TimedOut => StatusCode::GATEWAY_TIMEOUT,
                    Cause::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
                    Cause::DeniedByHost
                    | Cause::NoConnection
                    | Cause::CutOff
                    | Cause::AnswerTooLarge
                    | Cause::UnusableAnswer => StatusCode::BAD_GATEWAY,
                };
                let message = format!("{}{unsure}", failed.detail(failure));
                Self {
                    details: Details {
                        cause: Some(name_of(failure.cause)),
                        service_status: failure.status,
                        ..details
                    },
                    ..Self::new(status, message)
                }
            }
            Reason::Throttled(throttled) => {
                let status = match failed.asked.service {
                    Service::Dataverse => StatusCode::TOO_MANY_REQUESTS,
                    Service::EntraId => StatusCode::SERVICE_UNAVAILABLE,
                };
                Self {
                    code: throttled.code.clone(),
                    details,
                    ..Self::new(status, throttled.message.clone())
                }
            }
            Reason::Dataverse(said) => {
                // A caller with a valid key would interpret a 401 as its own.
                let status = StatusCode::from_u16(said.status)
                    .ok()
                    .filter(|status| *status != StatusCode::UNAUTHORIZED);
                Self {
                    code: said.code.clone(),
                    details: Details {
                        service_status: status.is_none().then_some(said.status),
                        inner_message: said.inner_message.clone(),
                        help_link: said.help_link.clone(),
                        trace_text: said.trace_text.clone(),
                        ..details
                    },
                    ..Self::new(status.unwrap_or(StatusCode::BAD_GATEWAY), said.message.clone())
                }
            }
            Reason::EntraId(refused) => {
                let said = &refused.answer;
                Self {
                    code: said.error.clone(),
                    details: Details {
                        service_status: Some(said.status),
                        error_codes: said.codes.clone(),
                        suberror: said.suberror.clone(),
                        timestamp: said.timestamp.clone(),
                        trace_id: said.trace_id.clone(),
                        correlation_id: said.correlation_id.clone(),
                        error_uri: said.error_uri.clone(),
                        credential: Some(refused.credential.clone()),
                        ..details
                    },
                    ..Self::new(StatusCode::BAD_GATEWAY, said.description.clone())
                }
            }
        };
        Self { service, ..refusal }.with_wait()
    }

    /// Adds the wait as a header, which clients observe.
    fn with_wait(mut self) -> Self {
        if let Some(seconds) = self.details.retry_after_seconds {
            self.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        self
    }

    /// The refusal for a reason that caused this one. It still tells that a write may have taken effect.
    pub(super) fn because(self, status: StatusCode, reason: &str) -> Self {
        let may_have_taken_effect = self.details.may_have_taken_effect;
        let unsure = if may_have_taken_effect { UNSURE } else { "" };
        Self {
            details: Details {
                may_have_taken_effect,
                ..Details::default()
            },
            ..Self::new(status, format!("{reason}{unsure}"))
        }
    }

    /// The same refusal with another status.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Converts it to an answer with the id of its request.
    pub(super) fn into_reply<B>(self, id: &str) -> Response<ReplyBody<B>> {
        #[derive(Serialize)]
        struct Outer<'a> {
            error: Inner<'a>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Inner<'a> {
            code: &'a str,
            message: &'a str,
            status: u16,
            service: &'a str,
            #[serde(flatten)]
            details: &'a Details,
            client_request_id: &'a str,
        }
        let error = Inner {
            code: &self.code,
            message: &self.message,
            status: self.status.as_u16(),
            service: self.service,
            details: &self.details,
            client_request_id: id,
        };
        let mut reply = json(self.status, &Outer { error });
        let headers = reply.headers_mut();
        headers.insert(
            HeaderName::from_static("odata-version"),
            HeaderValue::from_static("4.0"),
        );
        headers.extend(self.headers);
        reply
    }
}

/// The name in `outage-cause` of `wit/types.wit`.
fn name_of(cause: Cause) -> &'static str {
    match cause {
        Cause::DeniedByHost => "denied-by-host",
        Cause::NoConnection => "no-connection",
        Cause::TimedOut => "timed-out",
        Cause::CutOff => "cut-off",
        Cause::AnswerTooLarge => "answer-too-large",
        Cause::UnusableAnswer => "unusable-answer",
        Cause::ServiceUnavailable => "service-unavailable",
    }
}

/// The line for the log, with the ids of the request.
fn in_the_log(failed: &Failed) -> String {
    let ids = [
        ("client request id", Some(failed.asked.client_request_id.as_str())),
        ("request id", failed.reason.request_id()),
    ];
    let ids: Vec<_> = ids
        .iter()
        .filter_map(|(name, id)| id.map(|id| format!("{name} {id}")))
        .collect();
    let what = match &failed.reason {
        // Its message may quote rows, which are not for the log.
        Reason::Dataverse(said) => format!("Dataverse answered {} {}", said.status, said.code),
        _ => failed.summary(),
    };
    format!("{what} ({})", ids.join(", "))
}
