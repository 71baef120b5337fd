//! `GET` of an entity set: rows, pages, counts.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::call::Call;
use super::expand::context;
use super::paging::{self, Cookie};
use super::query::Query;
use super::refusal::Refusal;
use super::results::{matching, streamed};
use super::shown::shown;
use super::store::{Row, Store};
use super::{delta, fetch};
use crate::privileges::Verb;
use crate::response::Answer;
use crate::schema::{ManyToMany, Table};

pub(super) fn list(call: &mut Call<'_>, table: &'static Table, store: &Store) -> Result<Answer, Refusal> {
    call.demand(table, Verb::Read)?;
    if let Some(query) = fetch::asked(call)? {
        return fetch::list(call, table, &query, store);
    }
    let query = Query::read(&call.request.query, table, true)?;
    if call.prefer.track_changes || query.delta_token.is_some() {
        call.demand_all(table, Verb::Read)?;
        delta::refuse_options(&query)?;
    }
    if let Some(token) = &query.delta_token {
        return delta::changes(call, &query, token, table, store);
    }
    call.demand_expanded(&query)?;
    let rows = matching(call, &query, table, store);
    let total = rows.len();
    let page = page(call, &query, table, &rows, store)?;

    let mut body = Map::new();
    let selected = context(query.select.as_deref(), &query.expand);
    let set = table.entity_set;
    body.insert(
        "@odata.context".into(),
        format!("{}/$metadata#{set}{selected}", call.root).into(),
    );
    if query.count {
        // docs/facts/dataverse.md, 1.6: the count stops at 5,000.
        body.insert("@odata.count".into(), total.min(5000).into());
    }
    let values: Vec<Value> = page
        .rows
        .iter()
        .map(|row| {
            let mut value = shown(row, table, query.select.as_deref());
            for expand in &query.expand {
                value.insert(expand.name.into(), expand.value(row, store));
            }
            Value::Object(value)
        })
        .collect();
    body.insert("value".into(), Value::Array(values));
    if let Some(next) = page.next {
        let link = paging::next_link(&call.root, table, &call.request.query, &next);
        body.insert("@odata.nextLink".into(), link.into());
    } else if let Some(version) = page.tracking {
        body.insert("@odata.deltaLink".into(), delta::link(call, table, version).into());
    }
    Ok(streamed(call, body))
}

/// `set(id)/navigation`, all rows on one page, because there are few.
pub(super) fn related(
    call: &Call<'_>,
    table: &'static Table,
    id: Uuid,
    many: &ManyToMany,
    store: &Store,
) -> Result<Answer, Refusal> {
    call.demand(table, Verb::Read)?;
    let target = Table::of(many.target).ok_or_else(|| Refusal::no_such_segment(many.target))?;
    call.demand(target, Verb::Read)?;
    let query = Query::read(&call.request.query, target, false)?;
    call.demand_expanded(&query)?;
    store.row(table, id).ok_or_else(|| Refusal::no_such_row(table, id))?;
    let values = store.related(many, id).into_iter().map(|row| {
        let mut value = shown(row, target, query.select.as_deref());
        for expand in &query.expand {
            value.insert(expand.name.into(), expand.value(row, store));
        }
        Value::Object(value)
    });
    let selected = context(query.select.as_deref(), &query.expand);
    let set = target.entity_set;
    let mut body = Map::new();
    body.insert(
        "@odata.context".into(),
        format!("{}/$metadata#{set}{selected}", call.root).into(),
    );
    body.insert("value".into(), values.collect());
    Ok(streamed(call, body))
}

struct Page<'a> {
    rows: &'a [&'a Row],
    next: Option<Cookie>,
    /// If changes are tracked: the version to start from.
    tracking: Option<u64>,
}

/// docs/facts/dataverse.md, 1.6. The size follows this request's own `Prefer`, not that of the page before.
fn page<'a>(
    call: &Call<'_>,
    query: &Query,
    table: &'static Table,
    rows: &'a [&'a Row],
    store: &Store,
) -> Result<Page<'a>, Refusal> {
    let size = call.prefer.page_size.unwrap_or(call.page_size);
    // $top is ignored if a page size is requested.
    let top = query.top.filter(|_| call.prefer.page_size.is_none());
    let rows = &rows[..top.unwrap_or(rows.len()).min(rows.len())];

    let cookie = query
        .skip_token
        .as_deref()
        .map(|token| Cookie::read(token, table))
        .transpose()?;
    // Changes between two pages must not be lost, so the first page's version counts. Guess: that the next
    // link continues tracking by itself.
    let begun = call.prefer.track_changes.then(|| store.version());
    let tracking = cookie.as_ref().map_or(begun, |cookie| cookie.tracking);
    let (number, start) = match cookie {
        None => (1, 0),
        Some(cookie) => {
            // Guess: a page begins after the last row of the previous page; if that row was deleted, the
            // page number decides.
            let behind = rows.iter().position(|row| row.id == cookie.last).map(|at| at + 1);
            let counted = (cookie.page - 1).saturating_mul(size);
            (cookie.page, behind.unwrap_or(counted).min(rows.len()))
        }
    };
    let end = start.saturating_add(size).min(rows.len());
    let page = &rows[start..end];
    let next = match (page.first(), page.last()) {
        (Some(first), Some(last)) if end < rows.len() => Some(Cookie {
            page: number.saturating_add(1),
            first: first.id,
            last: last.id,
            tracking,
        }),
        _ => None,
    };
    Ok(Page {
        rows: page,
        next,
        tracking,
    })
}
