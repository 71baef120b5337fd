//! Prepares an answer for use: checks its announced length, masks tokens that it repeats, and removes its
//! content coding.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::answer;
use crate::echo::{Masked, mask_headers};
use crate::error::Reason;
use crate::host::Cause;
use crate::http::announced::Announced;
use crate::http::content_coding::{Applied, Coding};
use crate::http::decoded::{Decoded, forget_coding, vary};
use crate::http::{length, media_type};

/// The body of a prepared answer.
pub(crate) type Received<B> = Masked<Decoded<Announced<B>>>;

/// Prepares an answer for use. `takes_gzip`: the recipient accepts gzip for bodies that need no inspection.
/// `tokens` are those of all attempts. `now` is in seconds since 1970.
///
/// # Errors
/// If the answer has a coding that cannot be decoded.
pub(crate) fn receive<B>(
    answer: Response<B>,
    takes_gzip: bool,
    tokens: &[&str],
    now: u64,
) -> Result<Response<Received<B>>, Reason> {
    let (mut head, body) = answer.into_parts();
    let body = Announced::new(body, length::announced(head.status, &head.headers));
    mask_headers(&mut head.headers, tokens.iter().copied());
    let body = match Applied::of(&head.headers) {
        _ if head.status == StatusCode::NO_CONTENT || head.status == StatusCode::NOT_MODIFIED => {
            // The header would describe the caller's cached body, which is decoded.
            head.headers.remove(CONTENT_ENCODING);
            Decoded::Plain(body)
        }
        Applied::Plain => {
            head.headers.remove(CONTENT_ENCODING);
            Decoded::Plain(body)
        }
        // For a part of a file, it is unknown whether the range refers to the encoded or the decoded file.
        coding if head.status == StatusCode::PARTIAL_CONTENT => return Err(unusable(&head, &coding, now)),
        Applied::Known(Coding::Gzip) if takes_gzip && !media_type::may_be_text(&head.headers) => {
            vary(&mut head.headers);
            Decoded::Plain(body)
        }
        Applied::Known(coding) => {
            forget_coding(&mut head.headers);
            Decoded::new(body, coding)
        }
        // The status and the headers are enough to report the refusal and the requested wait.
        coding if head.status.is_client_error() || head.status.is_server_error() => instead(&mut head, &coding),
        coding => return Err(unusable(&head, &coding, now)),
    };
    Ok(Response::from_parts(head, Masked::new(body, tokens.iter().copied())))
}

fn unusable(head: &Parts, coding: &Applied, now: u64) -> Reason {
    let status = head.status.as_u16();
    let what = if status == 206 { "a part of a file" } else { "a body" };
    let detail = format!("Dataverse answered {status} with {what} {}", unreadable(coding));
    answer::failed(head, now, Cause::UnusableAnswer, detail)
}

/// An error that replaces an unreadable error.
fn instead<B>(head: &mut Parts, coding: &Applied) -> Decoded<B> {
    let message = format!("the error came {}", unreadable(coding));
    let body = format!(r#"{{"error":{{"code":"","message":{}}}}}"#, Value::String(message));
    forget_coding(&mut head.headers);
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    head.headers.insert(CONTENT_TYPE, json);
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Decoded::Instead(Some(body.into_bytes()))
}

fn unreadable(coding: &Applied) -> String {
    format!(
        "compressed ({}), which was not asked for and cannot be read: find what compresses it, such as a proxy, and let it heed \
         Accept-Encoding",
        coding.name()
    )
}
