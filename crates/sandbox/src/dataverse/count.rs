//! `/$count`: how many rows a collection has
//! (<https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/count-rows>).

use http::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::call::Call;
use super::query::Query;
use super::refusal::Refusal;
use super::store::{Row, Store};
use super::target::{Related, row_lookup};
use crate::privileges::Verb;
use crate::response::{Answer, answer};
use crate::schema::Table;

/// The count of an entity set.
pub(super) fn all(call: &Call<'_>, table: &'static Table, store: &Store) -> Result<Answer, Refusal> {
    demand_get(call)?;
    call.demand(table, Verb::Read)?;
    number(call, table, store.rows(table).collect())
}

/// The count of the rows of a navigation property.
pub(super) fn related(
    call: &Call<'_>,
    (table, id): (&'static Table, Uuid),
    related: &Related,
    store: &Store,
) -> Result<Answer, Refusal> {
    demand_get(call)?;
    call.demand(table, Verb::Read)?;
    let row = store.row(table, id);
    call.demand_row(table, Verb::Read, row)?;
    match related {
        Related::Collection(collection) => {
            let (rows, lookup) = row_lookup(collection)?;
            call.demand(rows, Verb::Read)?;
            row.ok_or_else(|| Refusal::no_such_row(table, id))?;
            let here = Value::from(id.to_string());
            let linked = |row: &&Row| row.value(lookup.column) == &here;
            number(call, rows, store.rows(rows).filter(linked).collect())
        }
        Related::ManyToMany(many) => {
            let rows = Table::of(many.target).ok_or_else(|| Refusal::no_such_segment(many.target))?;
            call.demand(rows, Verb::Read)?;
            row.ok_or_else(|| Refusal::no_such_row(table, id))?;
            number(call, rows, store.related(many, id))
        }
    }
}

fn demand_get(call: &Call<'_>) -> Result<(), Refusal> {
    match &call.request.method {
        &Method::GET => Ok(()),
        method => Err(Refusal::method_not_allowed(method)),
    }
}

/// OData 4.0, part 1, 11.2.9: `$filter` applies, `$top`, `$orderby` and `$expand` do not.
fn number(call: &Call<'_>, table: &'static Table, mut rows: Vec<&Row>) -> Result<Answer, Refusal> {
    let query = Query::read(&call.request.query, table, true)?;
    if query.skip_token.is_some() || query.delta_token.is_some() {
        return Err(Refusal::unsupported("a token with $count"));
    }
    rows.retain(|row| call.reaches(table, Verb::Read, row));
    if let Some(filter) = &query.filter {
        rows.retain(|row| filter.matches(row));
    }
    // The byte order mark: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/retrieve-entity-using-web-api
    // prints it for a navigation property. Guess: an entity set's count has it too, and stops at 5,000 as `$count=true`
    // does.
    let text = format!("\u{feff}{}", rows.len().min(5000));
    Ok(answer(StatusCode::OK, "text/plain", text))
}
