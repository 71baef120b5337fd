//! Uploads in chunks: an empty request, then one request per chunk
//! (<https://learn.microsoft.com/power-apps/developer/data-platform/file-column-data>).

use std::sync::Mutex;

use http::StatusCode;
use uuid::Uuid;

use super::options::{demand_bytes, refused};
use crate::dataverse::call::Call;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::store::{Content, Store};
use crate::dataverse::target::FileColumn;
use crate::response::{Answer, append, empty, lock};

/// The maximum number of open uploads, so that unfinished ones cannot fill the memory.
const OPEN: usize = 16;

/// The open uploads, the newest last.
#[derive(Default)]
pub(in crate::dataverse) struct Uploads(Vec<Upload>);

struct Upload {
    token: String,
    user: String,
    row: Uuid,
    column: &'static str,
    name: String,
    total: Option<u64>,
    content: Vec<u8>,
}

pub(super) fn begin(
    call: &Call<'_>,
    column: &FileColumn,
    name: String,
    uploads: &Mutex<Uploads>,
) -> Result<Answer, Refusal> {
    // docs/facts/dataverse.md, 1.5: an empty body. Guess: that it must be.
    if !call.request.body.is_empty() {
        return Err(refused(
            "The request that begins an upload in chunks must not have a body.",
        ));
    }
    let token = Uuid::new_v4().simple().to_string();
    let mut answer = empty(StatusCode::OK);
    let url = call.row_url(column.table, column.id);
    append(
        &mut answer,
        "location",
        &format!("{url}/{}?sessiontoken={token}", column.blob.column),
    );
    append(&mut answer, "x-ms-chunk-size", &call.settings.chunk_size.to_string());
    append(&mut answer, "accept-ranges", "bytes");
    append(&mut answer, "access-control-expose-headers", "x-ms-chunk-size");
    let mut uploads = lock(uploads);
    if uploads.0.len() == OPEN {
        uploads.0.remove(0);
    }
    uploads.0.push(Upload {
        token,
        user: call.user.user_id.clone(),
        row: column.id,
        column: column.blob.column,
        name,
        total: None,
        content: Vec::new(),
    });
    Ok(answer)
}

pub(super) fn chunk(
    call: &Call<'_>,
    column: &FileColumn,
    token: &str,
    store: &mut Store,
    uploads: &Mutex<Uploads>,
) -> Result<Answer, Refusal> {
    demand_bytes(call)?;
    let mut uploads = lock(uploads);
    let ours = |upload: &Upload| {
        upload.token == token
            && upload.user == call.user.user_id
            && upload.row == column.id
            && upload.column == column.blob.column
    };
    let at = uploads
        .0
        .iter()
        .position(ours)
        .ok_or_else(|| refused("The session token is not valid."))?;
    let Some(upload) = uploads.0.get_mut(at) else {
        return Err(refused("The session token is not valid."));
    };
    if !upload.add(call, column)? {
        return Ok(empty(StatusCode::PARTIAL_CONTENT));
    }
    let upload = uploads.0.remove(at);
    let content = Content {
        name: upload.name,
        bytes: upload.content.into(),
    };
    column.store(call, content, store)
}

impl Upload {
    /// Adds a chunk and returns whether the upload is complete. Guess: chunks arrive in order, and are no
    /// larger than requested.
    fn add(&mut self, call: &Call<'_>, column: &FileColumn) -> Result<bool, Refusal> {
        let header = call.request.header("content-range").unwrap_or_default();
        let (first, last, total) =
            content_range(header).ok_or_else(|| refused(format!("The Content-Range '{header}' is not valid.")))?;
        column.demand_size(call, total)?;
        let body = &call.request.body;
        let there = self.content.len() as u64;
        let chunk = call.settings.chunk_size;
        // Guess: a chunk may be repeated, as after a lost answer.
        let again = last < there && !call.settings.refuse_repeated_chunks;
        let fits = (first == there || again)
            && last - first + 1 == body.len() as u64
            && body.len() as u64 <= chunk
            && self.total.is_none_or(|earlier| earlier == total);
        if !fits {
            return Err(refused(format!(
                "The Content-Range '{header}' does not match: {} bytes were received, {there} were there before, and a chunk \
                 has at most {chunk} bytes.",
                body.len(),
            )));
        }
        if again {
            let at = usize::try_from(first).unwrap_or_default();
            self.content.splice(at..at + body.len(), body.iter().copied());
            return Ok(false);
        }
        self.total = Some(total);
        self.content.extend_from_slice(body);
        Ok(last + 1 == total)
    }
}

/// `bytes a-b/total` as `(a, b, total)`.
fn content_range(header: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
    let (first, last, total) = (number(first)?, number(last)?, number(total)?);
    (first <= last && last < total).then_some((first, last, total))
}
