//! The content of a file column (docs/facts/dataverse.md, 1.5;
//! <https://learn.microsoft.com/power-apps/developer/data-platform/file-column-data>).

mod column;
mod download;
mod options;
mod range;
mod upload;
mod write;

use std::sync::Mutex;

use http::Method;

use super::call::Call;
use super::refusal::Refusal;
use super::store::Store;
use super::target::FileColumn;
use crate::response::Answer;
pub(super) use upload::Uploads;

pub(super) fn respond(
    call: &Call<'_>,
    column: &FileColumn,
    store: &mut Store,
    uploads: &Mutex<Uploads>,
) -> Result<Answer, Refusal> {
    match (&call.request.method, column.value) {
        (&Method::GET, true) => download::download(call, column, store),
        (&Method::PATCH, false) => write::upload(call, column, store, uploads),
        (&Method::DELETE, false) => write::delete(call, column, store),
        (&Method::PUT, false) if column.blob.image => write::put(call, column, store),
        (&Method::GET | &Method::PUT, false) => Err(Refusal::unsupported(
            "reading or replacing a file column without $value",
        )),
        (method, _) => Err(Refusal::method_not_allowed(method)),
    }
}
