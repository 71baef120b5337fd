//! Shared by all kinds of queries: the matching rows, and a streamed answer.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value};

use super::call::Call;
use super::query::Query;
use super::store::{Row, Store};
use crate::privileges::Verb;
use crate::response::Answer;
use crate::schema::Table;

/// The matching rows, in the query's order.
pub(super) fn matching<'a>(call: &Call<'_>, query: &Query, table: &Table, store: &'a Store) -> Vec<&'a Row> {
    let mut rows: Vec<&Row> = store.rows(table).collect();
    rows.retain(|row| call.reaches(table, Verb::Read, row));
    if let Some(filter) = &query.filter {
        rows.retain(|row| filter.matches(row));
    }
    rows.sort_by(|a, b| query.compare(a, b));
    rows
}

/// docs/facts/dataverse.md, 1.4: answers to queries say that they are streamed.
pub(super) fn streamed(call: &Call<'_>, body: Map<String, Value>) -> Answer {
    let mut answer = call.json(StatusCode::OK, &Value::Object(body));
    let streaming = HeaderValue::from_static("application/json; odata.metadata=minimal; odata.streaming=true");
    answer.headers_mut().insert(CONTENT_TYPE, streaming);
    answer
}
