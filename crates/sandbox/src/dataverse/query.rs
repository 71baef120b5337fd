//! The query options of a request.

use std::cmp::Ordering;

use percent_encoding::percent_decode_str;

use super::columns::{column, columns};
use super::expand::{self, Expand};
use super::filter::{self, Filter};
use super::refusal::Refusal;
use super::store::Row;
use super::value::Scalar;
use crate::schema::{Column, Table};

#[derive(Default)]
pub(super) struct Query {
    pub(super) select: Option<Vec<&'static Column>>,
    pub(super) filter: Option<Filter>,
    pub(super) order: Vec<(&'static Column, Direction)>,
    pub(super) top: Option<usize>,
    pub(super) count: bool,
    pub(super) expand: Vec<Expand>,
    pub(super) skip_token: Option<String>,
    pub(super) delta_token: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

impl Query {
    /// `many`: whether the options of a collection are allowed too.
    pub(super) fn read(query: &str, table: &'static Table, many: bool) -> Result<Query, Refusal> {
        let mut read = Query::default();
        let mut seen = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            // Guess: the text. OData 4.0, part 2, 5.2: an option must not appear more than once.
            if seen.contains(&name) {
                return Err(Refusal::query(format!(
                    "Query option '{name}' was specified more than once."
                )));
            }
            read.apply(&name, value, table, many)?;
            seen.push(name);
        }
        Ok(read)
    }

    fn apply(&mut self, name: &str, value: String, table: &'static Table, many: bool) -> Result<(), Refusal> {
        match name {
            "$select" => self.select = Some(columns(&value, table)?),
            "$expand" => self.expand = expand::parse(&value, table)?,
            "$filter" if many => self.filter = Some(filter::parse(&value, table)?),
            "$orderby" if many => self.order = order(&value, table)?,
            "$top" if many => self.top = Some(number(&value)?),
            "$skiptoken" if many => self.skip_token = Some(value),
            "$deltatoken" if many => self.delta_token = Some(value),
            "$count" if many => {
                self.count = match value.as_str() {
                    "true" => true,
                    "false" => false,
                    // Guess: code and text.
                    _ => {
                        return Err(Refusal::query(format!(
                            "Invalid value '{value}' for $count query option found."
                        )));
                    }
                }
            }
            // docs/facts/dataverse.md, 1.6: there is no $skip. Guess: code and text.
            "$skip" => return Err(Refusal::query("The query parameter $skip is not supported")),
            // docs/facts/dataverse.md, 1.3: an optional parameter for plug-ins only.
            "tag" => {}
            _ => return Err(Refusal::unsupported(format_args!("the query option '{name}' here"))),
        }
        Ok(())
    }

    pub(super) fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let by = |(column, direction): &(&Column, Direction)| {
            let scalar = |row: &Row| Scalar::of(row.value(column.name), column.kind);
            let order = scalar(a).order(&scalar(b));
            if *direction == Direction::Descending {
                order.reverse()
            } else {
                order
            }
        };
        self.order
            .iter()
            .map(by)
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

/// Guess: `+` is a space, as ASP.NET reads a query.
fn decode(text: &str) -> Result<String, Refusal> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|_| Refusal::query("The request URI is not valid UTF-8."))
}

fn order(list: &str, table: &'static Table) -> Result<Vec<(&'static Column, Direction)>, Refusal> {
    let term = |term: &str| {
        let mut words = term.split_whitespace();
        let name = words.next().unwrap_or_default();
        if name.contains(['/', '(']) {
            return Err(Refusal::unsupported(format_args!("$orderby with '{name}'")));
        }
        let direction = match (words.next(), words.next()) {
            (None | Some("asc"), None) => Direction::Ascending,
            (Some("desc"), None) => Direction::Descending,
            _ => {
                return Err(Refusal::query(format!(
                    "Syntax error in the $orderby expression '{list}'."
                )));
            }
        };
        Ok((column(name, table)?, direction))
    };
    list.split(',').map(term).collect()
}

/// Guess: the text.
fn number(value: &str) -> Result<usize, Refusal> {
    let valid = value.parse().ok().filter(|number| *number > 0);
    valid.ok_or_else(|| Refusal::query(format!("Invalid value '{value}' for $top query option found.")))
}
