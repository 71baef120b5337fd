//! The content of a FetchXML query
//! (<https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/reference/fetch>).

use uuid::Uuid;

use super::cookie;
use super::xml::{self, Element};
use crate::dataverse::filter::{Filter, Function, Operand, Operator};
use crate::dataverse::query::{Direction, Query};
use crate::dataverse::refusal::Refusal;
use crate::dataverse::value::{Scalar, time};
use crate::guid::guid;
use crate::schema::{Column, Kind, Table};

pub(super) struct Fetch {
    /// Columns, filter, order and top: the same as those of an OData query.
    pub(super) query: Query,
    pub(super) page: usize,
    pub(super) count: Option<usize>,
    /// The last row of the previous page.
    pub(super) after: Option<Uuid>,
}

pub(super) fn read(text: &str, table: &'static Table) -> Result<Fetch, Refusal> {
    let fetch = xml::parse(text).map_err(|error| invalid(format!("Invalid XML: {error}.")))?;
    if fetch.name != "fetch" {
        return Err(invalid(format!("The element '{}' is not 'fetch'.", fetch.name)));
    }
    let page = number(&fetch, "page")?;
    let count = number(&fetch, "count")?;
    let mut query = Query {
        top: number(&fetch, "top")?,
        ..Query::default()
    };
    for (name, value) in &fetch.attributes {
        match name.as_str() {
            "page" | "count" | "top" | "paging-cookie" => {}
            // Irrelevant here: how names are interpreted, and who wrote the query.
            "mapping" | "version" | "output-format" => {}
            "distinct" | "no-lock" | "aggregate" if value == "false" => {}
            "returntotalrecordcount" => query.count = value == "true",
            _ => return Err(Refusal::unsupported(format_args!("the attribute '{name}' of 'fetch'"))),
        }
    }
    // Text: as reported. https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/page-results: the two
    // are not compatible.
    if query.top.is_some() && (page.is_some() || count.is_some()) {
        return Err(invalid(
            "The top attribute can't be specified with paging attribute page",
        ));
    }
    let [entity] = fetch.children.as_slice() else {
        return Err(invalid("'fetch' must contain exactly one 'entity'."));
    };
    read_entity(entity, table, &mut query)?;
    let page = page.unwrap_or(1);
    let after = match fetch.attribute("paging-cookie").filter(|cookie| !cookie.is_empty()) {
        None => None,
        Some(text) => {
            let (before, last) = cookie::read(text, table).ok_or_else(|| invalid("The paging cookie is not valid."))?;
            // https://learn.microsoft.com/power-apps/developer/data-platform/org-service/page-large-result-sets-with-fetchxml:
            // a cookie of another page is ignored.
            Some(last).filter(|_| before.checked_add(1) == Some(page))
        }
    };
    Ok(Fetch {
        query,
        page,
        count,
        after,
    })
}

fn read_entity(entity: &Element, table: &'static Table, query: &mut Query) -> Result<(), Refusal> {
    let name = entity.attribute("name").unwrap_or_default();
    if entity.name != "entity" {
        return Err(invalid(format!("The element '{}' is not 'entity'.", entity.name)));
    }
    // https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/page-results: the set's own table. Guess:
    // code and text.
    if name != table.logical_name {
        return Err(invalid(format!(
            "The entity '{name}' of the query is not that of the entity set '{}'.",
            table.entity_set
        )));
    }
    let mut filters = Vec::new();
    let mut all = false;
    for child in &entity.children {
        match child.name.as_str() {
            "all-attributes" => all = true,
            "attribute" if child.attributes.len() == 1 => {
                let column = column(child.attribute("name").unwrap_or_default(), table)?;
                query.select.get_or_insert_default().push(column);
            }
            "filter" => filters.push(filter(child, table)?),
            "order" => query.order.push(order(child, table)?),
            name => return Err(Refusal::unsupported(format_args!("'{name}' in FetchXML"))),
        }
    }
    // Guess: all columns, also if no column is named.
    if all {
        query.select = None;
    }
    if !filters.is_empty() {
        query.filter = Some(Filter::All(filters));
    }
    Ok(())
}

fn order(element: &Element, table: &'static Table) -> Result<(&'static Column, Direction), Refusal> {
    let column = column(element.attribute("attribute").unwrap_or_default(), table)?;
    Ok(match element.attribute("descending") {
        Some("true" | "1") => (column, Direction::Descending),
        _ => (column, Direction::Ascending),
    })
}

fn filter(element: &Element, table: &'static Table) -> Result<Filter, Refusal> {
    let part = |child: &Element| match child.name.as_str() {
        "filter" => filter(child, table),
        "condition" => condition(child, table),
        name => Err(Refusal::unsupported(format_args!("'{name}' in a filter"))),
    };
    let parts = element.children.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    match element.attribute("type") {
        None | Some("and") => Ok(Filter::All(parts)),
        // Guess: an empty filter matches all rows.
        Some("or") if parts.is_empty() => Ok(Filter::All(parts)),
        Some("or") => Ok(Filter::Any(parts)),
        Some(other) => Err(invalid(format!("The filter type '{other}' is not valid."))),
    }
}

fn condition(element: &Element, table: &'static Table) -> Result<Filter, Refusal> {
    if !element.children.is_empty() || element.attribute("entityname").is_some() {
        return Err(Refusal::unsupported(
            "a condition with several values or of another entity",
        ));
    }
    let column = column(element.attribute("attribute").unwrap_or_default(), table)?;
    let name = element.attribute("operator").unwrap_or_default();
    let null = |operator| Filter::Compare(Operand::Column(column), operator, Operand::Literal(Scalar::Null));
    let operator = match name {
        "null" => return Ok(null(Operator::Eq)),
        "not-null" => return Ok(null(Operator::Ne)),
        "like" => return like(element, column),
        "not-like" => return Ok(Filter::Not(Box::new(like(element, column)?))),
        "eq" => Operator::Eq,
        "ne" | "neq" => Operator::Ne,
        "gt" => Operator::Gt,
        "ge" => Operator::Ge,
        "lt" => Operator::Lt,
        "le" => Operator::Le,
        _ => return Err(Refusal::unsupported(format_args!("the condition operator '{name}'"))),
    };
    let literal = Operand::Literal(literal(element, column)?);
    Ok(Filter::Compare(Operand::Column(column), operator, literal))
}

fn like(element: &Element, column: &'static Column) -> Result<Filter, Refusal> {
    let pattern = value(element)?;
    if pattern.contains('[') {
        return Err(Refusal::unsupported("sets of characters in 'like'"));
    }
    let pattern = Operand::Literal(Scalar::Text(pattern.into()));
    Ok(Filter::Match(Function::Like, Operand::Column(column), pattern))
}

/// Guess: a value that does not fit its column is refused, with the code of an invalid argument.
fn literal(element: &Element, column: &Column) -> Result<Scalar, Refusal> {
    let text = value(element)?;
    let literal = match column.kind {
        Kind::Text(_) => Some(Scalar::Text(text.into())),
        Kind::Integer | Kind::Decimal => text.parse().ok().map(Scalar::Number),
        Kind::Boolean => match text {
            "1" | "true" => Some(Scalar::Boolean(true)),
            "0" | "false" => Some(Scalar::Boolean(false)),
            _ => None,
        },
        Kind::DateTime => time(text).map(Scalar::Time),
        Kind::Binary => None,
        Kind::Guid => guid(text.trim_matches(['{', '}'])).map(Scalar::Guid),
    };
    literal.ok_or_else(|| {
        invalid(format!(
            "The value '{text}' of the condition on '{}' is not valid.",
            column.name
        ))
    })
}

fn value(element: &Element) -> Result<&str, Refusal> {
    element
        .attribute("value")
        .ok_or_else(|| invalid("The condition has no value."))
}

/// A lookup has its own name here, and the name of its column in answers.
fn column(name: &str, table: &'static Table) -> Result<&'static Column, Refusal> {
    let found = Some(name).filter(|name| !name.starts_with('_'));
    let found = found.and_then(|name| table.column(name).or_else(|| table.column(&format!("_{name}_value"))));
    found.ok_or_else(|| {
        // Code and text: as reported for `QueryBuilderNoAttribute`.
        let message = format!(
            "'{}' entity doesn't contain attribute with Name = '{name}' and NameMapping = 'Logical'.",
            table.logical_name
        );
        Refusal::new(http::StatusCode::BAD_REQUEST, "0x80041103", message)
    })
}

/// Guess: the text.
fn number(element: &Element, name: &str) -> Result<Option<usize>, Refusal> {
    let Some(value) = element.attribute(name) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => Err(invalid(format!(
            "The attribute '{name}' of 'fetch' is not valid: '{value}'."
        ))),
    }
}

/// Guess: one code, that of invalid XML, for all faults of a query.
fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(http::StatusCode::BAD_REQUEST, "0x80040201", message)
}
