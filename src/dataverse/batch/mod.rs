//! `$batch`: several requests in one, as multipart text both ways (OData Protocol 4.0, 11.7; Microsoft's page "Execute batch
//! operations using the Web API"). Here is what goes out and what comes of it; how the texts are written and read is below.

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

/// Microsoft's page "Execute batch operations using the Web API".
const MAX_REQUESTS: usize = 1000;

/// One step of a batch, of whatever there is for each request.
#[derive(Debug)]
pub enum Item<T> {
    /// A request of its own.
    Request(T),
    /// Requests that are carried out all or none.
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

/// A request of a batch as a caller gives it.
#[derive(Clone, Debug)]
pub struct DraftPart {
    /// The request.
    pub request: Draft,
    /// The name that later requests of the same change set refer to it by.
    pub content_id: Option<String>,
}

/// A batch that has been checked and written, and lacks only the token.
pub struct Batch {
    request: Request,
    items: Vec<Item<Sent>>,
    continue_on_error: bool,
}

/// What has to be known of a request to read its answer.
struct Sent {
    uri: Uri,
    writes: bool,
    client_request_id: String,
    content_id: Option<String>,
}

impl Batch {
    /// Checks a caller's batch and writes it.
    ///
    /// # Errors
    /// `invalid-request`, with every fault at once.
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

    /// A batch of one, for a query with a URL that is too long for a request of its own.
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
                "have {length} bytes together, more than the {max_bytes} that the settings allow for a request"
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

    /// The request that carries all others.
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
