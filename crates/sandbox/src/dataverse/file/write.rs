//! Changes of the content: set or emptied as JSON, deleted, uploaded.

use std::sync::Mutex;

use http::StatusCode;

use super::options::{demand_bytes, name, option, refuse_options, refused};
use super::upload::{self, Uploads};
use crate::dataverse::call::Call;
use crate::dataverse::conditions::if_match;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::store::{Content, Store};
use crate::dataverse::target::FileColumn;
use crate::dataverse::{blob, image, payload};
use crate::privileges::Verb;
use crate::response::{Answer, empty};

/// <https://learn.microsoft.com/power-apps/developer/data-platform/image-column-data>: `{"value": null}` empties the
/// column. Guess: that it also takes an image.
pub(super) fn put(call: &Call<'_>, column: &FileColumn, store: &mut Store) -> Result<Answer, Refusal> {
    call.demand(column.table, Verb::Write)?;
    refuse_options(call, &[])?;
    call.demand_row(column.table, Verb::Write, store.row(column.table, column.id))?;
    if_match(call, store.row(column.table, column.id), column.table, column.id)?;
    column.row(store)?;
    let mut body = payload::object(call, column.table)?;
    let content = match body.remove("value") {
        Some(value) => image::read(&value, column.blob, call.settings)?,
        None => return Err(Refusal::payload(column.table, "The property 'value' is missing.")),
    };
    blob::set(store, column.table, column.id, column.blob, content, call.now);
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) fn delete(call: &Call<'_>, column: &FileColumn, store: &mut Store) -> Result<Answer, Refusal> {
    call.demand(column.table, Verb::Write)?;
    refuse_options(call, &[])?;
    call.demand_row(column.table, Verb::Write, store.row(column.table, column.id))?;
    if_match(call, store.row(column.table, column.id), column.table, column.id)?;
    // Guess: a missing image may be deleted, as a column may be emptied twice.
    if column.blob.image {
        column.row(store)?;
    } else {
        column.content(store)?;
    }
    blob::set(store, column.table, column.id, column.blob, None, call.now);
    Ok(empty(StatusCode::NO_CONTENT))
}

/// An upload in one request, or one request of an upload in chunks.
pub(super) fn upload(
    call: &Call<'_>,
    column: &FileColumn,
    store: &mut Store,
    uploads: &Mutex<Uploads>,
) -> Result<Answer, Refusal> {
    call.demand(column.table, Verb::Write)?;
    refuse_options(call, &["x-ms-file-name", "sessiontoken"])?;
    call.demand_row(column.table, Verb::Write, store.row(column.table, column.id))?;
    if_match(call, store.row(column.table, column.id), column.table, column.id)?;
    column.row(store)?;
    if let Some(token) = option(call, "sessiontoken") {
        return upload::chunk(call, column, &token, store, uploads);
    }
    let name = name(call)?.ok_or_else(|| refused("The name of the file is missing: x-ms-file-name."))?;
    match call.request.header("x-ms-transfer-mode") {
        Some(mode) if mode.eq_ignore_ascii_case("chunked") => upload::begin(call, column, name, uploads),
        Some(mode) => Err(refused(format!("The transfer mode '{mode}' is not valid."))),
        None => {
            demand_bytes(call)?;
            let bytes = call.request.body.clone();
            column.store(call, Content { name, bytes }, store)
        }
    }
}
