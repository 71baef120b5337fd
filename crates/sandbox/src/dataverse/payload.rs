//! The JSON body of a write, validated against its table.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::call::Call;
use super::image;
use super::refusal::Refusal;
use super::store::{Content, Store};
use super::value;
use crate::guid::guid;
use crate::schema::{Blob, Column, Kind, Table};
use http::StatusCode;

pub(super) struct Payload {
    /// The row's id, if the body contains it.
    pub(super) id: Option<Uuid>,
    pub(super) values: Map<String, Value>,
    /// The image column, if the body contains it, with the new image or none.
    pub(super) image: Option<(&'static Blob, Option<Content>)>,
}

pub(super) fn read(call: &Call<'_>, table: &'static Table, store: &Store) -> Result<Payload, Refusal> {
    let mut payload = Payload {
        id: None,
        values: Map::new(),
        image: None,
    };
    for (name, value) in object(call, table)? {
        payload.add(name, value, call, table, store)?;
    }
    Ok(payload)
}

/// Parses the body, which must be a JSON object.
pub(super) fn object(call: &Call<'_>, table: &Table) -> Result<Map<String, Value>, Refusal> {
    let content_type = call.request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    // docs/facts/dataverse.md, 1.3. Guess: how another type is refused.
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::payload(
            table,
            format_args!("A supported MIME type could not be found that matches the content type '{content_type}'."),
        ));
    }
    let body: Value = serde_json::from_slice(&call.request.body)
        .map_err(|error| Refusal::payload(table, format_args!("Invalid JSON: {error}.")))?;
    match body {
        Value::Object(body) => Ok(body),
        _ => Err(Refusal::payload(table, "An object was expected.")),
    }
}

impl Payload {
    fn add(
        &mut self,
        name: String,
        value: Value,
        call: &Call<'_>,
        table: &'static Table,
        store: &Store,
    ) -> Result<(), Refusal> {
        if let Some(nav) = name.strip_suffix("@odata.bind") {
            return self.bind(nav, value, call, table, store);
        }
        if name.contains('@') {
            // Annotations are ignored.
            return Ok(());
        }
        if let Some(lookup) = table.lookup(&name) {
            // https://learn.microsoft.com/power-apps/developer/data-platform/webapi/associate-disassociate-entities-using-web-api:
            // a lookup set to null is emptied. Anything else is a deep insert.
            if !value.is_null() {
                return Err(Refusal::unsupported("deep insert"));
            }
            self.values.insert(lookup.column.into(), Value::Null);
            return Ok(());
        }
        if table.collection(&name).is_some() {
            return Err(Refusal::unsupported("deep insert"));
        }
        let Some(column) = table.column(&name) else {
            let kind = table.logical_name;
            return Err(Refusal::payload(
                table,
                format_args!("The property '{name}' does not exist on type 'Microsoft.Dynamics.CRM.{kind}'."),
            ));
        };
        if name.starts_with('_') {
            // Guess: code and text; lookups are written through their navigation property.
            return Err(Refusal::payload(
                table,
                format_args!("The property '{name}' is read-only."),
            ));
        }
        if let Some(blob) = table.blob(&name).filter(|blob| blob.image) {
            self.image = Some((blob, image::read(&value, blob, call.settings)?));
            return Ok(());
        }
        check(column, &value, table)?;
        if name == table.primary_id {
            self.id = value.as_str().and_then(guid);
        } else if !column.read_only {
            self.values.insert(name, value);
        }
        // Guess: other columns that only the platform writes are ignored.
        Ok(())
    }

    /// docs/facts/dataverse.md, 1.5: `"nav@odata.bind": "/set(id)"`; the name is case-sensitive.
    fn bind(
        &mut self,
        nav: &str,
        value: Value,
        call: &Call<'_>,
        table: &'static Table,
        store: &Store,
    ) -> Result<(), Refusal> {
        if table.collection(nav).is_some() {
            return Err(Refusal::unsupported(format_args!("'{nav}@odata.bind' of a collection")));
        }
        // Text:
        // https://learn.microsoft.com/troubleshoot/power-platform/dataverse/dataverse-web-api-and-sdk/web-api-client-errors.
        let lookup = table.lookup(nav).ok_or_else(|| {
            Refusal::payload(
                table,
                format_args!(
                    "An undeclared property '{nav}' which only has property annotations in the payload but no \
                     property value was found in the payload. In OData, only declared navigation properties and \
                     declared named streams can be represented as properties without values."
                ),
            )
        })?;
        if value.is_null() {
            self.values.insert(lookup.column.into(), Value::Null);
            return Ok(());
        }
        let link = value.as_str().unwrap_or_default();
        match call.linked(link)? {
            Some((target, id)) if target.entity_set == lookup.target => {
                store.row(target, id).ok_or_else(|| Refusal::no_such_row(target, id))?;
                self.values.insert(lookup.column.into(), id.to_string().into());
                Ok(())
            }
            // Guess: code and text for a link to another place.
            _ => Err(Refusal::payload(
                table,
                format_args!("'{nav}' cannot be bound to '{link}'."),
            )),
        }
    }
}

/// Checks that the column accepts the value.
pub(super) fn check(column: &Column, value: &Value, table: &Table) -> Result<(), Refusal> {
    let fits = match (value, column.kind) {
        (Value::Null, _) => true,
        (Value::String(text), Kind::Text(longest)) => {
            if text.encode_utf16().count() > longest {
                return Err(too_long(column, longest, table));
            }
            true
        }
        (Value::String(text), Kind::Guid) => guid(text).is_some(),
        (Value::String(text), Kind::DateTime) => value::time(text).is_some(),
        (Value::Number(number), Kind::Integer) => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        (Value::Number(_), Kind::Decimal) | (Value::Bool(_), Kind::Boolean) => true,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let expected = column.kind.edm();
    Err(Refusal::payload(
        table,
        format_args!("Cannot convert the literal '{value}' to the expected type '{expected}'."),
    ))
}

/// docs/facts/dataverse.md, 1.8, 0x80044331. Guess: the text.
fn too_long(column: &Column, longest: usize, table: &Table) -> Refusal {
    let message = format!(
        "A validation error occurred. The length of the '{}' attribute of the '{}' entity exceeded the maximum allowed \
         length of '{longest}'.",
        column.name, table.logical_name
    );
    Refusal::new(StatusCode::BAD_REQUEST, "0x80044331", message)
}
