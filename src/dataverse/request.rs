//! A request to the Web API: checked, and lacking only the token.

use http::{HeaderMap, Method, Uri, header};

use super::{headers, options, url};
use crate::contract::types::{self, Error, Service};
use crate::error::{Asked, Faults};
use crate::settings::Settings;

impl types::Request {
    /// Without headers, body and options.
    pub fn new(method: types::Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            options: None,
        }
    }
}

/// A request that has been checked and lacks only the token.
pub struct Prepared {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    client_request_id: String,
    writes: bool,
}

impl Prepared {
    /// Checks a caller's request. `client_request_id` is used unless the caller's headers bring one.
    ///
    /// # Errors
    /// `invalid-request`, with every fault at once.
    pub fn new(settings: &Settings, request: types::Request, client_request_id: String) -> Result<Self, Error> {
        // A long query travels in a batch.
        let longest = match request.method {
            types::Method::Get => url::MAX_URL_IN_BATCH,
            _ => url::MAX_URL,
        };
        Self::check(settings, request, client_request_id, longest)
    }

    /// Checks a request of a batch.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn in_batch(settings: &Settings, request: types::Request, client_request_id: String) -> Result<Self, Error> {
        Self::check(settings, request, client_request_id, url::MAX_URL_IN_BATCH)
    }

    fn check(
        settings: &Settings,
        request: types::Request,
        client_request_id: String,
        longest: usize,
    ) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let uri = faults.keep("path", url::target(&settings.environment, &request.path, longest));
        let method = method(request.method);
        if let Err(reason) = check_body(&method, request.body.as_deref(), settings.max_request_bytes) {
            faults.add("body", reason);
        }
        let mut headers = headers::compose(
            &request.headers,
            &method,
            request.body.as_deref(),
            &client_request_id,
            &mut faults,
        );
        if let Some(options) = &request.options {
            options::apply(options, &method, &mut headers, &mut faults);
        }
        match uri {
            Some(uri) if faults.is_empty() => {
                let client_request_id = headers
                    .get(headers::CLIENT_REQUEST_ID)
                    .and_then(|id| id.to_str().ok())
                    .map_or(client_request_id, str::to_owned);
                Ok(Self {
                    writes: method != Method::GET,
                    method,
                    uri,
                    headers,
                    body: request.body,
                    client_request_id,
                })
            }
            _ => Err(faults.into_request_error()),
        }
    }

    /// The same, but changing data only if `writes`: a `POST` that carries other requests is what they are.
    pub fn that_writes(self, writes: bool) -> Self {
        Self { writes, ..self }
    }

    /// What it is, for the error that tells of its failure. `origin` is the environment's.
    pub fn asked<'a>(&'a self, origin: &'a str) -> Asked<'a> {
        Asked {
            service: Service::Dataverse,
            origin,
            writes: self.writes,
            client_request_id: &self.client_request_id,
        }
    }

    /// Whether it changes no more when it is sent twice. A `PATCH` under `If-Match: *` writes the same again; under a version or
    /// `If-None-Match: *` the second is refused once the first was carried out. Without a condition it could create anew what
    /// was deleted in between.
    pub fn is_repeatable(&self) -> bool {
        match self.method {
            Method::PUT | Method::DELETE => true,
            Method::PATCH => {
                // What is no condition may be passed over by the service.
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

    /// Whether it changes data, if the service carries it out.
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// Whether its URL is too long for a request of its own.
    pub fn is_long(&self) -> bool {
        self.uri.to_string().len() > url::MAX_URL
    }

    /// What the service's logs know it by.
    pub fn client_request_id(&self) -> &str {
        &self.client_request_id
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where it goes: always to the environment's origin.
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

fn method(method: types::Method) -> Method {
    match method {
        types::Method::Get => Method::GET,
        types::Method::Post => Method::POST,
        types::Method::Patch => Method::PATCH,
        types::Method::Put => Method::PUT,
        types::Method::Delete => Method::DELETE,
    }
}

fn check_body(method: &Method, body: Option<&[u8]>, max_bytes: u32) -> Result<(), String> {
    match body {
        Some(_) if *method == Method::GET || *method == Method::DELETE => {
            Err(format!("is set, but {method} carries none"))
        }
        Some(body) if body.len() as u64 > u64::from(max_bytes) => Err(format!(
            "has {} bytes, more than the {max_bytes} that the settings allow",
            body.len()
        )),
        _ => Ok(()),
    }
}
