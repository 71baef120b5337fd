//! FetchXML queries and their pages.

use std::collections::BTreeMap;

use dynamics365::fuzzing::answer::Control;
use dynamics365::fuzzing::fetch_xml::{self, FetchXml};
use percent_encoding::percent_decode_str;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::support::{contains, environment, first_line};

/// The attributes that paging sets.
const PAGING: [&str; 3] = ["count", "page", "paging-cookie"];

/// A line with the page size, or empty; a line with the query; and the body of the answer.
pub(super) fn fetch_xml(input: &[u8]) {
    let (size, rest) = first_line(input);
    let (fetch, answer) = first_line(rest);
    let page_size: Option<u32> = std::str::from_utf8(size).ok().and_then(|size| size.parse().ok());
    let query = fetch_xml::Query {
        entity_set: "contacts".to_owned(),
        fetch: String::from_utf8_lossy(fetch).into_owned(),
        page_size,
        headers: Vec::new(),
    };
    let Ok(mut fetch) = FetchXml::parse(&query) else {
        return;
    };
    let Some(given) = read(&query.fetch) else {
        return;
    };
    let first = sent(&fetch);
    is_the_same_query(&given, &first);
    assert!(page_size.is_none_or(|size| first.attributes.get("count") == Some(&size.to_string())));

    let goes_on = serde_json::from_slice::<Control>(answer)
        .map_err(|error| error.to_string())
        .and_then(|control| fetch.advance(&control));
    let cookie = fetch.cookie().map(str::to_owned);
    let then = sent(&fetch);
    is_the_same_query(&given, &then);
    let page = |query: &Query| query.attributes.get("page").and_then(|page| page.parse::<u32>().ok());
    match goes_on {
        Ok(true) => {
            assert!(contains(answer, "morerecords") || contains(answer, "\\u"));
            assert_eq!(page(&then), page(&first).map(|page| page + 1));
            assert_eq!(then.attributes.get("paging-cookie"), cookie.as_ref());
        }
        Ok(false) | Err(_) => assert_eq!(page(&then), page(&first)),
    }
}

/// A query parsed by an independent parser.
#[derive(PartialEq)]
struct Query {
    attributes: BTreeMap<String, String>,
    content: Vec<String>,
}

fn sent(fetch: &FetchXml) -> Query {
    let link = fetch.uri(&environment()).unwrap().to_string();
    let encoded = link
        .strip_prefix("https://contoso.crm.dynamics.com/api/data/v9.2/contacts?fetchXml=")
        .expect("it points to the table");
    assert!(!encoded.contains(['&', '#', '+', '=', '\'', '"']), "{encoded}");
    let text = percent_decode_str(encoded).decode_utf8().unwrap();
    read(&text).unwrap_or_else(|| panic!("it is not well-formed: {text}"))
}

fn is_the_same_query(given: &Query, sent: &Query) {
    let without_paging = |query: &Query| {
        let mut attributes = query.attributes.clone();
        attributes.retain(|name, _| !PAGING.contains(&name.as_str()));
        attributes
    };
    assert_eq!(without_paging(given), without_paging(sent));
    assert_eq!(given.content, sent.content);
}

/// The root's attributes and content.
fn read(text: &str) -> Option<Query> {
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.config_mut().check_comments = true;
    let mut attributes = None;
    let mut content = Vec::new();
    let mut depth = 0_usize;
    loop {
        match reader.read_event().ok()? {
            Event::Eof => break,
            Event::Start(tag) if attributes.is_none() => {
                attributes = Some(attributes_of(&tag)?);
                depth = 1;
            }
            Event::Empty(tag) if attributes.is_none() => attributes = Some(attributes_of(&tag)?),
            Event::Start(tag) => {
                attributes_of(&tag)?;
                content.push(format!("{tag:?}"));
                depth += 1;
            }
            Event::End(tag) => {
                content.push(format!("{tag:?}"));
                depth = depth.checked_sub(1)?;
            }
            // Text around the root is not part of the query.
            other if depth > 0 => content.push(format!("{other:?}")),
            _ => {}
        }
    }
    Some(Query {
        attributes: attributes.filter(|_| depth == 0)?,
        content,
    })
}

fn attributes_of(tag: &BytesStart<'_>) -> Option<BTreeMap<String, String>> {
    let mut attributes = BTreeMap::new();
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        attributes.insert(attribute.key.as_ref().to_string(), value.into_owned());
    }
    Some(attributes)
}
