//! Compares values like the database under Dataverse.

use std::cmp::Ordering;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::guid::guid;
use crate::schema::Kind;

/// A value in a comparable form.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Text(String),
    Number(f64),
    Boolean(bool),
    Time(OffsetDateTime),
    Guid(Uuid),
}

impl Scalar {
    pub(super) fn of(value: &Value, kind: Kind) -> Scalar {
        match (value, kind) {
            (Value::String(text), Kind::Guid) => guid(text).map_or(Scalar::Null, Scalar::Guid),
            (Value::String(text), Kind::DateTime) => time(text).map_or(Scalar::Null, Scalar::Time),
            (Value::String(text), _) => Scalar::Text(text.clone()),
            (Value::Number(number), _) => number.as_f64().map_or(Scalar::Null, Scalar::Number),
            (Value::Bool(boolean), _) => Scalar::Boolean(*boolean),
            _ => Scalar::Null,
        }
    }

    /// `None` if one of them is null or the types differ.
    pub(super) fn compare(&self, other: &Scalar) -> Option<Ordering> {
        match (self, other) {
            // https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows: string
            // comparisons are not case-sensitive. Guess: no finer collation than lower case.
            (Scalar::Text(a), Scalar::Text(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
            (Scalar::Number(a), Scalar::Number(b)) => a.partial_cmp(b),
            (Scalar::Boolean(a), Scalar::Boolean(b)) => Some(a.cmp(b)),
            (Scalar::Time(a), Scalar::Time(b)) => Some(a.cmp(b)),
            (Scalar::Guid(a), Scalar::Guid(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// For `$orderby`. Guess: nulls come first, as in the underlying database.
    pub(super) fn order(&self, other: &Scalar) -> Ordering {
        match (self == &Scalar::Null, other == &Scalar::Null) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.compare(other).unwrap_or(Ordering::Equal),
        }
    }
}

/// `2024-01-31T10:00:00Z`, or a day alone, which is its midnight.
pub(super) fn time(text: &str) -> Option<OffsetDateTime> {
    let day = text.len() == 10;
    let text = if day {
        format!("{text}T00:00:00Z")
    } else {
        text.to_string()
    };
    OffsetDateTime::parse(&text, &Rfc3339).ok()
}
