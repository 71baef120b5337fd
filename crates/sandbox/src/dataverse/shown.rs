//! A row as JSON.

use serde_json::{Map, Value};

use super::store::Row;
use crate::schema::{Column, Kind, Table};

/// A row in the minimal metadata format: its tag, the selected columns, and always its id.
pub(super) fn shown(row: &Row, table: &Table, select: Option<&[&Column]>) -> Map<String, Value> {
    let mut shown = match select {
        None => {
            let mut values = row.values.clone();
            values.retain(|name, _| table.column(name).is_none_or(|column| column.kind != Kind::Binary));
            values
        }
        Some(columns) => columns
            .iter()
            .map(|column| (column.name.to_string(), row.value(column.name).clone()))
            .collect(),
    };
    shown.insert(table.primary_id.into(), row.id.to_string().into());
    shown.insert("@odata.etag".into(), row.etag().into());
    shown
}
