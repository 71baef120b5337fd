//! `GET` of the content or a range of it.

use http::StatusCode;
use hyper::body::Bytes;
use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::options::{option, refuse_options};
use super::range;
use crate::dataverse::call::Call;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::store::{Content, Store};
use crate::dataverse::target::FileColumn;
use crate::dataverse::{blob, image};
use crate::privileges::Verb;
use crate::response::{Answer, answer, append, empty};

pub(super) fn download(call: &Call<'_>, column: &FileColumn, store: &Store) -> Result<Answer, Refusal> {
    call.demand(column.table, Verb::Read)?;
    call.demand_row(column.table, Verb::Read, store.row(column.table, column.id))?;
    refuse_options(call, &["size"])?;
    if !column.blob.image {
        return send(call, column.content(store)?);
    }
    let Some(file) = blob::content(column.row(store)?, column.blob, store) else {
        // Guess: the same as without a full-sized image.
        return Ok(empty(StatusCode::NO_CONTENT));
    };
    // https://learn.microsoft.com/power-apps/developer/data-platform/image-column-data: the thumbnail,
    // unless the full size is requested.
    match option(call, "size").as_deref() {
        Some("full") => send(call, file),
        _ => send(call, &image::thumbnail(file)),
    }
}

/// The file, or the requested range.
fn send(call: &Call<'_>, content: &Content) -> Result<Answer, Refusal> {
    let size = content.bytes.len();
    let range = call
        .request
        .header("range")
        .map(|range| range::parse(range, size))
        .transpose()?;
    let (status, body) = match &range {
        None => (StatusCode::OK, content.bytes.clone()),
        Some(Some(range)) => (StatusCode::PARTIAL_CONTENT, content.bytes.slice(range.clone())),
        // RFC 9110, 15.5.17. Guess: the body.
        Some(None) => (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new()),
    };
    let mut answer = answer(status, "application/octet-stream", body);
    // Guess: Content-Range, which RFC 9110, 15.3.7 requires; the documented example does not have it.
    match range {
        None => {}
        Some(None) => append(&mut answer, "content-range", &format!("bytes */{size}")),
        Some(Some(range)) => {
            let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            append(&mut answer, "content-range", &text);
        }
    }
    append(&mut answer, "accept-ranges", "bytes");
    append(&mut answer, "x-ms-file-size", &size.to_string());
    // Guess: how a name that is not ASCII is written.
    let name = utf8_percent_encode(&content.name, CONTROLS).to_string();
    append(&mut answer, "x-ms-file-name", &name);
    append(
        &mut answer,
        "access-control-expose-headers",
        "x-ms-file-size; x-ms-file-name",
    );
    Ok(answer)
}
