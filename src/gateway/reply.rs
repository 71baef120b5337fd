//! What the gateway says itself: plain words, the identity, and refusals in the shape of OData's errors.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::rewrite::Rewritten;
use crate::contract::types::{Error, Identity, OutageCause, Service, UsedCredential};
use crate::credential::{days_left, kind_name};
use crate::host::{Body, Failure, Host};
use crate::log;

/// An answer to a caller.
pub type Reply<H> = Response<ReplyBody<<H as Host>::Body>>;

/// The body of an answer to a caller.
pub enum ReplyBody<B> {
    /// The gateway's own; `None` once it is taken.
    Own(Option<Vec<u8>>),
    /// Dataverse's, as it flows.
    Relayed(Rewritten<B>),
}

impl<B: Body> Body for ReplyBody<B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Own(bytes) => Ok(bytes.take().filter(|bytes| !bytes.is_empty())),
            Self::Relayed(body) => body.chunk().await,
        }
    }
}

/// A few words.
pub fn text<B>(status: StatusCode, words: &'static str) -> Response<ReplyBody<B>> {
    own(status, "text/plain; charset=utf-8", words.as_bytes().to_vec())
}

/// The answer of `/readyz` to those who are allowed in. `now` is in seconds since 1970.
pub fn ready<B>(credential: &UsedCredential, now: u64) -> Response<ReplyBody<B>> {
    #[derive(Serialize)]
    struct Ready<'a> {
        status: &'static str,
        credential: Used<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Used<'a> {
        kind: &'static str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        thumbprint: Option<&'a str>,
        /// Seconds since 1970.
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        days_left: Option<u64>,
    }
    let ready = Ready {
        status: "ready",
        credential: Used {
            kind: kind_name(credential.kind),
            name: &credential.name,
            thumbprint: credential.thumbprint.as_deref(),
            expires_at: credential.expires_at,
            days_left: days_left(credential, now),
        },
    };
    json(StatusCode::OK, &ready)
}

/// The answer of `/whoami`.
pub fn identity<B>(identity: &Identity) -> Response<ReplyBody<B>> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct WhoAmI<'a> {
        user_id: &'a str,
        business_unit_id: &'a str,
        organization_id: &'a str,
    }
    let identity = WhoAmI {
        user_id: &identity.user_id,
        business_unit_id: &identity.business_unit_id,
        organization_id: &identity.organization_id,
    };
    json(StatusCode::OK, &identity)
}

/// A value as JSON.
pub fn json<B>(status: StatusCode, value: &impl Serialize) -> Response<ReplyBody<B>> {
    // Serializing strings and numbers into memory does not fail.
    own(
        status,
        "application/json; charset=utf-8",
        serde_json::to_vec(value).unwrap_or_default(),
    )
}

/// These bytes, of this type.
pub fn own<B>(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Response<ReplyBody<B>> {
    let mut reply = Response::new(ReplyBody::Own(None));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *reply.body_mut() = ReplyBody::Own(Some(bytes));
    reply
}

/// Why a caller does not get what it asked for.
pub struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    service: &'static str,
    /// What to do about it.
    advice: Option<String>,
    /// Dataverse's id of the request.
    request_id: Option<String>,
    headers: HeaderMap,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code: String::new(),
            message: message.into(),
            service: "gateway",
            advice: None,
            request_id: None,
            headers: HeaderMap::new(),
        }
    }

    /// No key, or none that is known.
    pub fn unauthorized() -> Self {
        let mut refusal = Self::new(
            StatusCode::UNAUTHORIZED,
            "this gateway wants one of its keys: as Authorization: Bearer, as x-api-key, or as the password of Basic",
        );
        for challenge in ["Bearer", "Basic realm=\"dynamics365\""] {
            refusal
                .headers
                .append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        refusal
    }

    /// Not among what `GATEWAY_ALLOW` lists.
    pub fn forbidden(reason: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    /// No such route.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "there is /api/data/v9.2/, /whoami, /validate, /healthz and /readyz",
        )
    }

    /// A method that the route does not take; `allowed` are those it does.
    pub fn not_allowed(allowed: &'static str) -> Self {
        let mut refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, "this route does not take this method");
        refusal.headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        refusal
    }

    /// A request that cannot be meant.
    pub fn bad_request(reason: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// A body that ended before it was whole.
    pub fn broken_off() -> Self {
        Self::bad_request("the request's body broke off".to_owned())
    }

    /// A body that is longer than the route takes.
    pub fn too_large(reason: &'static str) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }

    /// Headers that the host would not take.
    pub fn headers_too_large(reason: &'static str) -> Self {
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason)
    }

    /// An answer that cannot be passed on.
    pub fn bad_gateway(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, reason)
    }

    /// The gateway cannot work now.
    pub fn unavailable(reason: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }

    /// What the contract's errors are over HTTP. What is wrong with the settings goes to the log.
    pub fn from_error(error: Error) -> Self {
        match error {
            Error::InvalidSettings(faults) => {
                for fault in faults {
                    log::note(format_args!("{} {}", fault.field, fault.reason));
                }
                Self::unavailable("the gateway is not set up; its operator finds out why in its log")
            }
            Error::InvalidRequest(faults) => {
                let reasons: Vec<_> = faults
                    .iter()
                    .map(|fault| format!("{} {}", fault.field, fault.reason))
                    .collect();
                Self::bad_request(reasons.join("; "))
            }
            Error::EntraId(error) => Self {
                code: error.error,
                service: "entra-id",
                ..Self::new(StatusCode::BAD_GATEWAY, error.description)
            },
            Error::Dataverse(error) => {
                // A caller with a good key would take a 401 for its own.
                let status = if error.status == 401 { 502 } else { error.status };
                Self {
                    code: error.code,
                    service: "dataverse",
                    advice: error.advice,
                    request_id: error.request_id,
                    ..Self::new(
                        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
                        error.message,
                    )
                }
            }
            Error::Throttled(throttling) => {
                let (status, service) = match throttling.service {
                    Service::Dataverse => (StatusCode::TOO_MANY_REQUESTS, "dataverse"),
                    Service::EntraId => (StatusCode::SERVICE_UNAVAILABLE, "entra-id"),
                };
                let mut refusal = Self {
                    code: throttling.code,
                    service,
                    advice: throttling.advice,
                    request_id: throttling.request_id,
                    ..Self::new(status, throttling.message)
                };
                if let Some(seconds) = throttling.retry_after_seconds {
                    refusal.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                refusal
            }
            Error::Unavailable(outage) => {
                let status = match outage.cause {
                    OutageCause::TimedOut => StatusCode::GATEWAY_TIMEOUT,
                    OutageCause::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::BAD_GATEWAY,
                };
                let service = match outage.service {
                    Service::Dataverse => "dataverse",
                    Service::EntraId => "entra-id",
                };
                let unsure = if outage.may_have_taken_effect {
                    "; the request may have taken effect"
                } else {
                    ""
                };
                Self {
                    service,
                    ..Self::new(status, format!("{}{unsure}", outage.detail))
                }
            }
        }
    }

    /// The same with another status.
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// As an answer, with the id of the request it belongs to.
    pub fn into_reply<B>(self, id: &str) -> Response<ReplyBody<B>> {
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
            #[serde(skip_serializing_if = "Option::is_none")]
            advice: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            request_id: Option<&'a str>,
            client_request_id: &'a str,
        }
        let error = Inner {
            code: &self.code,
            message: &self.message,
            status: self.status.as_u16(),
            service: self.service,
            advice: self.advice.as_deref(),
            request_id: self.request_id.as_deref(),
            client_request_id: id,
        };
        let mut reply = json(self.status, &Outer { error });
        reply.headers_mut().insert(
            HeaderName::from_static("odata-version"),
            HeaderValue::from_static("4.0"),
        );
        reply.headers_mut().extend(self.headers);
        reply
    }
}
