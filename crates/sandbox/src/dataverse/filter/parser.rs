//! Parses `$filter`: the subset of OData that the sandbox supports.

use super::lexer::{Lexer, Token};
use super::meaning::{Filter, Function, Operand, Operator};
use crate::dataverse::columns::column;
use crate::dataverse::refusal::Refusal;
use crate::dataverse::value::{Scalar, time};
use crate::guid::guid;
use crate::schema::Table;

/// The maximum nesting: deep enough for any query, and safe for the stack.
const DEEPEST: usize = 100;

pub(in crate::dataverse) fn parse(text: &str, table: &'static Table) -> Result<Filter, Refusal> {
    let mut parser = Parser {
        lexer: Lexer::new(text)?,
        table,
        depth: 0,
    };
    let filter = parser.or()?;
    match parser.lexer.next() {
        None => Ok(filter),
        Some(_) => Err(parser.lexer.syntax_error()),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    table: &'static Table,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Filter, Refusal> {
        let mut parts = vec![self.and()?];
        while self.lexer.take_word("or") {
            parts.push(self.and()?);
        }
        Ok(Filter::Any(parts))
    }

    fn and(&mut self) -> Result<Filter, Refusal> {
        let mut parts = vec![self.unary()?];
        while self.lexer.take_word("and") {
            parts.push(self.unary()?);
        }
        Ok(Filter::All(parts))
    }

    fn unary(&mut self) -> Result<Filter, Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Refusal::unsupported(format_args!(
                "$filter nested deeper than {DEEPEST}"
            )));
        }
        let filter = if self.lexer.take_word("not") {
            Filter::Not(Box::new(self.unary()?))
        } else if self.lexer.take(&Token::Open) {
            let inner = self.or()?;
            self.expect(&Token::Close)?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn comparison(&mut self) -> Result<Filter, Refusal> {
        if let Some(function) = self.function()? {
            return Ok(function);
        }
        let left = self.operand()?;
        let Some(Token::Word(word)) = self.lexer.peek() else {
            return self.boolean(left);
        };
        if matches!(word, "and" | "or") {
            return self.boolean(left);
        }
        if matches!(word, "in" | "has" | "add" | "sub" | "mul" | "div" | "mod") {
            return Err(Refusal::unsupported(format_args!("the operator '{word}' in $filter")));
        }
        let operator = Operator::of(word).ok_or_else(|| self.lexer.syntax_error())?;
        self.lexer.next();
        let right = self.operand()?;
        check_types(&left, operator, &right)?;
        Ok(Filter::Compare(left, operator, right))
    }

    fn boolean(&self, operand: Operand) -> Result<Filter, Refusal> {
        match operand.edm() {
            Some("Edm.Boolean") => Ok(Filter::Is(operand)),
            _ => Err(self.lexer.syntax_error()),
        }
    }

    fn function(&mut self) -> Result<Option<Filter>, Refusal> {
        let Some(Token::Word(name)) = self.lexer.peek() else {
            return Ok(None);
        };
        if !self.lexer.followed_by_parenthesis() {
            return Ok(None);
        }
        let function = match name {
            "contains" => Function::Contains,
            "startswith" => Function::StartsWith,
            "endswith" => Function::EndsWith,
            _ => return Err(Refusal::unsupported(format_args!("'{name}(...)' in $filter"))),
        };
        self.lexer.next();
        self.expect(&Token::Open)?;
        let text = self.operand()?;
        self.expect(&Token::Comma)?;
        let part = self.operand()?;
        self.expect(&Token::Close)?;
        if [&text, &part]
            .iter()
            .any(|operand| operand.edm().is_some_and(|edm| edm != "Edm.String"))
        {
            // Guess: code and text.
            return Err(Refusal::query(format!(
                "No function signature for the function with name '{name}' matches."
            )));
        }
        Ok(Some(Filter::Match(function, text, part)))
    }

    fn operand(&mut self) -> Result<Operand, Refusal> {
        let word = match self.lexer.next() {
            Some(Token::Text(text)) => return Ok(Operand::Literal(Scalar::Text(text))),
            Some(Token::Word(word)) => word,
            _ => return Err(self.lexer.syntax_error()),
        };
        let literal = match word {
            "null" => Some(Scalar::Null),
            "true" => Some(Scalar::Boolean(true)),
            "false" => Some(Scalar::Boolean(false)),
            _ => literal(word),
        };
        if let Some(literal) = literal {
            return Ok(Operand::Literal(literal));
        }
        if word.starts_with('@') || word.contains(['/', ':']) || self.lexer.peek() == Some(Token::Open) {
            // Lambdas, columns of other tables, parameter aliases, functions.
            return Err(Refusal::unsupported(format_args!("'{word}' in $filter")));
        }
        Ok(Operand::Column(column(word, self.table)?))
    }

    fn expect(&mut self, token: &Token<'_>) -> Result<(), Refusal> {
        if self.lexer.take(token) {
            Ok(())
        } else {
            Err(self.lexer.syntax_error())
        }
    }
}

/// A number, a point in time or a GUID.
fn literal(word: &str) -> Option<Scalar> {
    if let Some(guid) = guid(word) {
        return Some(Scalar::Guid(guid));
    }
    if !word.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return None;
    }
    if let Ok(number) = word.parse() {
        return Some(Scalar::Number(number));
    }
    time(word).map(Scalar::Time)
}

/// Guess: code and text of a type mismatch; the text is the OData library's.
fn check_types(a: &Operand, operator: Operator, b: &Operand) -> Result<(), Refusal> {
    let (Some(left), Some(right)) = (a.edm(), b.edm()) else {
        return Ok(());
    };
    let number = |edm| matches!(edm, "Edm.Int32" | "Edm.Decimal");
    if left == right || (number(left) && number(right)) {
        return Ok(());
    }
    Err(Refusal::query(format!(
        "A binary operator with incompatible types was detected. Found operand types '{left}' and '{right}' for \
         operator kind '{}'.",
        operator.kind()
    )))
}
