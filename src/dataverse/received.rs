//! An answer as it is used: as long as it was announced, without the token, should it repeat that, and without a content coding.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::answer;
use crate::echo::{Masked, mask_headers};
use crate::error::Reason;
use crate::host::Cause;
use crate::http::announced::Announced;
use crate::http::content_coding::{Applied, Coding};
use crate::http::decoded::{Decoded, forget_coding, vary};
use crate::http::{length, media_type};

/// The body of such an answer.
pub(crate) type Received<B> = Masked<Decoded<Announced<B>>>;

/// Makes an answer usable. `takes_gzip`: whoever gets it takes gzip where nobody has to look into it. `tokens` are all that the
/// request was sent with; `now` is in seconds since 1970.
///
/// # Errors
/// Why it cannot be used: it is in a coding that cannot be undone.
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
            // Without a body, it would say something of the one that the caller has, which is decoded.
            head.headers.remove(CONTENT_ENCODING);
            Decoded::Plain(body)
        }
        Applied::Plain => {
            head.headers.remove(CONTENT_ENCODING);
            Decoded::Plain(body)
        }
        // A part of a file: whether its place is one in the coded file or in the file itself, nobody can tell.
        coding if head.status == StatusCode::PARTIAL_CONTENT => return Err(unusable(&head, &coding, now)),
        Applied::Known(Coding::Gzip) if takes_gzip && !media_type::may_be_text(&head.headers) => {
            vary(&mut head.headers);
            Decoded::Plain(body)
        }
        Applied::Known(coding) => {
            forget_coding(&mut head.headers);
            Decoded::new(body, coding)
        }
        // The status alone says that it was refused, and when to come back.
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

/// An error that says that the error cannot be read.
fn instead<B>(head: &mut Parts, coding: &Applied) -> Decoded<B> {
    let message = format!("the error came {}", unreadable(coding));
    let body = serde_json::json!({ "error": { "code": "", "message": message } }).to_string();
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
