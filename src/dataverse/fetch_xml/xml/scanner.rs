//! The grammar of XML 1.0 without document types.

use super::Attribute;
use super::reference::check_references;

/// A start tag.
pub(super) struct Tag<'a> {
    pub name: &'a str,
    pub attributes: Vec<Attribute>,
    /// Whether the element is empty: `<a/>`.
    pub is_empty: bool,
}

/// The maximum per element, because each attribute is compared with all others. FetchXML's elements have
/// about a dozen.
const MAX_ATTRIBUTES: usize = 100;

/// A scanner over a document.
pub(super) struct Scanner<'a> {
    /// The unread rest.
    pub rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn take(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_until(&mut self, end: &str) -> Result<&'a str, String> {
        let (before, after) = self
            .rest
            .split_once(end)
            .ok_or_else(|| format!("ends where {end} was expected"))?;
        self.rest = after;
        Ok(before)
    }

    fn skip_space(&mut self) -> bool {
        let rest = self.rest.trim_start_matches(is_space);
        let skipped = rest.len() < self.rest.len();
        self.rest = rest;
        skipped
    }

    /// Skips comments, processing instructions and white space around the root element.
    pub(super) fn skip_misc(&mut self) -> Result<(), String> {
        loop {
            self.skip_space();
            if self.rest.starts_with("<!DOCTYPE") {
                return Err("has a document type declaration".to_owned());
            }
            if !self.skip_comment_or_instruction()? {
                return Ok(());
            }
        }
    }

    fn skip_comment_or_instruction(&mut self) -> Result<bool, String> {
        if self.take("<!--") {
            self.take_until("--")?;
            if !self.take(">") {
                return Err("has -- within a comment".to_owned());
            }
            return Ok(true);
        }
        if self.take("<?") {
            self.name()?;
            self.take_until("?>")?;
            return Ok(true);
        }
        Ok(false)
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let end = self.rest.find(|c| !is_name_char(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.')) {
            let found: String = self.rest.chars().take(10).collect();
            return Err(format!("lacks a name before {found:?}"));
        }
        self.rest = rest;
        Ok(name)
    }

    /// A start tag.
    pub(super) fn start_tag(&mut self) -> Result<Tag<'a>, String> {
        if !self.take("<") {
            return Err("is not XML: expected an element".to_owned());
        }
        let name = self.name()?;
        let mut attributes: Vec<Attribute> = Vec::new();
        loop {
            let spaced = self.skip_space();
            let is_empty = self.take("/>");
            if is_empty || self.take(">") {
                return Ok(Tag {
                    name,
                    attributes,
                    is_empty,
                });
            }
            if !spaced {
                return Err(format!("has a start tag {name} that is not well-formed"));
            }
            let attribute = self.attribute()?;
            if attributes.iter().any(|other| other.name == attribute.name) {
                return Err(format!("has the attribute {} twice", attribute.name));
            }
            if attributes.len() >= MAX_ATTRIBUTES {
                return Err(format!("has more than {MAX_ATTRIBUTES} attributes in an element"));
            }
            attributes.push(attribute);
        }
    }

    fn attribute(&mut self) -> Result<Attribute, String> {
        let name = self.name()?;
        self.skip_space();
        let equals = self.take("=");
        self.skip_space();
        let quote = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) if equals => quote,
            _ => return Err(format!("has an attribute {name} without a quoted value")),
        };
        self.take(quote.encode_utf8(&mut [0; 4]));
        let escaped = self.take_until(quote.encode_utf8(&mut [0; 4]))?;
        if escaped.contains('<') {
            return Err(format!("has a < in the attribute {name}"));
        }
        check_references(escaped)?;
        Ok(Attribute {
            name: name.to_owned(),
            escaped: escaped.to_owned(),
            quote,
        })
    }

    /// Skips to the end of the element of a start tag.
    pub(super) fn read_to_end_of(&mut self, tag: &Tag<'a>) -> Result<(), String> {
        let mut open = if tag.is_empty { Vec::new() } else { vec![tag.name] };
        while let Some(innermost) = open.last() {
            let end = self
                .rest
                .find('<')
                .ok_or_else(|| format!("ends before </{innermost}>"))?;
            let (text, rest) = self.rest.split_at(end);
            if text.contains("]]>") {
                return Err("has ]]> outside a CDATA section".to_owned());
            }
            check_references(text)?;
            self.rest = rest;
            if self.take("<![CDATA[") {
                self.take_until("]]>")?;
            } else if self.take("</") {
                let name = self.name()?;
                self.skip_space();
                if name != *innermost || !self.take(">") {
                    return Err(format!("has </{name} where </{innermost}> was expected"));
                }
                open.pop();
            } else if !self.skip_comment_or_instruction()? {
                let tag = self.start_tag()?;
                if !tag.is_empty {
                    open.push(tag.name);
                }
            }
        }
        Ok(())
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Whether a character is allowed in XML.
pub(super) fn is_char(c: char) -> bool {
    is_space(c) || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// Beyond ASCII, accepts more than XML does.
fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.') || !c.is_ascii()
}
