//! `$ref`: links between rows (docs/facts/dataverse.md, 1.5;
//! <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/associate-disassociate-entities-using-web-api>).

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::call::Call;
use super::payload;
use super::refusal::Refusal;
use super::store::Store;
use super::target::{Reference, row_lookup, row_table};
use crate::privileges::Verb;
use crate::response::{Answer, empty};
use crate::schema::{Collection, Lookup, Navigation, Table};

/// The row with the lookup that links two rows.
struct Holder {
    table: &'static Table,
    id: Uuid,
    lookup: &'static Lookup,
}

pub(super) fn answer(call: &Call<'_>, reference: &Reference, store: &mut Store) -> Result<Answer, Refusal> {
    if call.request.headers.contains_key("if-match") {
        return Err(Refusal::unsupported("If-Match with $ref"));
    }
    let other = match reference.other {
        Some(other) => Some(other),
        None => named_in_query(call, reference)?,
    };
    let this = (reference.table, reference.id);
    let method = &call.request.method;
    match &reference.navigation {
        Navigation::Lookup(lookup) => {
            let holder = Holder {
                table: reference.table,
                id: reference.id,
                lookup,
            };
            match (method, other) {
                (&Method::GET, None) => holder.read(call, store),
                (&Method::PUT, None) => {
                    let target = named_in_body(call, reference.table)?;
                    holder.set(call, target, store)
                }
                (&Method::DELETE, None) => holder.clear(call, None, store),
                // Guess: DELETE with the other row's id is for collections only.
                (_, Some(_)) => Err(nothing_there(call)),
                (method, None) => Err(Refusal::method_not_allowed(method)),
            }
        }
        Navigation::Collection(collection) => match (method, other) {
            (&Method::GET, None) => list(call, this, collection, store),
            (&Method::POST, None) => {
                let (table, id) = named_in_body(call, reference.table)?;
                let holder = Holder::of(collection, id)?;
                if holder.table.entity_set != table.entity_set {
                    return Err(elsewhere(reference.table, table.entity_set));
                }
                holder.set(call, this, store)
            }
            (&Method::DELETE, Some(other)) => Holder::of(collection, other)?.clear(call, Some(this), store),
            (method, _) => Err(Refusal::method_not_allowed(method)),
        },
    }
}

impl Holder {
    fn of(collection: &'static Collection, id: Uuid) -> Result<Holder, Refusal> {
        let (table, lookup) = row_lookup(collection)?;
        Ok(Holder { table, id, lookup })
    }

    fn read(&self, call: &Call<'_>, store: &Store) -> Result<Answer, Refusal> {
        call.demand(self.table, Verb::Read)?;
        call.demand_row(self.table, Verb::Read, store.row(self.table, self.id))?;
        let target = row_table(self.lookup)?;
        let Some(id) = self.linked(target, store)? else {
            // Guess: an empty lookup is not an error, as for the lookup itself.
            return Ok(empty(StatusCode::NO_CONTENT));
        };
        let body = json!({
            "@odata.context": format!("{}/$metadata#$ref", call.root),
            "@odata.id": call.row_url(target, id),
        });
        Ok(call.json(StatusCode::OK, &body))
    }

    /// Guess: instead of Append and AppendTo, the sandbox requires Write on this row and Read on the other.
    fn set(&self, call: &Call<'_>, target: (&'static Table, Uuid), store: &mut Store) -> Result<Answer, Refusal> {
        let (table, id) = target;
        call.demand(self.table, Verb::Write)?;
        call.demand(table, Verb::Read)?;
        if self.lookup.target != table.entity_set {
            return Err(elsewhere(self.table, table.entity_set));
        }
        store.row(table, id).ok_or_else(|| Refusal::no_such_row(table, id))?;
        self.write(call, id.to_string().into(), store)
    }

    /// `from`: only if the lookup refers to that row.
    fn clear(
        &self,
        call: &Call<'_>,
        from: Option<(&'static Table, Uuid)>,
        store: &mut Store,
    ) -> Result<Answer, Refusal> {
        call.demand(self.table, Verb::Write)?;
        let target = row_table(self.lookup)?;
        call.demand(target, Verb::Read)?;
        let linked = self.linked(target, store)?;
        match from {
            Some((table, id)) if store.row(table, id).is_none() => Err(Refusal::no_such_row(table, id)),
            // Guess: rows that are not linked cannot be unlinked.
            Some((_, id)) if linked != Some(id) => Err(nothing_there(call)),
            // Guess: an empty lookup may be emptied; a link to a row of another table stays.
            None if linked.is_none() => Ok(empty(StatusCode::NO_CONTENT)),
            _ => self.write(call, Value::Null, store),
        }
    }

    /// The linked row, if it belongs to the lookup's own table: some lookups share a column.
    fn linked(&self, target: &Table, store: &Store) -> Result<Option<Uuid>, Refusal> {
        let row = store
            .row(self.table, self.id)
            .ok_or_else(|| Refusal::no_such_row(self.table, self.id))?;
        let id = row.value(self.lookup.column).as_str().and_then(crate::guid::guid);
        Ok(id.filter(|id| store.row(target, *id).is_some()))
    }

    fn write(&self, call: &Call<'_>, value: Value, store: &mut Store) -> Result<Answer, Refusal> {
        call.demand_row(self.table, Verb::Write, store.row(self.table, self.id))?;
        if self.table.system {
            return Err(Refusal::unsupported(format_args!(
                "changing '{}'",
                self.table.entity_set
            )));
        }
        let values = Map::from_iter([(self.lookup.column.to_string(), value)]);
        let row = store.update(self.table, self.id, values, call.now);
        row.map(|_| empty(StatusCode::NO_CONTENT))
            .ok_or_else(|| Refusal::no_such_row(self.table, self.id))
    }
}

fn list(
    call: &Call<'_>,
    (table, id): (&'static Table, Uuid),
    collection: &'static Collection,
    store: &Store,
) -> Result<Answer, Refusal> {
    call.demand(table, Verb::Read)?;
    let (rows, lookup) = row_lookup(collection)?;
    call.demand(rows, Verb::Read)?;
    store.row(table, id).ok_or_else(|| Refusal::no_such_row(table, id))?;
    let here = Value::from(id.to_string());
    let links: Vec<Value> = store
        .rows(rows)
        .filter(|row| row.value(lookup.column) == &here)
        .map(|row| json!({"@odata.id": call.row_url(rows, row.id)}))
        .collect();
    if links.len() > call.prefer.page_size.unwrap_or(call.page_size) {
        return Err(Refusal::unsupported("pages of $ref"));
    }
    let body = json!({
        "@odata.context": format!("{}/$metadata#Collection($ref)", call.root),
        "value": links,
    });
    Ok(call.json(StatusCode::OK, &body))
}

/// `{"@odata.id": "<absolute or relative url>"}`
fn named_in_body(call: &Call<'_>, table: &'static Table) -> Result<(&'static Table, Uuid), Refusal> {
    let body = payload::object(call, table)?;
    let link = body.get("@odata.id").and_then(Value::as_str);
    // Guess: code and text, and that any other member of the body is refused.
    let link = link
        .filter(|_| body.keys().all(|name| name.starts_with('@')))
        .ok_or_else(|| {
            Refusal::payload(
                table,
                "A link must be an object with only '@odata.id', the URL of a row.",
            )
        })?;
    call.linked(link)?.ok_or_else(|| elsewhere(table, link))
}

/// `DELETE set(id)/nav/$ref?$id=<url>`: OData 4.0, part 1, 11.4.6.2, and
/// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/associate-disassociate-entities-using-web-api>.
fn named_in_query(call: &Call<'_>, reference: &Reference) -> Result<Option<Uuid>, Refusal> {
    let mut named = None;
    for (name, value) in form_urlencoded::parse(call.request.query.as_bytes()) {
        match &*name {
            "tag" => {}
            "$id" if call.request.method == Method::DELETE && named.is_none() => {
                let Navigation::Collection(collection) = &reference.navigation else {
                    return Err(Refusal::unsupported("$id with a lookup"));
                };
                let (table, id) = call.linked(&value)?.ok_or_else(|| elsewhere(reference.table, &value))?;
                if row_lookup(collection)?.0.entity_set != table.entity_set {
                    return Err(elsewhere(reference.table, &value));
                }
                named = Some(id);
            }
            _ => return Err(Refusal::unsupported(format_args!("the query option '{name}' here"))),
        }
    }
    Ok(named)
}

/// Guess: code and text.
fn elsewhere(table: &Table, link: &str) -> Refusal {
    Refusal::payload(table, format_args!("'{link}' is not a row that can be linked here."))
}

fn nothing_there(call: &Call<'_>) -> Refusal {
    Refusal::no_such_resource(&format!("{}{}", call.origin, call.request.path))
}
