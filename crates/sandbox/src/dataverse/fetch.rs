//! FetchXML: `GET set?fetchXml=<query>` (docs/facts/dataverse.md, 1.5;
//! <https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/retrieve-data> and
//! <https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/page-results>).

mod cookie;
mod query;
mod xml;

use serde_json::{Map, Value};

use super::call::Call;
use super::expand::context;
use super::refusal::Refusal;
use super::results;
use super::shown::shown;
use super::store::{Row, Store};
use crate::response::Answer;
use crate::schema::{Column, Table};
use query::Fetch;

/// The query, if the request has one.
pub(super) fn asked(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    let mut asked = None;
    let mut other = None;
    for (name, value) in form_urlencoded::parse(call.request.query.as_bytes()) {
        // Guess: the option's name in any case.
        if name.eq_ignore_ascii_case("fetchxml") {
            asked = Some(value.into_owned());
        } else if !["tag", "$count"].contains(&&*name) {
            other = Some(name);
        }
    }
    match (&asked, other) {
        (Some(_), Some(name)) => Err(Refusal::unsupported(format_args!("'{name}' beside fetchXml"))),
        _ => Ok(asked),
    }
}

pub(super) fn list(call: &mut Call<'_>, table: &'static Table, text: &str, store: &Store) -> Result<Answer, Refusal> {
    let fetch = query::read(text, table)?;
    let counted =
        form_urlencoded::parse(call.request.query.as_bytes()).any(|option| option == ("$count".into(), "true".into()));
    let rows = results::matching(call, &fetch.query, table, store);
    let total = rows.len();
    let (page, more) = page(call, &fetch, &rows);

    let mut body = Map::new();
    let set = table.entity_set;
    let selected = context(fetch.query.select.as_deref(), &[]);
    body.insert(
        "@odata.context".into(),
        format!("{}/$metadata#{set}{selected}", call.root).into(),
    );
    if counted || fetch.query.count {
        body.insert("@odata.count".into(), total.min(5000).into());
    }
    call.prefer.apply_annotations();
    if let (true, Some(first), Some(last)) = (more, page.first(), page.last()) {
        let order: Vec<&Column> = fetch.query.order.iter().map(|(column, _)| *column).collect();
        let annotations = [
            (
                "Microsoft.Dynamics.CRM.fetchxmlpagingcookie",
                Value::from(cookie::write(fetch.page, &order, first, last, table)),
            ),
            // https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/page-results: clients
            // check whether it is present at all.
            ("Microsoft.Dynamics.CRM.morerecords", true.into()),
        ];
        for (name, value) in annotations {
            if call.prefer.annotations.include(name) {
                body.insert(format!("@{name}"), value);
            }
        }
    }
    let values = page.iter().map(|row| {
        let mut value = shown(row, table, fetch.query.select.as_deref());
        // The same page's examples: columns without a value are omitted.
        value.retain(|_, value| !value.is_null());
        Value::Object(value)
    });
    body.insert("value".into(), values.collect());
    Ok(results::streamed(call, body))
}

/// The rows of the page, and whether more follow.
fn page<'a>(call: &Call<'_>, fetch: &Fetch, rows: &'a [&'a Row]) -> (&'a [&'a Row], bool) {
    if let Some(top) = fetch.query.top {
        return (&rows[..top.min(rows.len())], false);
    }
    // Guess: the query's own count takes precedence over the preference; 5,000 is the most.
    let size = fetch
        .count
        .or(call.prefer.page_size)
        .unwrap_or(call.page_size)
        .min(5000);
    // Guess: a page begins after the last row of the previous page; if that row was deleted, the page
    // number decides.
    let behind = fetch
        .after
        .and_then(|last| rows.iter().position(|row| row.id == last))
        .map(|at| at + 1);
    let start = behind.unwrap_or((fetch.page - 1).saturating_mul(size)).min(rows.len());
    let end = start.saturating_add(size).min(rows.len());
    (&rows[start..end], end < rows.len())
}
