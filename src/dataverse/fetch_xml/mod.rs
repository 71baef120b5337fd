//! FetchXML queries and their paging (docs/facts/dataverse.md, 1.6).

pub(crate) mod annotations;
mod cookie;
mod xml;

use http::Uri;

use super::answer::Control;
use super::headers::Headers;
use super::options::MAX_PAGE;
use super::url::{self, ROOT, encode_value};
use crate::error::Error;
use crate::faults::Faults;
use crate::http::origin::Origin;
use cookie::Paging;
use xml::Root;

/// A caller's query, not validated yet.
#[derive(Clone, Debug)]
pub struct Query {
    /// The entity set to query.
    pub entity_set: String,
    /// The `fetch` element.
    pub fetch: String,
    /// The maximum number of rows on a page.
    pub page_size: Option<u32>,
    /// Headers in addition to those that the Web API expects.
    pub headers: Headers,
}

/// A valid query, and the page it requests.
#[derive(Clone, Debug)]
pub struct FetchXml {
    entity_set: String,
    fetch: Root,
    /// `None` if `top` excludes paging.
    page: Option<u32>,
    cookie: Option<String>,
}

impl FetchXml {
    /// Validates a query and sets it to its first page.
    ///
    /// # Errors
    /// `invalid-request`, with all faults.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if query.entity_set.is_empty() || !query.entity_set.bytes().all(is_name) {
            faults.add("entity-set", "is not the name of an entity set, such as contacts");
        }
        let fetch = faults.keep("fetch", fetch_element(&query.fetch));
        let fetch = fetch.and_then(|fetch| paged(fetch, query.page_size, &mut faults));
        match fetch {
            Some((fetch, page)) if faults.is_empty() => Ok(Self {
                entity_set: query.entity_set.clone(),
                fetch,
                page,
                cookie: None,
            }),
            _ => Err(faults.into_request_error()),
        }
    }

    /// The URL of the page. All of the FetchXML is encoded: its quotes are not OData's and need not be
    /// paired.
    ///
    /// # Errors
    /// `invalid-request` if the URL is too long.
    pub fn uri(&self, environment: &Origin) -> Result<Uri, Error> {
        let (set, fetch) = (&self.entity_set, encode_value(&self.fetch.to_string()));
        url::below(
            environment,
            &format!("{ROOT}{set}?fetchXml={fetch}"),
            url::MAX_URL_IN_BATCH,
        )
        .map_err(|reason| Faults::one("fetch", reason).into_request_error())
    }

    /// The cookie for the page, if the previous page returned one.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Advances to the next page, if the answer says that there is one.
    ///
    /// # Errors
    /// A readable reason why the answer is not valid.
    pub fn advance(&mut self, control: &Control) -> Result<bool, String> {
        let Some(page) = self.page else {
            return Ok(false);
        };
        let paging = Paging::read(control)?;
        if !paging.more_records {
            return Ok(false);
        }
        let page = page.checked_add(1).ok_or("there are too many pages")?;
        self.page = Some(page);
        self.fetch.set("page", &page.to_string());
        // Without a cookie, Dataverse counts pages from the first row ("simple paging").
        self.cookie = paging.cookie;
        match &self.cookie {
            Some(cookie) => self.fetch.set("paging-cookie", cookie),
            None => self.fetch.remove("paging-cookie"),
        }
        Ok(true)
    }
}

fn fetch_element(text: &str) -> Result<Root, String> {
    let root = Root::parse(text)?;
    if root.name() == "fetch" {
        Ok(root)
    } else {
        Err(format!("has the root element {} and not fetch", root.name()))
    }
}

/// The query for its first page, and the number of that page. `top` excludes `page` and `count`.
fn paged(mut fetch: Root, page_size: Option<u32>, faults: &mut Faults) -> Option<(Root, Option<u32>)> {
    if fetch.attribute("top").is_some() {
        if page_size.is_some() {
            faults.add("page-size", "is set, but the query has top, which excludes paging");
        }
        return Some((fetch, None));
    }
    if let Some(size) = page_size {
        let count = size.to_string();
        if !(1..=MAX_PAGE).contains(&size) {
            faults.add("page-size", format!("is {size}: expected 1 to {MAX_PAGE} rows"));
        } else if fetch.attribute("count").is_some_and(|own| own != count) {
            faults.add("page-size", "is set, but the query has its own count");
        }
        fetch.set("count", &count);
    }
    let page = match fetch.attribute("page") {
        None => 1,
        Some(page) => match page.trim().parse() {
            Ok(page) if page > 0 => page,
            _ => {
                faults.add("fetch", "has a page that is not a positive number");
                return None;
            }
        },
    };
    fetch.set("page", &page.to_string());
    Some((fetch, Some(page)))
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    fn query(fetch: &str, page_size: Option<u32>) -> Query {
        Query {
            entity_set: "contacts".to_owned(),
            fetch: fetch.to_owned(),
            page_size,
            headers: Vec::new(),
        }
    }

    fn control(body: &[u8]) -> Control {
        serde_json::from_slice(body).unwrap()
    }

    fn parsed(fetch: &str) -> FetchXml {
        FetchXml::parse(&query(fetch, None)).unwrap()
    }

    fn sent(fetch: &FetchXml) -> String {
        let link = fetch
            .uri(&Origin::parse("https://contoso.example").unwrap())
            .unwrap()
            .to_string();
        let encoded = link
            .strip_prefix("https://contoso.example/api/data/v9.2/contacts?fetchXml=")
            .unwrap();
        assert!(
            encoded
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)),
            "{encoded}"
        );
        percent_decode_str(encoded).decode_utf8().unwrap().into_owned()
    }

    fn faults(query: &Query) -> Vec<(String, String)> {
        match FetchXml::parse(query) {
            Err(Error::InvalidRequest(faults)) => faults.into_iter().map(|fault| (fault.field, fault.reason)).collect(),
            other => panic!("{other:?}"),
        }
    }

    const MORE: &[u8] = br#"{"@Microsoft.Dynamics.CRM.morerecords":true,
        "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie":"<cookie pagenumber=\"2\" pagingcookie=\"%253ccookie%2520page%253d%25221%2522%253e%253clastname%2520last%253d%2522O%2527Brien%2520%2526amp%253b%2520%25c3%2596%252b%2522%2520%252f%253e%253c%252fcookie%253e\" istracking=\"False\" />"}"#;

    #[test]
    fn a_page_is_asked_for_by_number_and_cookie() {
        let mut fetch = parsed("<?xml version='1.0'?>\n<fetch count='3'><entity name='contact'/></fetch>");
        assert_eq!(
            sent(&fetch),
            "<fetch count='3' page=\"1\"><entity name='contact'/></fetch>"
        );
        assert!(fetch.advance(&control(MORE)).unwrap());
        assert_eq!(
            sent(&fetch),
            "<fetch count='3' page=\"2\" paging-cookie=\"&lt;cookie page=&quot;1&quot;&gt;&lt;lastname last=&quot;O'Brien &amp;amp; Ö+&quot; /&gt;\
             &lt;/cookie&gt;\"><entity name='contact'/></fetch>"
        );
        // Another page without a cookie: simple paging.
        assert!(
            fetch
                .advance(&control(br#"{"@Microsoft.Dynamics.CRM.morerecords":"true"}"#))
                .unwrap()
        );
        assert_eq!(
            sent(&fetch),
            "<fetch count='3' page=\"3\"><entity name='contact'/></fetch>"
        );
        assert!(!fetch.advance(&control(br#"{"value":[]}"#)).unwrap());
    }

    #[test]
    fn what_the_query_says_of_pages_is_kept() {
        let mut fetch = parsed("<fetch page = '4' paging-cookie='mine'/>");
        assert_eq!(sent(&fetch), "<fetch paging-cookie='mine' page=\"4\"/>");
        assert!(fetch.advance(&control(MORE)).unwrap());
        assert!(
            sent(&fetch).starts_with("<fetch page=\"5\" paging-cookie=\"&lt;cookie"),
            "{}",
            sent(&fetch)
        );

        let mut top = parsed("<fetch top='3'><entity name='contact'/></fetch>");
        assert_eq!(sent(&top), "<fetch top='3'><entity name='contact'/></fetch>");
        assert!(!top.advance(&control(MORE)).unwrap(), "top excludes paging");
    }

    #[test]
    fn the_page_size_is_the_count() {
        let sized = FetchXml::parse(&query("<fetch/>", Some(50))).unwrap();
        assert_eq!(sent(&sized), "<fetch count=\"50\" page=\"1\"/>");
        assert!(FetchXml::parse(&query("<fetch count='50'/>", Some(50))).is_ok());
        for (fetch, size) in [
            ("<fetch count='5'/>", 50),
            ("<fetch top='5'/>", 50),
            ("<fetch/>", 0),
            ("<fetch/>", 5001),
        ] {
            assert_eq!(faults(&query(fetch, Some(size)))[0].0, "page-size", "{fetch}");
        }
    }

    #[test]
    fn what_is_not_a_query_is_refused() {
        for fetch in [
            "",
            "fetch",
            "<fetch>",
            "<entity/>",
            "<Fetch/>",
            "<fetch page='0'/>",
            "<fetch page='x'/>",
        ] {
            assert_eq!(faults(&query(fetch, None))[0].0, "fetch", "{fetch}");
        }
        for entity_set in ["", "contacts?x", "a/b", "../x", "http://x"] {
            let query = Query {
                entity_set: entity_set.to_owned(),
                ..query("<x/>", None)
            };
            let fields: Vec<_> = faults(&query).into_iter().map(|(field, _)| field).collect();
            assert_eq!(fields, ["entity-set", "fetch"], "{entity_set}");
        }
    }
}
