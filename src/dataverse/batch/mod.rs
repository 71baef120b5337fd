//! `$batch`: several requests in one, with multipart request and response bodies (OData Protocol 4.0, 11.7;
//! docs/facts/dataverse.md, 1.7). This module has the requests and their results; the submodules format and
//! parse the text.

mod check;
mod compose;
pub(crate) mod reader;
mod references;
mod results;

pub use results::PartResult;

use http::{Method, Uri};

use super::request::{Draft, Request};
use crate::error::Error;
use crate::faults::Faults;
use crate::guid::new_guid;
use crate::host::Host;
use crate::settings::Settings;

/// docs/facts/dataverse.md, 1.7.
const MAX_REQUESTS: usize = 1000;

/// One item of a batch, generic over the representation of a request.
#[derive(Debug)]
pub enum Item<T> {
    /// A single request.
    Request(T),
    /// Requests that succeed or fail together.
    ChangeSet(Vec<T>),
}

impl<T> Item<T> {
    fn all(&self) -> &[T] {
        match self {
            Self::Request(request) => std::slice::from_ref(request),
            Self::ChangeSet(set) => set,
        }
    }
}

/// A caller's request of a batch, not validated yet.
#[derive(Clone, Debug)]
pub struct DraftPart {
    /// The request.
    pub request: Draft,
    /// The Content-ID by which later requests of the same change set refer to it.
    pub content_id: Option<String>,
}

/// A valid, formatted batch that lacks only the token.
pub struct Batch {
    request: Request,
    items: Vec<Item<Sent>>,
    continue_on_error: bool,
}

/// What must be known about a request to interpret its answer.
struct Sent {
    uri: Uri,
    writes: bool,
    client_request_id: String,
    content_id: Option<String>,
}

impl Batch {
    /// Validates and formats a caller's batch.
    ///
    /// # Errors
    /// `invalid-request`, with all faults.
    pub fn new(
        host: &impl Host,
        settings: &Settings,
        items: Vec<Item<DraftPart>>,
        continue_on_error: bool,
    ) -> Result<Self, Error> {
        let client_request_id = new_guid(host);
        let items = check::check(settings, items, &client_request_id).map_err(Faults::into_request_error)?;
        Self::write(host, settings, items, continue_on_error, client_request_id)
    }

    /// A batch of one request, for a query whose URL is too long for a plain request.
    ///
    /// # Errors
    /// As [`Batch::new`].
    pub fn of_one(host: &impl Host, settings: &Settings, request: Request) -> Result<Self, Error> {
        let client_request_id = request.client_request_id().to_owned();
        let items = vec![Item::Request(check::Checked {
            request,
            content_id: None,
        })];
        Self::write(host, settings, items, false, client_request_id)
    }

    fn write(
        host: &impl Host,
        settings: &Settings,
        items: Vec<Item<check::Checked>>,
        continue_on_error: bool,
        client_request_id: String,
    ) -> Result<Self, Error> {
        let text = compose::compose(new_guid(host), &items, &client_request_id);
        let items: Vec<_> = items.into_iter().map(Item::from).collect();
        let writes = items.iter().flat_map(Item::all).any(|sent: &Sent| sent.writes);
        let mut headers = vec![("Content-Type".to_owned(), text.content_type)];
        if continue_on_error {
            headers.push(("Prefer".to_owned(), "odata.continue-on-error".to_owned()));
        }
        let max_bytes = settings.max_request_bytes;
        if text.body.len() as u64 > u64::from(max_bytes) {
            let length = text.body.len();
            let reason = format!(
                "have {length} bytes in total, more than the {max_bytes} that the settings allow for a request"
            );
            return Err(Faults::one("items", reason).into_request_error());
        }
        let draft = Draft {
            headers,
            body: Some(text.body),
            ..Draft::new(Method::POST, "$batch")
        };
        Ok(Self {
            request: Request::new(settings, draft, client_request_id)?.that_writes(writes),
            items,
            continue_on_error,
        })
    }

    /// The request that contains all others.
    pub fn request(&self) -> &Request {
        &self.request
    }
}

impl From<Item<check::Checked>> for Item<Sent> {
    fn from(item: Item<check::Checked>) -> Self {
        match item {
            Item::Request(request) => Self::Request(request.into()),
            Item::ChangeSet(set) => Self::ChangeSet(set.into_iter().map(Sent::from).collect()),
        }
    }
}

impl From<check::Checked> for Sent {
    fn from(checked: check::Checked) -> Self {
        Self {
            uri: checked.request.uri().clone(),
            writes: checked.request.writes(),
            client_request_id: checked.request.client_request_id().to_owned(),
            content_id: checked.content_id,
        }
    }
}

#[cfg(test)]
mod tests;
