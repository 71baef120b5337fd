//! Elements and attributes: the subset of XML that FetchXML needs.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// The maximum nesting: deep enough for any query, and safe for the stack.
const DEEPEST: usize = 100;

#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    fn of(tag: &BytesStart<'_>) -> Result<Element, String> {
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| error.to_string())?;
            attributes.push((attribute.key.as_ref().to_string(), value.into_owned()));
        }
        Ok(Element {
            name: tag.name().as_ref().to_string(),
            attributes,
            children: Vec::new(),
        })
    }
}

/// The root element, or what is wrong.
pub(super) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut root = None;
    let mut open: Vec<Element> = Vec::new();
    loop {
        let done = match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) if root.is_none() && open.len() < DEEPEST => {
                open.push(Element::of(&tag)?);
                None
            }
            Event::Empty(tag) if root.is_none() => Some(Element::of(&tag)?),
            Event::End(_) => open.pop(),
            Event::Text(text) if text.trim().is_empty() => None,
            Event::Comment(_) | Event::Decl(_) => None,
            Event::Eof => break,
            other => return Err(format!("{other:?} is not expected here")),
        };
        if let Some(element) = done {
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => root = Some(element),
            }
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err("an element is not closed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements() {
        let root =
            parse("<?xml version='1.0'?><a x='1 &lt; &quot;2&quot;'>\r\n<b/><!-- c --><b y=\"\"></b></a>").unwrap();
        assert_eq!(root.attribute("x"), Some("1 < \"2\""));
        assert_eq!(root.children.len(), 2);
        assert_eq!(root.child("b").unwrap().attributes, []);
        for bad in [
            "",
            "<a>",
            "<a></b>",
            "<a/><a/>",
            "<a x=1/>",
            "a",
            "<a>b</a>",
            "<a x='&nope;'/>",
            "</a>",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"<a>".repeat(100_000)).is_err());
    }
}
