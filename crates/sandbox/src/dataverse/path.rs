//! What a path below `/api/data/` leads to.

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::refusal::Refusal;
use super::target::{FileColumn, Reference, Target, row_lookup, row_table};
use crate::guid::guid;
use crate::schema::{Navigation, OTHER_ENTITY_SETS, Table};

/// `("v9.2", "accounts(...)")`. Guess: 9.0 to 9.2 answer alike.
pub(super) fn version(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/api/data/")?;
    let (version, path) = rest.split_once('/').unwrap_or((rest, ""));
    ["v9.0", "v9.1", "v9.2"].contains(&version).then_some((version, path))
}

pub(super) fn target(path: &str, root: &str) -> Result<Target, Refusal> {
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| Refusal::query("The request URI is not valid UTF-8."))?;
    let path = path.trim_end_matches('/');
    match path {
        "" => return Ok(Target::ServiceDocument),
        "WhoAmI" | "WhoAmI()" => return Ok(Target::WhoAmI),
        "$batch" => return Ok(Target::Batch),
        "$metadata" => return Err(Refusal::unsupported(path)),
        _ => {}
    }
    let (segment, rest) = path
        .split_once('/')
        .map_or((path, None), |(segment, rest)| (segment, Some(rest)));
    let (name, key) = match segment.split_once('(') {
        Some((name, key)) => match key.strip_suffix(')') {
            Some(key) => (name, Some(key)),
            None => return Err(Refusal::no_such_resource(&format!("{root}/{path}"))),
        },
        None => (segment, None),
    };
    // Guess: its one parameter, an enumeration with two members of one meaning here, need not be looked at.
    if (name, rest) == ("RetrieveCurrentOrganization", None) && key.is_some_and(|key| key.starts_with("AccessType=")) {
        return Ok(Target::CurrentOrganization);
    }
    let Some(table) = Table::of(name) else {
        // An unknown name with parentheses is a function; one that other environments have is not the client's fault.
        return Err(match key {
            Some(_) if name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Refusal::unsupported(format_args!("the function '{name}'"))
            }
            _ if OTHER_ENTITY_SETS.contains(&name) => Refusal::unsupported(format_args!("the entity set '{name}'")),
            _ => Refusal::no_such_segment(name),
        });
    };
    if let (Some(key), Some(rest)) = (key, rest)
        && let Some(navigation) = rest.strip_suffix("/$ref")
    {
        return reference(table, row_id(key, table)?, navigation).map(Target::Reference);
    }
    if let (Some(key), Some(rest)) = (key, rest)
        && let column = rest.strip_suffix("/$value").unwrap_or(rest)
        && let Some(blob) = table.blob(column)
    {
        return Ok(Target::File(FileColumn {
            table,
            id: row_id(key, table)?,
            blob,
            value: column != rest,
        }));
    }
    if let (Some(key), Some(rest)) = (key, rest)
        && table.entity_set == "systemusers"
        && rest.trim_end_matches("()") == "Microsoft.Dynamics.CRM.RetrieveUserPrivileges"
    {
        return Ok(Target::UserPrivileges(table, row_id(key, table)?));
    }
    if let (Some(key), Some(rest)) = (key, rest)
        && let Some(many) = table.many_to_many(rest)
    {
        return Ok(Target::Related(table, row_id(key, table)?, many));
    }
    if let Some(rest) = rest {
        // Properties, navigation, $count, $value, bound functions and actions.
        return Err(Refusal::unsupported(format_args!(
            "'{rest}' below a row or an entity set"
        )));
    }
    match key {
        None => Ok(Target::Collection(table)),
        Some(key) => Ok(Target::Row(table, row_id(key, table)?)),
    }
}

/// `nav` or `nav(guid)` before `/$ref`.
fn reference(table: &'static Table, id: Uuid, path: &str) -> Result<Reference, Refusal> {
    let (name, other) = match path.split_once('(').map(|(name, key)| (name, key.strip_suffix(')'))) {
        Some((name, Some(key))) => (name, Some(key)),
        _ => (path, None),
    };
    let lookup = table.lookup(name).map(Navigation::Lookup);
    let navigation = lookup.or_else(|| table.collection(name).map(Navigation::Collection));
    let navigation = navigation.ok_or_else(|| Refusal::no_such_segment(name))?;
    let other = match (&navigation, other) {
        (_, None) => None,
        (Navigation::Lookup(lookup), Some(key)) => Some(row_id(key, row_table(lookup)?)?),
        (Navigation::Collection(collection), Some(key)) => Some(row_id(key, row_lookup(collection)?.0)?),
    };
    Ok(Reference {
        table,
        id,
        navigation,
        other,
    })
}

/// `guid` or `accountid=guid`.
fn row_id(key: &str, table: &Table) -> Result<Uuid, Refusal> {
    let value = match key.split_once('=') {
        Some((name, value)) if name.trim() == table.primary_id => value.trim(),
        Some(_) => return Err(Refusal::unsupported("alternate keys")),
        None => key.trim(),
    };
    // Guess: code and text of a key that is not a GUID.
    guid(value).ok_or_else(|| Refusal::query("Error in query syntax."))
}
