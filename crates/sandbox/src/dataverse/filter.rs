//! `$filter`: a parser for the part of OData that the sandbox answers, and its meaning.

mod lexer;
mod like;
mod meaning;
#[cfg(test)]
mod tests;

pub(super) use meaning::{Filter, Function, Operand, Operator, parse};
