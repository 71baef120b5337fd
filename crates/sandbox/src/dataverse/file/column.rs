//! A file column's row, its content, and the checks for new content.

use http::StatusCode;

use crate::dataverse::call::Call;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::store::{Content, Row, Store};
use crate::dataverse::target::FileColumn;
use crate::dataverse::{blob, image};
use crate::response::{Answer, empty};

impl FileColumn {
    pub(super) fn row<'a>(&self, store: &'a Store) -> Result<&'a Row, Refusal> {
        store
            .row(self.table, self.id)
            .ok_or_else(|| Refusal::no_such_row(self.table, self.id))
    }

    pub(super) fn content<'a>(&self, store: &'a Store) -> Result<&'a Content, Refusal> {
        let row = self.row(store)?;
        // Code and text as in reports. Guess: the same for DELETE.
        blob::content(row, self.blob, store).ok_or_else(|| {
            let message = format!(
                "No file attachment found for attribute: {} EntityId: {}.",
                self.blob.column, self.id
            );
            Refusal::new(StatusCode::NOT_FOUND, "0x80040217", message)
        })
    }

    pub(super) fn store(&self, call: &Call<'_>, content: Content, store: &mut Store) -> Result<Answer, Refusal> {
        self.demand_size(call, content.bytes.len() as u64)?;
        if self.blob.image {
            image::check(&content.bytes, self.blob)?;
        }
        blob::set(store, self.table, self.id, self.blob, Some(content), call.now);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn demand_size(&self, call: &Call<'_>, size: u64) -> Result<(), Refusal> {
        if self.blob.image {
            return image::demand_size(size, call.settings);
        }
        if size <= call.settings.largest_file {
            return Ok(());
        }
        Err(too_big())
    }
}

/// Code and text: <https://learn.microsoft.com/power-apps/developer/data-platform/file-column-data>. Guess: the status.
fn too_big() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "0x80044a02",
        "Attachment file size is too big.",
    )
}
