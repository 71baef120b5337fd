//! The content of a row's file or image column.

use serde_json::Map;
use uuid::Uuid;

use super::image;
use super::store::{Content, Row, Store};
use crate::schema::{Blob, Table};

pub(super) fn content<'a>(row: &Row, blob: &Blob, store: &'a Store) -> Option<&'a Content> {
    store.content(row.id_in(blob.id_column)?)
}

/// Replaces or removes the content.
pub(super) fn set(store: &mut Store, table: &Table, id: Uuid, blob: &Blob, content: Option<Content>, now: i64) {
    if let Some(old) = store.row(table, id).and_then(|row| row.id_in(blob.id_column)) {
        store.drop_content(old);
    }
    let content_id = content.as_ref().map(|_| Uuid::new_v4());
    let shown = content_id.map(|id| id.to_string());
    let mut values = Map::from_iter([(blob.id_column.to_string(), shown.clone().into())]);
    if blob.image {
        values.extend(image::columns(table, blob, shown.as_deref()));
    } else {
        let name = content.as_ref().map(|content| content.name.clone());
        values.insert(format!("{}_name", blob.column), name.into());
    }
    if let (Some(content), Some(id)) = (content, content_id) {
        store.put_content(id, content);
    }
    store.update(table, id, values, now);
}
