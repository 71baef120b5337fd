//! What the gateway says itself: plain words, and the identity.

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::rewrite::Rewritten;
use crate::credential::Used;
use crate::dataverse::received::Received;
use crate::dataverse::whoami::Identity;
use crate::host::{Body, Failure, Host};

/// An answer to a caller.
pub(crate) type Reply<H> = Response<ReplyBody<<H as Host>::Body>>;

/// The body of an answer to a caller.
pub(crate) enum ReplyBody<B> {
    /// The gateway's own; `None` once it is taken.
    Own(Option<Vec<u8>>),
    /// Dataverse's, as it flows.
    Relayed(Rewritten<Received<B>>),
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
pub(super) fn text<B>(status: StatusCode, words: &'static str) -> Response<ReplyBody<B>> {
    own(status, "text/plain; charset=utf-8", words.as_bytes().to_vec())
}

/// The answer of `/readyz` to those who are allowed in. `now` is in seconds since 1970.
pub(super) fn ready<B>(credential: &Used, now: u64) -> Response<ReplyBody<B>> {
    #[derive(Serialize)]
    struct Ready<'a> {
        status: &'static str,
        credential: Shown<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shown<'a> {
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
        credential: Shown {
            kind: credential.kind.name(),
            name: &credential.name,
            thumbprint: credential.thumbprint.as_deref(),
            expires_at: credential.expires_at,
            days_left: credential.days_left(now),
        },
    };
    json(StatusCode::OK, &ready)
}

/// The answer of `/whoami`.
pub(super) fn identity<B>(identity: &Identity) -> Response<ReplyBody<B>> {
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
pub(super) fn json<B>(status: StatusCode, value: &impl Serialize) -> Response<ReplyBody<B>> {
    // Serializing strings and numbers into memory does not fail.
    own(
        status,
        "application/json; charset=utf-8",
        serde_json::to_vec(value).unwrap_or_default(),
    )
}

/// These bytes, of this type.
pub(super) fn own<B>(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Response<ReplyBody<B>> {
    let mut reply = Response::new(ReplyBody::Own(None));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *reply.body_mut() = ReplyBody::Own(Some(bytes));
    reply
}
