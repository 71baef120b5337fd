//! One column of a row: read, read as a raw value (`$value`), changed, emptied
//! (<https://learn.microsoft.com/power-apps/developer/data-platform/webapi/retrieve-entity-using-web-api>
//! and
//! <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/update-delete-entities-using-web-api>).

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::conditions::if_match;
use super::payload;
use super::refusal::Refusal;
use super::store::{Row, Store};
use super::target::Property;
use crate::privileges::Verb;
use crate::response::{Answer, answer, empty};

pub(super) fn respond(call: &Call<'_>, property: &Property, store: &mut Store) -> Result<Answer, Refusal> {
    if let Some((name, _)) = form_urlencoded::parse(call.request.query.as_bytes()).find(|(name, _)| name != "tag") {
        return Err(Refusal::unsupported(format_args!("the query option '{name}' here")));
    }
    match (&call.request.method, property.value) {
        (&Method::GET, _) => property.read(call, store),
        (&Method::PUT, false) => {
            let mut body = payload::object(call, property.table)?;
            let value = body.remove("value").ok_or_else(|| missing_value(property))?;
            property.write(call, value, store)
        }
        (&Method::DELETE, false) => property.write(call, Value::Null, store),
        (method, _) => Err(Refusal::method_not_allowed(method)),
    }
}

impl Property {
    fn row<'a>(&self, store: &'a Store) -> Result<&'a Row, Refusal> {
        let row = store.row(self.table, self.id);
        row.ok_or_else(|| Refusal::no_such_row(self.table, self.id))
    }

    fn read(&self, call: &Call<'_>, store: &Store) -> Result<Answer, Refusal> {
        call.demand(self.table, Verb::Read)?;
        let row = self.row(store)?;
        call.demand_row(self.table, Verb::Read, Some(row))?;
        let value = row.value(self.column.name);
        // OData 4.0, part 1, 11.2.3 and 11.2.3.1: 204 for null.
        if value.is_null() {
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        if self.value {
            // The same section. Guess: without a charset.
            let text = value.as_str().map_or_else(|| value.to_string(), Into::into);
            return Ok(answer(StatusCode::OK, "text/plain", text));
        }
        let (set, id, column) = (self.table.entity_set, self.id, self.column.name);
        let body = json!({
            "@odata.context": format!("{}/$metadata#{set}({id})/{column}", call.root),
            "value": value,
        });
        Ok(call.json(StatusCode::OK, &body))
    }

    fn write(&self, call: &Call<'_>, value: Value, store: &mut Store) -> Result<Answer, Refusal> {
        call.demand(self.table, Verb::Write)?;
        call.demand_row(self.table, Verb::Write, store.row(self.table, self.id))?;
        if_match(call, store.row(self.table, self.id), self.table, self.id)?;
        self.row(store)?;
        let name = self.column.name;
        if self.table.system {
            let set = self.table.entity_set;
            return Err(Refusal::unsupported(format_args!("changing '{set}'")));
        }
        // Guess: code and text, as for lookups in a row's body.
        if self.column.read_only || name == self.table.primary_id {
            let reason = format_args!("The property '{name}' is read-only.");
            return Err(Refusal::payload(self.table, reason));
        }
        payload::check(self.column, &value, self.table)?;
        let values = Map::from_iter([(name.to_string(), value)]);
        let written = store.update(self.table, self.id, values, call.now);
        written
            .map(|_| empty(StatusCode::NO_CONTENT))
            .ok_or_else(|| Refusal::no_such_row(self.table, self.id))
    }
}

fn missing_value(property: &Property) -> Refusal {
    Refusal::payload(property.table, "The property 'value' is missing.")
}
