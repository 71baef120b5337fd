//! The pages of a query, one at a time: by the links that Dataverse gives (Microsoft's page "Page results using OData"), or,
//! for FetchXML, by its paging cookies.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use http::{Method, Uri};

use super::client::Connection;
use super::exchange::Exchange;
use super::fetch_xml::{FetchXml, Query, annotations};
use super::request::{Draft, Request};
use super::url;
use crate::error::Error;
use crate::faults::Faults;
use crate::guid::new_guid;
use crate::host::Host;

/// The pages of a query.
pub(crate) struct Pages {
    connection: Rc<Connection>,
    /// What each page is asked for with, but for the URL. Dataverse does not remember the page size, or anything else.
    request: Request,
    next: Next,
    /// Of all links and cookies so far: their texts may be long, and there may be many.
    seen: BTreeSet<u64>,
    delta_link: Option<String>,
}

/// What the next page is asked for with.
enum Next {
    /// The caller's path or a link of Dataverse's.
    Link(Uri),
    /// A query that knows its page and its cookie.
    Fetch(Box<FetchXml>),
    /// Nothing: the last page has come.
    End,
    /// Nothing: what the service said of the next page cannot be followed.
    Broken(Box<Error>),
}

impl Pages {
    /// Of an OData query.
    ///
    /// # Errors
    /// As `odata-pages` in `wit/dataverse.wit`.
    pub(crate) fn of_request(connection: Rc<Connection>, host: &impl Host, draft: Draft) -> Result<Self, Error> {
        if draft.method != Method::GET {
            let mut faults = Faults::one("method", "is not get, and only that has pages");
            if draft.body.is_some() {
                faults.add("body", "is set, but GET has no body");
            }
            return Err(faults.into_request_error());
        }
        let request = connection.check(host, draft)?;
        let first = request.uri().clone();
        let mut pages = Self::new(connection, request, Next::Link(first.clone()));
        // Should the service's link lead back to where it began.
        pages.is_new(&first.to_string());
        Ok(pages)
    }

    /// Of a FetchXML query.
    ///
    /// # Errors
    /// As `fetch-xml` in `wit/dataverse.wit`.
    pub(crate) fn of_fetch(connection: Rc<Connection>, host: &impl Host, query: Query) -> Result<Self, Error> {
        let fetch = FetchXml::parse(&query)?;
        let draft = Draft {
            headers: query.headers,
            ..Draft::get(query.entity_set)
        };
        let request = connection.check(host, draft)?.with_headers(annotations::ask_for_paging);
        Ok(Self::new(connection, request, Next::Fetch(Box::new(fetch))))
    }

    fn new(connection: Rc<Connection>, request: Request, next: Next) -> Self {
        Self {
            connection,
            request,
            next,
            seen: BTreeSet::new(),
            delta_link: None,
        }
    }

    /// The next page. What it was asked for with is kept until it has come.
    ///
    /// # Errors
    /// As `pages.next` in `wit/dataverse.wit`.
    pub(crate) async fn next(&mut self, host: &impl Host) -> Result<Option<Exchange>, Error> {
        let uri = match &self.next {
            Next::Link(link) => link.clone(),
            Next::Fetch(fetch) => fetch.uri(self.connection.environment())?,
            Next::End => return Ok(None),
            Next::Broken(error) => return Err(Error::clone(error)),
        };
        let request = self.request.to(uri, new_guid(host));
        let page = self.connection.exchange(host, &request).await?;
        if !page.control.is_page() {
            let reason = "it is not a page: expected a JSON object with the rows in value";
            return Err(page.unusable(reason));
        }
        self.next = self.after(&page);
        self.delta_link.clone_from(&page.control.delta_link);
        Ok(Some(page))
    }

    /// Where it goes.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Where later changes are, once the last page has come and told.
    pub(crate) fn delta_link(&self) -> Option<String> {
        self.delta_link.clone()
    }

    fn after(&mut self, page: &Exchange) -> Next {
        let broken = |reason: String| Next::Broken(Box::new(page.unusable(reason)));
        if let Next::Fetch(fetch) = &self.next {
            let mut fetch = fetch.clone();
            match fetch.advance(&page.control) {
                Ok(true) if fetch.cookie().is_none_or(|cookie| self.is_new(cookie)) => return Next::Fetch(fetch),
                Ok(true) => return broken("the paging cookie is one that an earlier page had".to_owned()),
                Ok(false) => {}
                Err(reason) => return broken(reason),
            }
        }
        let Some(link) = &page.control.next_link else {
            return Next::End;
        };
        match url::link(self.connection.environment(), link) {
            Err(reason) => broken(format!("the link to the next page {reason}")),
            Ok(_) if !self.is_new(link) => {
                broken("the link to the next page is one that an earlier page had".to_owned())
            }
            Ok(uri) => Next::Link(uri),
        }
    }

    fn is_new(&mut self, text: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        self.seen.insert(hasher.finish())
    }
}
