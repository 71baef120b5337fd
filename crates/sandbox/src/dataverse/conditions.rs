//! Conditional requests: `If-Match` and lists of tags (docs/facts/dataverse.md, 1.3).

use uuid::Uuid;

use super::call::Call;
use super::refusal::Refusal;
use super::store::Row;
use crate::schema::Table;

/// 404 if the row does not exist, even for `*` (docs/facts/dataverse.md, 1.3); 412 if it has a different
/// version.
pub(super) fn if_match(call: &Call<'_>, row: Option<&Row>, table: &Table, id: Uuid) -> Result<(), Refusal> {
    let Some(tags) = call.header("if-match") else {
        return Ok(());
    };
    let row = row.ok_or_else(|| Refusal::no_such_row(table, id))?;
    if tags.trim() == "*" || lists(tags, &row.etag()) {
        Ok(())
    } else {
        Err(Refusal::version_mismatch())
    }
}

/// Whether the condition contains that tag.
pub(super) fn lists(tags: &str, etag: &str) -> bool {
    tags.split(',').any(|tag| tag.trim() == etag)
}
