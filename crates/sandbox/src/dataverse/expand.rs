//! `$expand` of lookups and of many-to-many collections: `parentcustomerid_account($select=name,telephone1),...`.

use serde_json::Value;

use super::columns;
use super::refusal::Refusal;
use super::shown::shown;
use super::store::{Row, Store};
use crate::schema::{Column, Lookup, ManyToMany, Table};

pub(super) struct Expand {
    pub(super) name: &'static str,
    through: Through,
    pub(super) target: &'static Table,
    pub(super) select: Option<Vec<&'static Column>>,
}

enum Through {
    Lookup(&'static Lookup),
    ManyToMany(&'static ManyToMany),
}

pub(super) fn parse(value: &str, table: &'static Table) -> Result<Vec<Expand>, Refusal> {
    items(value)?.into_iter().map(|item| one(item.trim(), table)).collect()
}

fn one(item: &str, table: &'static Table) -> Result<Expand, Refusal> {
    let (name, options) = match item.split_once('(') {
        Some((name, options)) => (name.trim(), options.strip_suffix(')').ok_or_else(|| unbalanced(item))?),
        None => (item, ""),
    };
    if table.collection(name).is_some() || name.contains('/') {
        return Err(Refusal::unsupported(format_args!("$expand of '{name}'")));
    }
    let (name, target, through) = match (table.lookup(name), table.many_to_many(name)) {
        (Some(lookup), _) => (lookup.name, lookup.target, Through::Lookup(lookup)),
        (None, Some(many)) => (many.name, many.target, Through::ManyToMany(many)),
        (None, None) => return Err(Refusal::no_such_column(name, table)),
    };
    let target = Table::of(target).ok_or_else(|| Refusal::no_such_segment(target))?;
    let mut select = None;
    for option in options.split(';').map(str::trim).filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("$select", list)) => select = Some(columns::columns(list, target)?),
            _ => return Err(Refusal::unsupported(format_args!("'{option}' inside $expand"))),
        }
    }
    Ok(Expand {
        name,
        through,
        target,
        select,
    })
}

/// Splits at commas outside parentheses.
fn items(value: &str) -> Result<Vec<&str>, Refusal> {
    let mut depth = 0_i32;
    let mut lowest = 0;
    let items = value
        .split(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            lowest = lowest.min(depth);
            c == ',' && depth == 0
        })
        .collect();
    if depth == 0 && lowest == 0 {
        Ok(items)
    } else {
        Err(unbalanced(value))
    }
}

/// Guess: the text.
fn unbalanced(value: &str) -> Refusal {
    Refusal::query(format!("Syntax error in the $expand expression '{value}'."))
}

impl Expand {
    /// The row that the lookup of `row` refers to, or null; or all rows of a collection.
    pub(super) fn value(&self, row: &Row, store: &Store) -> Value {
        let shown = |row: &Row| Value::Object(shown(row, self.target, self.select.as_deref()));
        match self.through {
            Through::Lookup(lookup) => {
                let id = row.value(lookup.column).as_str().and_then(crate::guid::guid);
                let found = id.and_then(|id| store.row(self.target, id));
                found.map_or(Value::Null, shown)
            }
            Through::ManyToMany(many) => store.related(many, row.id).into_iter().map(shown).collect(),
        }
    }
}

/// The list of columns in `@odata.context`: `(name,primarycontactid(fullname))`.
pub(super) fn context(select: Option<&[&Column]>, expand: &[Expand]) -> String {
    let names = |columns: Option<&[&'static Column]>| -> Vec<String> {
        columns
            .unwrap_or_default()
            .iter()
            .map(|column| column.name.to_string())
            .collect()
    };
    let mut parts: Vec<String> = select
        .unwrap_or_default()
        .iter()
        .map(|column| column.name.to_string())
        .collect();
    for expand in expand {
        parts.push(format!(
            "{}({})",
            expand.name,
            names(expand.select.as_deref()).join(",")
        ));
    }
    if parts.is_empty() {
        String::new()
    } else {
        format!("({})", parts.join(","))
    }
}
