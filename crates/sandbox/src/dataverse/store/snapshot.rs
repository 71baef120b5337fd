//! All data as JSON, for comparisons.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Store;
use super::row::Row;

impl Store {
    /// Everything that requests can change, in a fixed order: tables and rows by name and id, with their
    /// versions.
    pub(in crate::dataverse) fn snapshot(&self) -> Value {
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
            .contents
            .iter()
            .map(|(id, content)| {
                let hash: String = Sha256::digest(&content.bytes)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                (
                    id.to_string(),
                    json!({"name": content.name, "size": content.bytes.len(), "sha256": hash}),
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
}
