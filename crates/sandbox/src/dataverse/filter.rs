//! `$filter`.

mod lexer;
mod like;
mod meaning;
mod parser;
#[cfg(test)]
mod tests;

pub(super) use meaning::{Filter, Function, Operand, Operator};
pub(super) use parser::parse;
