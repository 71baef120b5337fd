//! The rows, in memory.

mod environment;
mod row;
mod snapshot;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hyper::body::Bytes;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::journal::Journal;
use crate::clock;
use crate::guid::guid;
use crate::schema::Table;
pub(super) use row::Row;
use row::finished;

/// 2026-01-05, independent of the clock, because tests compare rows.
const BEGINNING: i64 = 1_767_571_200;

/// The rows of the tables about the environment itself, by entity set and id.
pub(super) type SystemRows = BTreeMap<(&'static str, Uuid), Map<String, Value>>;

/// The content of a file or image column.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

/// A change set is rolled back to a copy, which shares the rows until one of them changes.
#[derive(Clone)]
pub(super) struct Store {
    rows: HashMap<&'static str, Vec<Arc<Row>>>,
    /// By the id in the row's column.
    contents: HashMap<Uuid, Content>,
    version: u64,
    /// Deleted rows, and the version of the deletion.
    deleted: Vec<(&'static str, Uuid, u64)>,
    /// The roles of users: user id and role id.
    user_roles: Vec<(Uuid, Uuid)>,
    pub(super) journal: Journal,
}

impl Store {
    /// A store with these rows, by entity set.
    pub(super) fn with(rows: Vec<(&str, Vec<Value>)>) -> Store {
        let mut store = Store {
            rows: HashMap::new(),
            contents: HashMap::new(),
            version: 1_035_540,
            deleted: Vec::new(),
            user_roles: Vec::new(),
            journal: Journal::default(),
        };
        for (set, rows) in rows {
            let Some(table) = Table::of(set) else { continue };
            for row in rows {
                if let Value::Object(values) = row {
                    let id = values.get(table.primary_id).and_then(Value::as_str).and_then(guid);
                    store.insert(table, id.unwrap_or_default(), values, None, BEGINNING);
                }
            }
        }
        store
    }

    /// In the order of creation. Guess: the real order without `$orderby` is not documented.
    pub(super) fn rows(&self, table: &Table) -> impl Iterator<Item = &Row> {
        let rows = self.rows.get(table.entity_set).into_iter().flatten();
        rows.map(Arc::as_ref)
    }

    pub(super) fn row(&self, table: &Table, id: Uuid) -> Option<&Row> {
        self.rows(table).find(|row| row.id == id)
    }

    /// The version of the last change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The deleted rows that were not created again, with the version of the deletion.
    pub(super) fn deleted(&self, table: &Table) -> impl Iterator<Item = (Uuid, u64)> {
        let gone = |(set, id, _): &&(&str, Uuid, u64)| *set == table.entity_set && self.row(table, *id).is_none();
        self.deleted.iter().filter(gone).map(|(_, id, version)| (*id, *version))
    }

    pub(super) fn insert(
        &mut self,
        table: &'static Table,
        id: Uuid,
        given: Map<String, Value>,
        owner: Option<&str>,
        now: i64,
    ) -> Row {
        let mut values: Map<String, Value> = table
            .columns
            .iter()
            .map(|column| (column.name.to_string(), Value::Null))
            .collect();
        if !table.system {
            values.insert("statecode".into(), 0.into());
            values.insert("statuscode".into(), 1.into());
        }
        values.insert("createdon".into(), clock::iso(now).into());
        values.extend(given);
        values.insert(table.primary_id.into(), id.to_string().into());
        let row = Row {
            id,
            version: self.next_version(),
            owner: owner.map(Into::into),
            values: finished(values, now),
        };
        self.rows
            .entry(table.entity_set)
            .or_default()
            .push(Arc::new(row.clone()));
        row
    }

    /// Updates an existing row.
    pub(super) fn update(&mut self, table: &Table, id: Uuid, given: Map<String, Value>, now: i64) -> Option<Row> {
        let version = self.next_version();
        let row = self
            .rows
            .get_mut(table.entity_set)?
            .iter_mut()
            .find(|row| row.id == id)
            .map(Arc::make_mut)?;
        let mut values = std::mem::take(&mut row.values);
        values.extend(given);
        row.values = finished(values, now);
        row.version = version;
        Some(row.clone())
    }

    pub(super) fn content(&self, id: Uuid) -> Option<&Content> {
        self.contents.get(&id)
    }

    pub(super) fn put_content(&mut self, id: Uuid, content: Content) {
        self.contents.insert(id, content);
    }

    pub(super) fn drop_content(&mut self, id: Uuid) {
        self.contents.remove(&id);
    }

    pub(super) fn delete(&mut self, table: &'static Table, id: Uuid) {
        for blob in table.blobs {
            if let Some(content) = self.row(table, id).and_then(|row| row.id_in(blob.id_column)) {
                self.drop_content(content);
            }
        }
        if let Some(rows) = self.rows.get_mut(table.entity_set) {
            rows.retain(|row| row.id != id);
        }
        let version = self.next_version();
        self.deleted.push((table.entity_set, id, version));
        // Guess: lookups to the row are emptied, as the relationships' usual "remove link" does.
        let gone = Value::from(id.to_string());
        for other in Table::all() {
            for lookup in other.lookups.iter().filter(|lookup| lookup.target == table.entity_set) {
                for row in self.rows.get_mut(other.entity_set).into_iter().flatten() {
                    if row.value(lookup.column) == &gone {
                        let row = Arc::make_mut(row);
                        row.values.insert(lookup.column.into(), Value::Null);
                        self.version += 1;
                        row.version = self.version;
                    }
                }
            }
        }
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }
}
