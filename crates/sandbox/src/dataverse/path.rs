//! Parses paths below `/api/data/`.

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::refusal::Refusal;
use super::target::{FileColumn, Property, Reference, Related, Target, row_lookup, row_table};
use crate::guid::guid;
use crate::schema::{Navigation, OTHER_ENTITY_SETS, OTHER_OPERATIONS, Table};

/// Versions of the real service with other rules
/// (<https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors>).
const OTHER_VERSIONS: [&str; 3] = ["v8.0", "v8.1", "v8.2"];

/// `("v9.2", "accounts(...)")`. Guess: 9.0 to 9.2 answer alike.
pub(super) fn version(path: &str) -> Option<(&str, &str)> {
    let (version, path) = versioned(path)?;
    ["v9.0", "v9.1", "v9.2"].contains(&version).then_some((version, path))
}

/// The refusal of a path without a version that the sandbox has.
pub(super) fn no_version(path: &str, url: &str) -> Refusal {
    match versioned(path) {
        Some((version, _)) if OTHER_VERSIONS.contains(&version) => {
            Refusal::unsupported(format_args!("version {version} of the Web API"))
        }
        _ => Refusal::no_such_resource(url),
    }
}

fn versioned(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/api/data/")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
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
    let segments = segments(path);
    let (first, rest) = segments.split_first().unwrap_or((&path, &[]));
    let (name, key) = match first.split_once('(') {
        Some((name, key)) => match key.strip_suffix(')') {
            Some(key) => (name, Some(key)),
            None => return Err(Refusal::no_such_resource(&format!("{root}/{path}"))),
        },
        None => (*first, None),
    };
    // Guess: its one parameter, an enumeration whose two members mean the same here, can be ignored.
    if name == "RetrieveCurrentOrganization" && rest.is_empty() && key.is_some_and(|key| key.starts_with("AccessType="))
    {
        return Ok(Target::CurrentOrganization);
    }
    let table = Table::of(name).ok_or_else(|| no_table(name, key))?;
    let Some(key) = key else {
        return match rest {
            [] => Ok(Target::Collection(table)),
            ["$count"] => Ok(Target::Count(table)),
            _ => Err(unsupported_below(rest)),
        };
    };
    let id = row_id(key, table)?;
    below_row(table, id, rest)
}

/// Splits at slashes outside quotes: a key may contain slashes.
fn segments(path: &str) -> Vec<&str> {
    let mut quoted = false;
    path.split(|c| {
        quoted ^= c == '\'';
        c == '/' && !quoted
    })
    .collect()
}

/// A table that only other environments have is not the client's fault. An unknown name with parentheses is
/// a function.
fn no_table(name: &str, key: Option<&str>) -> Refusal {
    let function = key.is_some() && name.starts_with(|c: char| c.is_ascii_uppercase());
    if OTHER_ENTITY_SETS.contains(&name) {
        Refusal::unsupported(format_args!("the entity set '{name}'"))
    } else if function || OTHER_OPERATIONS.contains(&name) {
        Refusal::unsupported(format_args!("the function or action '{name}'"))
    } else {
        Refusal::no_such_segment(name)
    }
}

fn below_row(table: &'static Table, id: Uuid, rest: &[&str]) -> Result<Target, Refusal> {
    match rest {
        [] => Ok(Target::Row(table, id)),
        [navigation, "$ref"] => reference(table, id, navigation).map(Target::Reference),
        [name, "$count"] => match related(table, name) {
            Some(related) => Ok(Target::CountRelated(table, id, related)),
            None => Err(unsupported_below(rest)),
        },
        [name] | [name, "$value"] => {
            let value = rest.len() == 2;
            below(table, id, name, value).ok_or_else(|| unsupported_below(rest))
        }
        _ => Err(unsupported_below(rest)),
    }
}

/// `value`: whether `$value` follows.
fn below(table: &'static Table, id: Uuid, name: &str, value: bool) -> Option<Target> {
    if let Some(blob) = table.blob(name) {
        return Some(Target::File(FileColumn { table, id, blob, value }));
    }
    if let Some(column) = table.column(name) {
        return Some(Target::Property(Property {
            table,
            id,
            column,
            value,
        }));
    }
    if value {
        return None;
    }
    if let Some(lookup) = table.lookup(name) {
        return Some(Target::Linked(table, id, lookup));
    }
    let function = "Microsoft.Dynamics.CRM.RetrieveUserPrivileges";
    if table.entity_set == "systemusers" && name.trim_end_matches("()") == function {
        return Some(Target::UserPrivileges(table, id));
    }
    table.many_to_many(name).map(|many| Target::Related(table, id, many))
}

fn related(table: &'static Table, name: &str) -> Option<Related> {
    let collection = table.collection(name).map(Related::Collection);
    collection.or_else(|| table.many_to_many(name).map(Related::ManyToMany))
}

/// Columns and navigation properties that the sandbox's small tables omit, bound functions and actions.
fn unsupported_below(rest: &[&str]) -> Refusal {
    Refusal::unsupported(format_args!("'{}' below a row or an entity set", rest.join("/")))
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
