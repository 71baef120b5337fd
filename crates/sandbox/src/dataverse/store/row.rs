//! A row.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock;
use crate::guid::guid;

/// A row: every column of its table has a value here, possibly `null`.
#[derive(Clone)]
pub(in crate::dataverse) struct Row {
    pub(in crate::dataverse) id: Uuid,
    pub(in crate::dataverse) version: u64,
    /// The user who created it; `None` for the initial rows.
    pub(in crate::dataverse) owner: Option<String>,
    pub(in crate::dataverse) values: Map<String, Value>,
}

impl Row {
    /// docs/facts/dataverse.md, 1.3 and
    /// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/perform-conditional-operations-using-web-api>:
    /// a weak tag over the row's version number.
    pub(in crate::dataverse) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    pub(in crate::dataverse) fn value(&self, column: &str) -> &Value {
        self.values.get(column).unwrap_or(&Value::Null)
    }

    /// The GUID in a column: the id of a row or of a content.
    pub(in crate::dataverse) fn id_in(&self, column: &str) -> Option<Uuid> {
        self.value(column).as_str().and_then(guid)
    }
}

/// Adds the values that the platform sets itself.
pub(super) fn finished(mut values: Map<String, Value>, now: i64) -> Map<String, Value> {
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
