//! The rows, in memory.

mod environment;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hyper::body::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::image;
use super::journal::Journal;
use super::path::guid;
use super::seed;
use crate::clock;
use crate::schema::{Blob, Table};

/// 2026-01-05, whatever the clock says: tests compare rows.
const BEGINNING: i64 = 1_767_571_200;

/// A row: every column of its table has a value here, `null` where there is none.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) version: u64,
    /// The user who created it; nobody's are the rows that every sandbox starts with.
    pub(super) owner: Option<String>,
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

/// The content of a file or image column.
#[derive(Clone)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) content: Bytes,
}

/// A copy is what a change set goes back to; it shares the rows until one of them changes.
#[derive(Clone)]
pub(super) struct Store {
    rows: HashMap<&'static str, Vec<Arc<Row>>>,
    /// By the id that the row's column holds.
    files: HashMap<Uuid, File>,
    version: u64,
    /// Rows that are gone, and the version of that.
    deleted: Vec<(&'static str, Uuid, u64)>,
    /// Which user has which role.
    user_roles: Vec<(Uuid, Uuid)>,
    pub(super) journal: Journal,
}

impl Store {
    pub(super) fn seeded() -> Store {
        let mut store = Store {
            rows: HashMap::new(),
            files: HashMap::new(),
            version: 1_035_540,
            deleted: Vec::new(),
            user_roles: Vec::new(),
            journal: Journal::default(),
        };
        for table in Table::all() {
            let rows = match table.entity_set {
                "accounts" => seed::accounts(),
                "contacts" => seed::contacts(),
                "leads" => seed::leads(),
                "opportunities" => seed::opportunities(),
                _ => Vec::new(),
            };
            for row in rows {
                if let Value::Object(values) = row {
                    let id = values.get(table.primary_id).and_then(Value::as_str).unwrap_or_default();
                    store.insert(
                        table,
                        Uuid::try_parse(id).unwrap_or_default(),
                        values.clone(),
                        None,
                        BEGINNING,
                    );
                }
            }
        }
        store
    }

    /// In the order of their creation. Guess: the real order without `$orderby` is nowhere promised.
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

    /// The rows that are gone and did not come back, with the version of that.
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

    /// A change of a row that is there.
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

    pub(super) fn file(&self, row: &Row, blob: &Blob) -> Option<&File> {
        self.files.get(&row.file_id(blob.id_column)?)
    }

    /// Puts the file, or none, in the place of the one that is there.
    pub(super) fn set_file(&mut self, table: &Table, id: Uuid, blob: &Blob, file: Option<File>, now: i64) {
        if let Some(old) = self.row(table, id).and_then(|row| row.file_id(blob.id_column)) {
            self.files.remove(&old);
        }
        let file_id = file.as_ref().map(|_| Uuid::new_v4().to_string());
        let mut values = Map::from_iter([(blob.id_column.to_string(), file_id.clone().into())]);
        if blob.image {
            values.extend(image::columns(table, blob, file_id.as_deref()));
        } else {
            let name = file.as_ref().map(|file| file.name.clone());
            values.insert(format!("{}_name", blob.column), name.into());
        }
        if let (Some(file), Some(id)) = (file, file_id.as_deref().and_then(guid)) {
            self.files.insert(id, file);
        }
        self.update(table, id, values, now);
    }

    pub(super) fn delete(&mut self, table: &'static Table, id: Uuid) {
        for blob in table.blobs {
            if let Some(file) = self.row(table, id).and_then(|row| row.file_id(blob.id_column)) {
                self.files.remove(&file);
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

    /// Everything that requests can change, in one order: tables and rows by name and id, with their versions.
    pub(super) fn snapshot(&self) -> Value {
        let tables: BTreeMap<&str, BTreeMap<String, Value>> = self
            .rows
            .iter()
            .map(|(set, rows)| {
                let row = |row: &Arc<Row>| {
                    (
                        row.id.to_string(),
                        json!({"version": row.version, "values": row.values}),
                    )
                };
                (*set, rows.iter().map(row).collect())
            })
            .collect();
        let files: BTreeMap<String, Value> = self
            .files
            .iter()
            .map(|(id, file)| {
                let hash: String = Sha256::digest(&file.content)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                (
                    id.to_string(),
                    json!({"name": file.name, "size": file.content.len(), "sha256": hash}),
                )
            })
            .collect();
        let roles: Vec<String> = self
            .user_roles
            .iter()
            .map(|(user, role)| format!("{user} {role}"))
            .collect();
        json!({"tables": tables, "files": files, "roles": roles})
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }
}

/// What the platform itself fills in.
fn finished(mut values: Map<String, Value>, now: i64) -> Map<String, Value> {
    if values.contains_key("firstname") {
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
