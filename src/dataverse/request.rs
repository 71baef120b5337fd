//! A request to the Web API: the caller's draft, and the valid request that lacks only the token.

use http::{HeaderMap, HeaderValue, Method, Uri, header};

use super::headers::{self, CLIENT_REQUEST_ID, Headers};
use super::options::{self, Options};
use super::url;
use crate::error::{Asked, Error, Service};
use crate::faults::Faults;
use crate::http::origin::Origin;
use crate::settings::Settings;

/// A caller's request, not validated yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The method.
    pub method: Method,
    /// A path relative to `/api/data/v9.2/`, or a link that Dataverse returned.
    pub path: String,
    /// Headers in addition to those that the Web API expects.
    pub headers: Headers,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The typed options.
    pub options: Options,
}

impl Draft {
    /// A request without headers, body and options.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            options: Options::default(),
        }
    }

    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }
}

/// A valid request that lacks only the token.
#[derive(Clone)]
pub struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    writes: bool,
    client_request_id: String,
    /// Whether the caller chose the id.
    is_callers_id: bool,
}

impl Request {
    /// Validates a caller's request. `client_request_id` is used unless the caller's headers contain one.
    ///
    /// # Errors
    /// `invalid-request`, with all faults.
    pub fn new(settings: &Settings, draft: Draft, client_request_id: String) -> Result<Self, Error> {
        // A long query is sent in a batch.
        let longest = if draft.method == Method::GET {
            url::MAX_URL_IN_BATCH
        } else {
            url::MAX_URL
        };
        Self::check(settings, draft, client_request_id, longest).map_err(Faults::into_request_error)
    }

    /// Validates a request of a batch.
    ///
    /// # Errors
    /// All faults together.
    pub fn in_batch(settings: &Settings, draft: Draft, client_request_id: String) -> Result<Self, Faults> {
        Self::check(settings, draft, client_request_id, url::MAX_URL_IN_BATCH)
    }

    fn check(settings: &Settings, draft: Draft, client_request_id: String, longest: usize) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let uri = faults.keep("path", url::target(&settings.environment, &draft.path, longest));
        if let Err(reason) = check_body(&draft.method, draft.body.as_deref(), settings.max_request_bytes) {
            faults.add("body", reason);
        }
        let mut headers = headers::compose(&draft.headers, &draft.method, draft.body.as_deref(), &mut faults);
        options::apply(&draft.options, &draft.method, &mut headers, &mut faults);
        let callers_id = headers
            .get(CLIENT_REQUEST_ID)
            .and_then(|id| id.to_str().ok().map(str::to_owned));
        match uri {
            Some(uri) if faults.is_empty() => {
                let mut request = Self {
                    writes: draft.method != Method::GET,
                    method: draft.method,
                    uri,
                    headers,
                    body: draft.body,
                    is_callers_id: callers_id.is_some(),
                    client_request_id: callers_id.unwrap_or_default(),
                };
                request.identify(client_request_id);
                Ok(request)
            }
            _ => Err(faults),
        }
    }

    /// The same request for another URL of the environment, with its own id.
    pub fn to(&self, uri: Uri, client_request_id: String) -> Self {
        let mut request = Self { uri, ..self.clone() };
        request.identify(client_request_id);
        request
    }

    /// The same request with changed headers.
    pub fn with_headers(mut self, change: impl FnOnce(&mut HeaderMap)) -> Self {
        change(&mut self.headers);
        self
    }

    /// The same request with a body.
    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.headers
            .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        self.body = Some(body);
        self
    }

    /// The same request, marked as changing data only if `writes`: for a batch this depends on the requests
    /// in it.
    pub fn that_writes(self, writes: bool) -> Self {
        Self { writes, ..self }
    }

    /// Sets the request's id for Dataverse's logs, unless the caller did.
    fn identify(&mut self, id: String) {
        if self.is_callers_id {
            return;
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            self.headers.insert(CLIENT_REQUEST_ID, value);
        }
        self.client_request_id = id;
    }

    /// A description of the request for errors.
    pub fn asked(&self, environment: &Origin) -> Asked {
        Asked {
            service: Service::Dataverse,
            origin: environment.to_string(),
            writes: self.writes,
            client_request_id: self.client_request_id.clone(),
        }
    }

    /// Whether it is idempotent. A `PATCH` with `If-Match: *` writes the same values again; with a version
    /// or `If-None-Match: *`, the second is refused after the first was carried out. Without a condition it
    /// could recreate a row that was deleted in between.
    pub fn is_repeatable(&self) -> bool {
        match self.method {
            Method::PUT | Method::DELETE => true,
            Method::PATCH => {
                // The service may ignore a malformed condition.
                let only = |name| {
                    let mut values = self.headers.get_all(name).iter();
                    values.next().filter(|_| values.next().is_none())?.to_str().ok()
                };
                only(header::IF_MATCH).is_some_and(|value| value == "*" || options::is_etag(value))
                    || only(header::IF_NONE_MATCH) == Some("*")
            }
            _ => !self.writes,
        }
    }

    /// Whether it changes data.
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// Whether its URL is too long for a plain request.
    pub fn is_long(&self) -> bool {
        url::length(&self.uri) > url::MAX_URL
    }

    /// Its id in the service's logs.
    pub fn client_request_id(&self) -> &str {
        &self.client_request_id
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Its URI, always in the environment's origin.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// All headers but `Authorization`.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, if it has one.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }
}

fn check_body(method: &Method, body: Option<&[u8]>, max_bytes: u32) -> Result<(), String> {
    match body {
        Some(_) if *method == Method::GET || *method == Method::DELETE => {
            Err(format!("is set, but {method} has no body"))
        }
        Some(body) if body.len() as u64 > u64::from(max_bytes) => Err(format!(
            "has {} bytes, more than the {max_bytes} that the settings allow",
            body.len()
        )),
        _ => Ok(()),
    }
}
