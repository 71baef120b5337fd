//! As much of XML 1.0 as it takes to know that a text is well-formed, and to change the attributes of its root element.
//! Document types are refused: they could define what is read here otherwise than Dataverse reads it.

use std::borrow::Cow;
use std::fmt;

/// The root element of a document. What stands before it (a declaration, comments) is left out.
#[derive(Clone, Debug)]
pub struct Root {
    name: String,
    /// Names and values; the values as they are written, without their quotes.
    attributes: Vec<Attribute>,
    /// All that follows the attributes: `/>`, or `>` and the content and the end tag.
    rest: String,
}

#[derive(Clone, Debug)]
struct Attribute {
    name: String,
    escaped: String,
    quote: char,
}

impl Root {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(c) = text.chars().find(|c| !is_char(*c)) {
            return Err(format!("holds {}, which XML cannot", c.escape_default()));
        }
        let mut scanner = Scanner { rest: text };
        scanner.skip_misc()?;
        let tag = scanner.start_tag()?;
        let root = scanner.rest;
        scanner.read_to_end_of(&tag)?;
        let length = root.len().saturating_sub(scanner.rest.len());
        let rest = root.get(..length).unwrap_or_default();
        scanner.skip_misc()?;
        if !scanner.rest.is_empty() {
            return Err("has something after its root element".to_owned());
        }
        Ok(Self {
            name: tag.name.to_owned(),
            attributes: tag.attributes,
            rest: format!("{}{rest}", if tag.is_empty { "/>" } else { ">" }),
        })
    }

    /// The element's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let attribute = self.attributes.iter().find(|attribute| attribute.name == name)?;
        Some(unescape(&attribute.escaped))
    }

    /// Sets an attribute, which comes last then.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        let escaped = value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        self.attributes.push(Attribute {
            name: name.to_owned(),
            escaped,
            quote: '"',
        });
    }

    /// Takes an attribute away.
    pub fn remove(&mut self, name: &str) {
        self.attributes.retain(|attribute| attribute.name != name);
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        for Attribute { name, escaped, quote } in &self.attributes {
            write!(f, " {name}={quote}{escaped}{quote}")?;
        }
        f.write_str(&self.rest)
    }
}

struct Tag<'a> {
    name: &'a str,
    attributes: Vec<Attribute>,
    is_empty: bool,
}

struct Scanner<'a> {
    rest: &'a str,
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
            .ok_or_else(|| format!("ends where {end} is expected"))?;
        self.rest = after;
        Ok(before)
    }

    fn skip_space(&mut self) -> bool {
        let rest = self.rest.trim_start_matches(is_space);
        let skipped = rest.len() < self.rest.len();
        self.rest = rest;
        skipped
    }

    /// Comments, processing instructions and white space, around the root element.
    fn skip_misc(&mut self) -> Result<(), String> {
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
            return Err(format!("has no name where one is expected, before {found:?}"));
        }
        self.rest = rest;
        Ok(name)
    }

    fn start_tag(&mut self) -> Result<Tag<'a>, String> {
        if !self.take("<") {
            return Err("is not XML: an element is expected".to_owned());
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

    /// Reads on behind the end tag that belongs to a start tag.
    fn read_to_end_of(&mut self, tag: &Tag<'a>) -> Result<(), String> {
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
                    return Err(format!("has </{name} where </{innermost}> is expected"));
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

fn is_char(c: char) -> bool {
    is_space(c) || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// Wider than XML's, beyond ASCII.
fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.') || !c.is_ascii()
}

fn check_references(text: &str) -> Result<(), String> {
    for after in text.split('&').skip(1) {
        let name = after.split_once(';').map(|(name, _)| name);
        if name.and_then(character).is_none() {
            let found: String = after.chars().take(10).collect();
            return Err(format!(
                "has an & that begins no character reference, before {found:?}: write &amp;"
            ));
        }
    }
    Ok(())
}

fn unescape(text: &str) -> Cow<'_, str> {
    let Some((before, references)) = text.split_once('&') else {
        return text.into();
    };
    let mut plain = before.to_owned();
    for after in references.split('&') {
        let (name, after) = after.split_once(';').unwrap_or(("", after));
        plain.extend(character(name));
        plain.push_str(after);
    }
    plain.into()
}

/// What a reference, without its `&` and `;`, stands for.
fn character(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let digits = (!digits.starts_with('+')).then_some(digits)?;
        char::from_u32(u32::from_str_radix(digits, radix).ok()?).filter(|c| is_char(*c))
    };
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_element_is_kept_as_it_is() {
        for text in [
            "<a/>",
            "<a b='1' c=\"2&amp;'\"/>",
            "<a><b/>text<c d='>'>x &lt; y</c><!-- <a> --><?x <a> ?><![CDATA[</a> & ]]></a>",
            "<ä:x ö='ü'></ä:x >",
            "<a>\n\t</a>",
        ] {
            assert_eq!(Root::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "\u{feff}<?xml version='1.0' encoding='utf-8'?>\r\n<!-- c --><a/>\n<!-- d -->",
            "<a />",
        ] {
            assert_eq!(Root::parse(text).unwrap().to_string(), "<a/>");
        }
        assert_eq!(
            Root::parse("<a\n b = 'c'\td='e' >x</a>").unwrap().to_string(),
            "<a b='c' d='e'>x</a>"
        );
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in [
            "",
            " ",
            "text",
            "<",
            "<>",
            "< a/>",
            "<a",
            "<a b",
            "<a b>",
            "<a b=1/>",
            "<a b='1/>",
            "<a b='1'c='2'/>",
            "<a b='1' b='2'/>",
            "<a b='<'/>",
            "<a b='&'/>",
            "<a b='&x;'/>",
            "<a b='&#0;'/>",
            "<a b='&#x+41;'/>",
            "<a b='&#xd800;'/>",
            "<1/>",
            "<a>",
            "<a></b>",
            "<a><b></a></b>",
            "<a></a",
            "<a></a x>",
            "<a>& </a>",
            "<a>]]></a>",
            "<a><![CDATA[</a>",
            "<a><!-- </a>",
            "<a><!-- -- --></a>",
            "<a><!-- ---></a>",
            "<a><? x?></a>",
            "<a><!ELEMENT x></a>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<a>\u{1}</a>",
            "<a>\u{ffff}</a>",
        ] {
            assert!(Root::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn attributes_are_read_and_set() {
        let mut root = Root::parse("<a b='&lt;&#65;&#x42;&quot;&apos;&gt;&amp;lt;' c='d'>x</a>").unwrap();
        assert_eq!(root.attribute("b").unwrap(), "<AB\"'>&lt;");
        assert_eq!(root.attribute("x"), None);
        root.set("b", "<&\">'");
        root.set("e", "1");
        root.remove("c");
        assert_eq!(root.to_string(), "<a b=\"&lt;&amp;&quot;&gt;'\" e=\"1\">x</a>");
        assert_eq!(
            Root::parse(&root.to_string()).unwrap().attribute("b").unwrap(),
            "<&\">'"
        );
    }
}
