//! One row: create, read, upsert, delete, with conditions (docs/facts/dataverse.md, 1.3 and 1.5).

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::blob;
use super::call::Call;
use super::conditions::{if_match, lists};
use super::expand::context;
use super::optional;
use super::payload::{self, Payload};
use super::query::Query;
use super::refusal::Refusal;
use super::shown::shown;
use super::store::{Content, Row, Store};
use super::target::row_table;
use crate::privileges::Verb;
use crate::response::{Answer, append, empty};
use crate::schema::{Blob, Lookup, Table};

pub(super) fn create(call: &Call<'_>, table: &'static Table, store: &mut Store) -> Result<Answer, Refusal> {
    call.demand(table, Verb::Create)?;
    let query = Query::read(&call.request.query, table, false)?;
    let Payload { id, values, image } = payload::read(call, table, store)?;
    let id = id.unwrap_or_else(Uuid::new_v4);
    if store.row(table, id).is_some() {
        return Err(Refusal::row_exists());
    }
    refuse_system(table)?;
    optional::refuse_duplicate(call, table, id, &values, store)?;
    let row = store.insert(table, id, values, Some(&call.user.user_id), call.now);
    let row = with_image(call, table, row, image, store);
    written(call, table, &row, &query, StatusCode::CREATED, store)
}

pub(super) fn read(call: &Call<'_>, table: &'static Table, id: Uuid, store: &Store) -> Result<Answer, Refusal> {
    call.demand(table, Verb::Read)?;
    let query = Query::read(&call.request.query, table, false)?;
    call.demand_expanded(&query)?;
    let row = store.row(table, id).ok_or_else(|| Refusal::no_such_row(table, id))?;
    call.demand_row(table, Verb::Read, Some(row))?;
    if_match(call, Some(row), table, id)?;
    // docs/facts/dataverse.md, 1.3: 304 unless something is expanded or annotated. `If-None-Match: null` is not
    // a tag.
    let unchanged = call
        .header("if-none-match")
        .is_some_and(|tags| lists(tags, &row.etag()));
    if unchanged && query.expand.is_empty() && !call.prefer.annotations.any() {
        let mut answer = empty(StatusCode::NOT_MODIFIED);
        append(&mut answer, "etag", &row.etag());
        return Ok(answer);
    }
    Ok(represented(call, table, row, &query, StatusCode::OK, store))
}

/// `set(id)/lookup`: the row that it refers to
/// (<https://learn.microsoft.com/power-apps/developer/data-platform/webapi/retrieve-entity-using-web-api>).
pub(super) fn linked(
    call: &Call<'_>,
    (table, id): (&'static Table, Uuid),
    lookup: &Lookup,
    store: &Store,
) -> Result<Answer, Refusal> {
    call.demand(table, Verb::Read)?;
    let target = row_table(lookup)?;
    call.demand(target, Verb::Read)?;
    let query = Query::read(&call.request.query, target, false)?;
    call.demand_expanded(&query)?;
    let row = store.row(table, id).ok_or_else(|| Refusal::no_such_row(table, id))?;
    call.demand_row(table, Verb::Read, Some(row))?;
    let found = row.id_in(lookup.column).and_then(|id| store.row(target, id));
    let Some(found) = found else {
        // OData 4.0, part 1, 11.2.6: 204 if the relationship refers to no row.
        return Ok(empty(StatusCode::NO_CONTENT));
    };
    call.demand_row(target, Verb::Read, Some(found))?;
    Ok(represented(call, target, found, &query, StatusCode::OK, store))
}

/// `PATCH`: without a condition it creates a missing row (docs/facts/dataverse.md, 1.3).
pub(super) fn upsert(call: &Call<'_>, table: &'static Table, id: Uuid, store: &mut Store) -> Result<Answer, Refusal> {
    let exists = store.row(table, id).is_some();
    // Guess: a client without Write learns nothing about a missing row.
    let only_update = call.header("if-match").is_some();
    call.demand(
        table,
        if exists || only_update {
            Verb::Write
        } else {
            Verb::Create
        },
    )?;
    call.demand_row(table, Verb::Write, store.row(table, id))?;
    if_match(call, store.row(table, id), table, id)?;
    if exists && call.header("if-none-match").is_some_and(|tags| tags.trim() == "*") {
        return Err(Refusal::row_exists());
    }
    let query = Query::read(&call.request.query, table, false)?;
    let Payload {
        id: given,
        values,
        image,
    } = payload::read(call, table, store)?;
    if given.is_some_and(|given| given != id) {
        // Guess: that an id in the body must be the one in the URL.
        return Err(Refusal::payload(
            table,
            format_args!("'{}' cannot be changed.", table.primary_id),
        ));
    }
    refuse_system(table)?;
    optional::refuse_duplicate(call, table, id, &values, store)?;
    let (row, status) = if exists {
        let row = store
            .update(table, id, values, call.now)
            .ok_or_else(|| Refusal::no_such_row(table, id))?;
        (row, StatusCode::OK)
    } else {
        (
            store.insert(table, id, values, Some(&call.user.user_id), call.now),
            StatusCode::CREATED,
        )
    };
    let row = with_image(call, table, row, image, store);
    written(call, table, &row, &query, status, store)
}

/// <https://learn.microsoft.com/power-apps/developer/data-platform/image-column-data>: an image is set and deleted with
/// the other columns of its row.
fn with_image(
    call: &Call<'_>,
    table: &'static Table,
    row: Row,
    image: Option<(&'static Blob, Option<Content>)>,
    store: &mut Store,
) -> Row {
    let Some((blob, content)) = image else {
        return row;
    };
    blob::set(store, table, row.id, blob, content, call.now);
    store.row(table, row.id).cloned().unwrap_or(row)
}

pub(super) fn delete(call: &Call<'_>, table: &'static Table, id: Uuid, store: &mut Store) -> Result<Answer, Refusal> {
    call.demand(table, Verb::Delete)?;
    Query::read(&call.request.query, table, false)?;
    let row = store.row(table, id);
    call.demand_row(table, Verb::Delete, row)?;
    if_match(call, row, table, id)?;
    if row.is_none() {
        return Err(Refusal::no_such_row(table, id));
    }
    refuse_system(table)?;
    store.delete(table, id);
    Ok(empty(StatusCode::NO_CONTENT))
}

fn refuse_system(table: &Table) -> Result<(), Refusal> {
    if table.system {
        return Err(Refusal::unsupported(format_args!("changing '{}'", table.entity_set)));
    }
    Ok(())
}

/// The answer to a write: 204, or the row if the client requested it (docs/facts/dataverse.md, 1.3 and
/// 1.5).
fn written(
    call: &Call<'_>,
    table: &'static Table,
    row: &Row,
    query: &Query,
    status: StatusCode,
    store: &Store,
) -> Result<Answer, Refusal> {
    let mut answer = if call.prefer.representation {
        represented(call, table, row, query, status, store)
    } else {
        empty(StatusCode::NO_CONTENT)
    };
    append(&mut answer, "odata-entityid", &call.row_url(table, row.id));
    Ok(answer)
}

fn represented(
    call: &Call<'_>,
    table: &'static Table,
    row: &Row,
    query: &Query,
    status: StatusCode,
    store: &Store,
) -> Answer {
    let mut body = shown(row, table, query.select.as_deref());
    for expand in &query.expand {
        body.insert(expand.name.into(), expand.value(row, store));
    }
    let selected = context(query.select.as_deref(), &query.expand);
    let set = table.entity_set;
    body.insert(
        "@odata.context".into(),
        format!("{}/$metadata#{set}{selected}/$entity", call.root).into(),
    );
    let mut answer = call.json(status, &Value::Object(body));
    // https://learn.microsoft.com/power-apps/developer/data-platform/webapi/perform-conditional-operations-using-web-api
    // shows the header in addition to the annotation.
    append(&mut answer, "etag", &row.etag());
    answer
}
