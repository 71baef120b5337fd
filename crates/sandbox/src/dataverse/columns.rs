//! Columns by their names.

use super::refusal::Refusal;
use crate::schema::{Column, Kind, Table};

/// A comma list of columns.
pub(super) fn columns(list: &str, table: &'static Table) -> Result<Vec<&'static Column>, Refusal> {
    if list.trim() == "*" {
        let shown = table.columns.iter().filter(|column| column.kind != Kind::Binary);
        return Ok(shown.collect());
    }
    list.split(',').map(|name| column(name.trim(), table)).collect()
}

pub(super) fn column(name: &str, table: &'static Table) -> Result<&'static Column, Refusal> {
    table.column(name).ok_or_else(|| Refusal::no_such_column(name, table))
}
