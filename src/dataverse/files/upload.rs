//! A file that is written in chunks, each with its own request.

use std::rc::Rc;

use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::{CHUNK, VALUE, check_column};
use crate::dataverse::client::Connection;
use crate::dataverse::exchange::Exchange;
use crate::dataverse::headers::{self, Headers};
use crate::dataverse::request::{Draft, Request};
use crate::dataverse::url;
use crate::error::Error;
use crate::faults::Faults;
use crate::guid::new_guid;
use crate::host::Host;
use crate::http::origin::Origin;

/// Which file to write.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The path of a row's column.
    pub path: String,
    /// The file's name.
    pub name: String,
    /// The file's size in bytes.
    pub size: u64,
    /// Headers in addition to those that the Web API expects.
    pub headers: Headers,
}

/// The maximum chunk. Dataverse may recommend larger ones, but memory must be bounded.
const LARGEST_CHUNK: u32 = 16 << 20;

/// The first field of a state.
const STATE: &str = "dynamics365-upload-1";

/// Headers that the upload sets itself.
const OURS: [&str; 4] = ["content-range", "content-type", "x-ms-file-name", "x-ms-transfer-mode"];

/// An upload in progress.
pub struct Upload {
    connection: Rc<Connection>,
    /// The request for each chunk, except its URL and its bytes.
    request: Request,
    session: Session,
    /// Buffered bytes of a chunk that is not complete yet.
    held: Vec<u8>,
    finished: bool,
}

/// The state that another instance needs to continue.
struct Session {
    /// The URL for the chunks, or for the single request that writes an empty file.
    location: Uri,
    name: String,
    size: u64,
    chunk: u32,
    /// The number of bytes that Dataverse has received.
    sent: u64,
}

impl Upload {
    /// Begins an upload. An empty file has no chunks: it is written with a single request by `finish`.
    ///
    /// # Errors
    /// As `upload-file` in `wit/dataverse.wit`.
    pub async fn begin(connection: Rc<Connection>, host: &impl Host, plan: Plan) -> Result<Self, Error> {
        let mut faults = Faults::default();
        headers::refuse(&plan.headers, &OURS, &mut faults);
        if let Err(reason) = check_name(&plan.name) {
            faults.add("name", reason);
        }
        let location = match column(connection.environment(), &plan.path) {
            Ok(column) => faults.keep("name", with_name(connection.environment(), &column, &plan.name)),
            Err(reason) => faults.keep("path", Err(reason)),
        };
        let Some(location) = location.filter(|_| faults.is_empty()) else {
            return Err(faults.into_request_error());
        };
        let session = Session {
            location,
            name: plan.name,
            size: plan.size,
            chunk: CHUNK.min(connection.max_request_bytes()),
            sent: 0,
        };
        let mut upload = Self::new(connection, host, plan.headers, session)?;
        if upload.session.size > 0 {
            upload.open(host).await?;
        }
        Ok(upload)
    }

    /// Continues an upload.
    ///
    /// # Errors
    /// As `resume-upload` in `wit/dataverse.wit`.
    pub fn resume(connection: Rc<Connection>, host: &impl Host, state: &str, headers: Headers) -> Result<Self, Error> {
        let mut faults = Faults::default();
        headers::refuse(&headers, &OURS, &mut faults);
        match faults.keep("state", Session::parse(state, &connection)) {
            Some(session) if faults.is_empty() => Self::new(connection, host, headers, session),
            _ => Err(faults.into_request_error()),
        }
    }

    fn new(connection: Rc<Connection>, host: &impl Host, headers: Headers, session: Session) -> Result<Self, Error> {
        let draft = Draft {
            headers,
            ..Draft::new(Method::PATCH, "")
        };
        Ok(Self {
            request: connection.check(host, draft)?,
            connection,
            session,
            held: Vec::new(),
            finished: false,
        })
    }

    /// The connection that it uses.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The size of the chunks, in bytes.
    pub fn chunk_size(&self) -> u32 {
        self.session.chunk
    }

    /// The offset of the next bytes.
    pub fn position(&self) -> u64 {
        self.session.sent.saturating_add(self.held.len() as u64)
    }

    /// The state from which `resume` continues.
    pub fn state(&self) -> String {
        let Session {
            location,
            name,
            size,
            chunk,
            sent,
        } = &self.session;
        format!("{STATE} {sent} {size} {chunk} {location} {name}")
    }

    /// Appends bytes and sends each complete chunk except the last one.
    ///
    /// # Errors
    /// As `upload.write` in `wit/dataverse.wit`.
    pub async fn write(&mut self, host: &impl Host, bytes: Vec<u8>) -> Result<(), Error> {
        let left = self.session.size.saturating_sub(self.position());
        if bytes.len() as u64 > left {
            return Err(invalid(
                "bytes",
                format!(
                    "are {} more than the file's size: it has {} bytes, of which {left} remain",
                    (bytes.len() as u64).saturating_sub(left),
                    self.session.size
                ),
            ));
        }
        let chunk = usize::try_from(self.session.chunk).unwrap_or(usize::MAX);
        let mut rest = bytes.as_slice();
        loop {
            let (now, later) = rest.split_at(rest.len().min(chunk.saturating_sub(self.held.len())));
            let is_full = self.held.len().saturating_add(now.len()) >= chunk;
            let is_last = later.is_empty() && bytes.len() as u64 == left;
            if !is_full || is_last {
                if self.held.is_empty() {
                    self.held
                        .reserve_exact(chunk.min(usize::try_from(left).unwrap_or(chunk)));
                }
                self.held.extend_from_slice(now);
                return Ok(());
            }
            self.send([self.held.as_slice(), now].concat(), false, host).await?;
            self.held.clear();
            rest = later;
        }
    }

    /// Sends the last chunk.
    ///
    /// # Errors
    /// As `upload.finish` in `wit/dataverse.wit`.
    pub async fn finish(&mut self, host: &impl Host) -> Result<(), Error> {
        if self.finished {
            return Ok(());
        }
        if self.position() < self.session.size {
            let reason = format!("is {}, but {} bytes were written", self.session.size, self.position());
            return Err(invalid("size", reason));
        }
        self.send(self.held.clone(), true, host).await?;
        self.held = Vec::new();
        self.finished = true;
        Ok(())
    }

    /// Requests the URL and the size of the chunks.
    async fn open(&mut self, host: &impl Host) -> Result<(), Error> {
        let request = self.request.to(self.session.location.clone(), new_guid(host));
        let request = request.with_headers(|headers| {
            headers.insert("x-ms-transfer-mode", HeaderValue::from_static("chunked"));
        });
        let exchange = self.connection.exchange(host, &request).await?;
        let Some(location) = exchange.header("location") else {
            return Err(exchange.unusable("the answer does not contain a URL for the chunks of the file"));
        };
        self.session.location = url::link(self.connection.environment(), location)
            .map_err(|reason| exchange.unusable(format!("the URL for the chunks of the file {reason}")))?;
        self.session.chunk = chunk_size(&exchange, self.connection.max_request_bytes());
        Ok(())
    }

    /// Sends the next bytes. `Content-Range` identifies them, so a chunk that is sent again is the same
    /// request.
    async fn send(&mut self, bytes: Vec<u8>, is_last: bool, host: &impl Host) -> Result<(), Error> {
        let Session { sent, size, name, .. } = &self.session;
        let end = sent.saturating_add(bytes.len() as u64);
        let range = end.checked_sub(1).map(|last| format!("bytes {sent}-{last}/{size}"));
        let request = self.request.to(self.session.location.clone(), new_guid(host));
        let request = request.with_body(bytes).with_headers(|headers| {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            );
            let Some(range) = range.and_then(|range| HeaderValue::try_from(range).ok()) else {
                return;
            };
            headers.insert(header::CONTENT_RANGE, range);
            // The header cannot contain other names; those are only in the URL that began the upload.
            let name = HeaderValue::from_str(name).ok().filter(|_| name.is_ascii());
            headers.extend(name.map(|name| (HeaderName::from_static("x-ms-file-name"), name)));
        });
        let exchange = self.connection.exchange(host, &request).await?;
        check_status(&exchange, is_last)?;
        self.session.sent = end;
        Ok(())
    }
}

impl Session {
    /// Parses a state that the caller stored. It is not trusted, as others may have been able to change it.
    fn parse(state: &str, connection: &Connection) -> Result<Self, String> {
        let malformed = "is not the state of an upload";
        let session = Self::split(state, connection.environment()).ok_or(malformed)??;
        let fits = check_name(&session.name).is_ok()
            && (1..=LARGEST_CHUNK).contains(&session.chunk)
            && (session.sent < session.size || (session.size == 0 && session.sent == 0))
            && session.sent.is_multiple_of(u64::from(session.chunk));
        if !fits {
            return Err(malformed.to_owned());
        }
        let longest = connection.max_request_bytes();
        if session.chunk > longest {
            let chunk = session.chunk;
            return Err(format!(
                "has chunks of {chunk} bytes, more than the {longest} that the settings allow for a request"
            ));
        }
        Ok(session)
    }

    /// Splits a state into its fields. Only the name, the last one, may contain spaces.
    fn split(state: &str, environment: &Origin) -> Option<Result<Self, String>> {
        let mut words = state.strip_prefix(STATE)?.strip_prefix(' ')?.splitn(5, ' ');
        let (sent, size, chunk) = (
            words.next()?.parse().ok()?,
            words.next()?.parse().ok()?,
            words.next()?.parse().ok()?,
        );
        let location = url::link(environment, words.next()?).map_err(|reason| format!("has a URL that {reason}"));
        let name = words.next()?.to_owned();
        Some(location.map(|location| Self {
            location,
            name,
            size,
            chunk,
            sent,
        }))
    }
}

/// Expects 206 for each chunk but the last, and 204 for the last. Any other status means that the two sides
/// disagree on the offset.
fn check_status(exchange: &Exchange, is_last: bool) -> Result<(), Error> {
    match (exchange.status, is_last) {
        (StatusCode::PARTIAL_CONTENT, false) | (StatusCode::NO_CONTENT, true) => Ok(()),
        (status, true) => Err(exchange.unusable(format!(
            "unexpected status {} for the last chunk of the file",
            status.as_u16()
        ))),
        (status, false) => Err(exchange.unusable(format!(
            "unexpected status {} for a chunk that is not the last",
            status.as_u16()
        ))),
    }
}

fn column(environment: &Origin, path: &str) -> Result<Uri, String> {
    let column = url::target(environment, path, url::MAX_URL)?;
    check_column(&column)?;
    if column.query().is_some() || column.path().ends_with(VALUE) {
        return Err("has a query or ends with /$value: expected only a column of a row".to_owned());
    }
    Ok(column)
}

/// The URL that begins an upload. The name is in the query, not in a header, because a header is limited to
/// ASCII.
fn with_name(environment: &Origin, column: &Uri, name: &str) -> Result<Uri, String> {
    let target = format!("{}?x-ms-file-name={}", column.path(), url::encode_value(name));
    url::below(environment, &target, url::MAX_URL)
}

fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("contains a line break or another control character".to_owned());
    }
    Ok(())
}

/// The chunk size that Dataverse recommends.
fn chunk_size(exchange: &Exchange, max_request_bytes: u32) -> u32 {
    let asked = exchange
        .header("x-ms-chunk-size")
        .and_then(|size| size.trim().parse::<u64>().ok());
    let size = asked.filter(|size| *size > 0).unwrap_or(CHUNK.into());
    u32::try_from(size)
        .unwrap_or(u32::MAX)
        .min(LARGEST_CHUNK)
        .min(max_request_bytes)
}

fn invalid(field: &str, reason: String) -> Error {
    Faults::one(field, reason).into_request_error()
}
