//! The rows, in memory.

use std::collections::HashMap;

use hyper::body::Bytes;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::path::guid;
use super::schema::{TABLES, Table};
use super::seed;
use crate::clock;

/// A row: every column of its table has a value here, `null` where there is none.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) version: u64,
    pub(super) values: Map<String, Value>,
}

impl Row {
    /// facts: dataverse 1.3 and DOC perform-conditional-operations: a weak tag over the row's version number.
    pub(super) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    pub(super) fn value(&self, column: &str) -> &Value {
        self.values.get(column).unwrap_or(&Value::Null)
    }

    fn file_id(&self, column: &str) -> Option<Uuid> {
        self.value(column).as_str().and_then(guid)
    }
}

/// The content of a file column.
#[derive(Clone)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) content: Bytes,
}

/// A copy is what a change set goes back to.
#[derive(Clone)]
pub(super) struct Store {
    rows: HashMap<&'static str, Vec<Row>>,
    /// By the id that the row's column holds.
    files: HashMap<Uuid, File>,
    version: u64,
    /// Rows that are gone, and the version of that.
    deleted: Vec<(&'static str, Uuid, u64)>,
}

impl Store {
    pub(super) fn seeded() -> Store {
        let mut store = Store {
            rows: HashMap::new(),
            files: HashMap::new(),
            version: 1_035_540,
            deleted: Vec::new(),
        };
        // 2026-01-05, whatever the clock says: tests compare rows.
        let created = 1_767_571_200;
        for table in TABLES {
            let rows = match table.entity_set {
                "accounts" => seed::accounts(),
                "contacts" => seed::contacts(),
                "leads" => seed::leads(),
                _ => seed::opportunities(),
            };
            for row in rows {
                if let Value::Object(values) = row {
                    let id = values.get(table.primary_id).and_then(Value::as_str).unwrap_or_default();
                    store.insert(table, Uuid::try_parse(id).unwrap_or_default(), values.clone(), created);
                }
            }
        }
        store
    }

    /// In the order of their creation. Guess: the real order without `$orderby` is nowhere promised.
    pub(super) fn rows(&self, table: &Table) -> &[Row] {
        self.rows.get(table.entity_set).map_or(&[], Vec::as_slice)
    }

    pub(super) fn row(&self, table: &Table, id: Uuid) -> Option<&Row> {
        self.rows(table).iter().find(|row| row.id == id)
    }

    /// The version of the last change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The rows that are gone and did not come back, with the version of that.
    pub(super) fn deleted(&self, table: &Table) -> impl Iterator<Item = (Uuid, u64)> {
        let gone = |(set, id, _): &&(&str, Uuid, u64)| *set == table.entity_set && self.row(table, *id).is_none();
        self.deleted.iter().filter(gone).map(|(_, id, version)| (*id, *version))
    }

    pub(super) fn insert(&mut self, table: &'static Table, id: Uuid, given: Map<String, Value>, now: i64) -> Row {
        let mut values: Map<String, Value> = table
            .columns
            .iter()
            .map(|column| (column.name.to_string(), Value::Null))
            .collect();
        values.insert("statecode".into(), 0.into());
        values.insert("statuscode".into(), 1.into());
        values.insert("createdon".into(), clock::iso(now).into());
        values.extend(given);
        values.insert(table.primary_id.into(), id.to_string().into());
        let row = Row {
            id,
            version: self.next_version(),
            values: finished(values, now),
        };
        self.rows.entry(table.entity_set).or_default().push(row.clone());
        row
    }

    /// A change of a row that is there.
    pub(super) fn update(&mut self, table: &Table, id: Uuid, given: Map<String, Value>, now: i64) -> Option<Row> {
        let version = self.next_version();
        let row = self
            .rows
            .get_mut(table.entity_set)?
            .iter_mut()
            .find(|row| row.id == id)?;
        let mut values = std::mem::take(&mut row.values);
        values.extend(given);
        row.values = finished(values, now);
        row.version = version;
        Some(row.clone())
    }

    pub(super) fn file(&self, row: &Row, column: &str) -> Option<&File> {
        self.files.get(&row.file_id(column)?)
    }

    /// Puts the file, or none, in the place of the one that is there.
    pub(super) fn set_file(&mut self, table: &Table, id: Uuid, column: &str, file: Option<File>, now: i64) {
        if let Some(old) = self.row(table, id).and_then(|row| row.file_id(column)) {
            self.files.remove(&old);
        }
        let (file_id, name) = match file {
            Some(file) => {
                let (id, name) = (Uuid::new_v4(), file.name.clone());
                self.files.insert(id, file);
                (id.to_string().into(), name.into())
            }
            None => (Value::Null, Value::Null),
        };
        let values = Map::from_iter([(column.to_string(), file_id), (format!("{column}_name"), name)]);
        self.update(table, id, values, now);
    }

    pub(super) fn delete(&mut self, table: &'static Table, id: Uuid) {
        let file = table.file.and_then(|column| self.row(table, id)?.file_id(column));
        if let Some(file) = file {
            self.files.remove(&file);
        }
        if let Some(rows) = self.rows.get_mut(table.entity_set) {
            rows.retain(|row| row.id != id);
        }
        let version = self.next_version();
        self.deleted.push((table.entity_set, id, version));
        // Guess: lookups to the row are emptied, as the relationships' usual "remove link" does.
        let gone = Value::from(id.to_string());
        for other in TABLES {
            for lookup in other.lookups.iter().filter(|lookup| lookup.target == table.entity_set) {
                for row in self.rows.get_mut(other.entity_set).into_iter().flatten() {
                    if row.value(lookup.column) == &gone {
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

/// What the platform itself fills in.
fn finished(mut values: Map<String, Value>, now: i64) -> Map<String, Value> {
    if values.contains_key("fullname") {
        let part = |name| values.get(name).and_then(Value::as_str);
        let full: Vec<&str> = [part("firstname"), part("lastname")].into_iter().flatten().collect();
        let full = if full.is_empty() {
            Value::Null
        } else {
            full.join(" ").into()
        };
        values.insert("fullname".into(), full);
    }
    values.insert("modifiedon".into(), clock::iso(now).into());
    values
}
