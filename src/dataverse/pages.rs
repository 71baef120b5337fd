//! The pages of a query, one at a time: by the links that Dataverse gives (Microsoft's page "Page results using OData"), or,
//! for FetchXML, by its paging cookies.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use crate::contract::types::{Error, FetchQuery, Method, Request, Response};
use crate::dataverse::client::Connection;
use crate::dataverse::exchange::{Answered, ask, get};
use crate::dataverse::fetch_xml::{FetchXml, annotations};
use crate::dataverse::url;
use crate::error::Faults;
use crate::host::Host;

/// The pages of a query.
pub struct Pages {
    connection: Rc<Connection>,
    /// All but the path, which is each page's own. Dataverse does not remember the page size, or anything else.
    request: Request,
    next: Next,
    /// Of all links and cookies so far: their texts may be long, and there may be many.
    seen: BTreeSet<u64>,
    delta_link: Option<String>,
}

/// What the next page is asked for with.
enum Next {
    /// A path of the caller's or a link of Dataverse's.
    Link(String),
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
    pub fn of_request(connection: Rc<Connection>, mut request: Request) -> Result<Self, Error> {
        let mut faults = Faults::default();
        if request.method != Method::Get {
            faults.add("method", "is not get, and only that has pages");
        }
        if request.body.is_some() {
            faults.add("body", "is set, but GET carries none");
        }
        if !faults.is_empty() {
            return Err(faults.into_request_error());
        }
        // As the service would write it, should its link lead back to where it began.
        let first =
            url::target(connection.environment(), &request.path, url::MAX_URL_IN_BATCH).map(|uri| uri.to_string());
        let next = Next::Link(std::mem::take(&mut request.path));
        let mut pages = Self::new(connection, request, next);
        if let Ok(first) = first {
            pages.is_new(&first);
        }
        Ok(pages)
    }

    /// Of a FetchXML query.
    ///
    /// # Errors
    /// As `fetch-xml` in `wit/dataverse.wit`.
    pub fn of_fetch(connection: Rc<Connection>, mut query: FetchQuery) -> Result<Self, Error> {
        let mut headers = std::mem::take(&mut query.headers);
        annotations::ask_for_paging(&mut headers);
        let fetch = FetchXml::parse(&query)?;
        let request = get(String::new(), headers);
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
    pub async fn next(&mut self, host: &impl Host) -> Result<Option<Response>, Error> {
        let path = match &self.next {
            Next::Link(link) => link.clone(),
            Next::Fetch(fetch) => fetch.link(self.connection.environment()),
            Next::End => return Ok(None),
            Next::Broken(error) => return Err(Error::clone(error)),
        };
        let request = Request {
            path,
            ..self.request.clone()
        };
        let sent = ask(&self.connection, host, request).await;
        let (page, answered) = sent.map_err(|error| self.in_the_callers_words(error))?;
        self.next = self.after(&page, &answered);
        self.delta_link.clone_from(&page.delta_link);
        Ok(Some(page))
    }

    /// Where later changes are, once the last page has come and told.
    pub fn delta_link(&self) -> Option<String> {
        self.delta_link.clone()
    }

    fn after(&mut self, page: &Response, answered: &Answered) -> Next {
        let broken = |reason: String| Next::Broken(Box::new(answered.unusable(reason)));
        if let Next::Fetch(fetch) = &self.next {
            let mut fetch = fetch.clone();
            match fetch.advance(&page.body) {
                Ok(true) if fetch.cookie().is_none_or(|cookie| self.is_new(cookie)) => return Next::Fetch(fetch),
                Ok(true) => return broken("the paging cookie is one that an earlier page had".to_owned()),
                Ok(false) => {}
                Err(reason) => return broken(reason),
            }
        }
        let Some(link) = &page.next_link else {
            return Next::End;
        };
        if let Err(reason) = url::check_link(self.connection.environment(), link) {
            return broken(format!("the link to the next page {reason}"));
        }
        if self.is_new(link) {
            Next::Link(link.clone())
        } else {
            broken("the link to the next page is one that an earlier page had".to_owned())
        }
    }

    fn is_new(&mut self, text: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        self.seen.insert(hasher.finish())
    }

    /// A query has no `path`: what is wrong with one made of it is wrong with the query.
    fn in_the_callers_words(&self, error: Error) -> Error {
        match (error, &self.next) {
            (Error::InvalidRequest(mut faults), Next::Fetch(_)) => {
                for fault in faults.iter_mut().filter(|fault| fault.field == "path") {
                    "fetch".clone_into(&mut fault.field);
                }
                Error::InvalidRequest(faults)
            }
            (error, _) => error,
        }
    }
}
