//! The tokens of a filter.

use super::super::refusal::Refusal;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    Comma,
    /// Names, operators, numbers, times, GUIDs.
    Word(&'a str),
    /// A string, without its quotes.
    Text(String),
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token<'a>)>,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Result<Lexer<'a>, Refusal> {
        let mut lexer = Lexer {
            text,
            tokens: Vec::new(),
            at: 0,
        };
        let mut rest = text.trim_start();
        while let Some(c) = rest.chars().next() {
            let position = text.len() - rest.len();
            let (token, length) = match c {
                '(' => (Token::Open, 1),
                ')' => (Token::Close, 1),
                ',' => (Token::Comma, 1),
                '\'' => string(rest).ok_or_else(|| {
                    Refusal::query(format!(
                        "There is an unterminated string literal at position {position} in '{text}'."
                    ))
                })?,
                _ => {
                    let end = rest
                        .find(|c: char| c.is_whitespace() || "(),'".contains(c))
                        .unwrap_or(rest.len());
                    (Token::Word(rest.get(..end).unwrap_or_default()), end)
                }
            };
            lexer.tokens.push((position, token));
            rest = rest.get(length..).unwrap_or_default().trim_start();
        }
        Ok(lexer)
    }

    pub(super) fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).map(|(_, token)| token.clone())
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek();
        self.at += usize::from(token.is_some());
        token
    }

    pub(super) fn take(&mut self, token: &Token<'_>) -> bool {
        let there = self.tokens.get(self.at).is_some_and(|(_, next)| next == token);
        self.at += usize::from(there);
        there
    }

    /// OData's operators are case-sensitive.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.take(&Token::Word(word))
    }

    pub(super) fn followed_by_parenthesis(&self) -> bool {
        self.tokens
            .get(self.at + 1)
            .is_some_and(|(_, next)| *next == Token::Open)
    }

    /// Guess: the text, which is the OData library's; 400 and 0x80060888 as for other paths that cannot be parsed.
    pub(super) fn syntax_error(&self) -> Refusal {
        let position = self
            .tokens
            .get(self.at)
            .map_or(self.text.len(), |(position, _)| *position);
        Refusal::query(format!("Syntax error at position {position} in '{}'.", self.text))
    }
}

/// A quoted string, with doubled quotes unescaped, and its length.
fn string(rest: &str) -> Option<(Token<'static>, usize)> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Some((Token::Text(value), at + 1));
        }
    }
    None
}
