//! Evaluates a filter for a row.

use std::cmp::Ordering;

use super::like::like;
use crate::dataverse::store::Row;
use crate::dataverse::value::Scalar;
use crate::schema::Column;

#[derive(Debug)]
pub(in crate::dataverse) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Operand, Operator, Operand),
    Match(Function, Operand, Operand),
    /// A boolean column or literal alone.
    Is(Operand),
}

#[derive(Debug)]
pub(in crate::dataverse) enum Operand {
    Column(&'static Column),
    Literal(Scalar),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dataverse) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::dataverse) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    /// FetchXML only.
    Like,
}

impl Filter {
    pub(in crate::dataverse) fn matches(&self, row: &Row) -> bool {
        self.holds(row) == Some(true)
    }

    /// Three-valued, as in the underlying database: a comparison with a column without a value is neither
    /// true nor false. Guess: that `ne` excludes such rows too.
    fn holds(&self, row: &Row) -> Option<bool> {
        match self {
            Filter::All(parts) => decide(parts, row, false),
            Filter::Any(parts) => decide(parts, row, true),
            Filter::Not(inner) => inner.holds(row).map(|holds| !holds),
            Filter::Is(operand) => match operand.value(row) {
                Scalar::Boolean(boolean) => Some(boolean),
                _ => None,
            },
            Filter::Compare(a, operator, b) => compare(a, *operator, b, row),
            Filter::Match(function, a, b) => match (a.value(row), b.value(row)) {
                (Scalar::Text(text), Scalar::Text(part)) => {
                    let (text, part) = (text.to_lowercase(), part.to_lowercase());
                    Some(match function {
                        Function::Contains => text.contains(&part),
                        Function::StartsWith => text.starts_with(&part),
                        Function::EndsWith => text.ends_with(&part),
                        Function::Like => like(&text, &part),
                    })
                }
                _ => None,
            },
        }
    }
}

/// `deciding` if one part has that value; the opposite if all parts have the opposite; otherwise unknown.
fn decide(parts: &[Filter], row: &Row, deciding: bool) -> Option<bool> {
    let mut result = Some(!deciding);
    for part in parts {
        match part.holds(row) {
            Some(holds) if holds == deciding => return Some(deciding),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

fn compare(a: &Operand, operator: Operator, b: &Operand, row: &Row) -> Option<bool> {
    // The literal null tests whether there is a value.
    if a.is_null() || b.is_null() {
        let equal = a.value(row) == Scalar::Null && b.value(row) == Scalar::Null;
        return match operator {
            Operator::Eq => Some(equal),
            Operator::Ne => Some(!equal),
            _ => None,
        };
    }
    let order = a.value(row).compare(&b.value(row))?;
    Some(match operator {
        Operator::Eq => order == Ordering::Equal,
        Operator::Ne => order != Ordering::Equal,
        Operator::Gt => order == Ordering::Greater,
        Operator::Ge => order != Ordering::Less,
        Operator::Lt => order == Ordering::Less,
        Operator::Le => order != Ordering::Greater,
    })
}

impl Operand {
    fn value(&self, row: &Row) -> Scalar {
        match self {
            Operand::Column(column) => Scalar::of(row.value(column.name), column.kind),
            Operand::Literal(literal) => literal.clone(),
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Operand::Literal(Scalar::Null))
    }

    /// The type, for the check of a comparison; null has no type.
    pub(super) fn edm(&self) -> Option<&'static str> {
        match self {
            Operand::Column(column) => Some(column.kind.edm()),
            Operand::Literal(Scalar::Null) => None,
            Operand::Literal(Scalar::Text(_)) => Some("Edm.String"),
            Operand::Literal(Scalar::Number(_)) => Some("Edm.Decimal"),
            Operand::Literal(Scalar::Boolean(_)) => Some("Edm.Boolean"),
            Operand::Literal(Scalar::Time(_)) => Some("Edm.DateTimeOffset"),
            Operand::Literal(Scalar::Guid(_)) => Some("Edm.Guid"),
        }
    }
}

impl Operator {
    pub(super) fn of(word: &str) -> Option<Operator> {
        Some(match word {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return None,
        })
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Operator::Eq => "Equal",
            Operator::Ne => "NotEqual",
            Operator::Gt => "GreaterThan",
            Operator::Ge => "GreaterThanOrEqual",
            Operator::Lt => "LessThan",
            Operator::Le => "LessThanOrEqual",
        }
    }
}
