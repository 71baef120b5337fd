//! A file that is written in chunks, each with a request of its own.

use std::rc::Rc;

use http::StatusCode;

use super::{CHUNK, VALUE, column};
use crate::contract::types::{Error, Response, UploadRequest};
use crate::dataverse::client::Connection;
use crate::dataverse::exchange::{Answered, Headers, ask, header, patch, refuse_headers};
use crate::dataverse::url;
use crate::error::Faults;
use crate::host::Host;

/// Dataverse may ask for larger chunks; memory is bounded all the same.
const LARGEST_CHUNK: u32 = 16 << 20;

/// What a state begins with.
const STATE: &str = "dynamics365-upload-1";

/// Set by the upload itself.
const OURS: [&str; 4] = ["content-range", "content-type", "x-ms-file-name", "x-ms-transfer-mode"];

/// A file that is being written.
pub struct Upload {
    connection: Rc<Connection>,
    headers: Headers,
    session: Session,
    /// What was written and waits for its chunk to be full, or to be the last one.
    held: Vec<u8>,
    finished: bool,
}

/// What another instance needs to go on.
struct Session {
    /// The URL for the chunks, or, of an empty file, for the one request that writes it.
    location: String,
    name: String,
    size: u64,
    chunk: u32,
    /// The bytes that Dataverse has.
    sent: u64,
}

impl Upload {
    /// Begins an upload. A file of no bytes has no chunks: it is begun and written at once when it is finished.
    ///
    /// # Errors
    /// As `upload-file` in `wit/dataverse.wit`.
    pub async fn begin(connection: Rc<Connection>, host: &impl Host, request: UploadRequest) -> Result<Self, Error> {
        let mut faults = Faults::default();
        refuse_headers(&request.headers, &OURS, &mut faults);
        if let Err(reason) = check_name(&request.name) {
            faults.add("name", reason);
        }
        let link = faults.keep("path", link(&connection, &request.path, &request.name));
        if let Some(link) = link.as_ref().filter(|link| link.len() > url::MAX_URL) {
            let length = link.len();
            let longest = url::MAX_URL;
            faults.add(
                "name",
                format!("is too long: the URL has {length} characters with it, and Dataverse takes {longest}"),
            );
        }
        let Some(link) = link.filter(|_| faults.is_empty()) else {
            return Err(faults.into_request_error());
        };
        let session = Session {
            location: link,
            name: request.name,
            size: request.size,
            chunk: CHUNK.min(connection.max_request_bytes()),
            sent: 0,
        };
        let mut upload = Self::new(connection, request.headers, session);
        if upload.session.size > 0 {
            upload.open(host).await?;
        }
        Ok(upload)
    }

    /// Goes on with an upload.
    ///
    /// # Errors
    /// As `resume-upload` in `wit/dataverse.wit`.
    pub fn resume(connection: Rc<Connection>, state: &str, headers: Headers) -> Result<Self, Error> {
        let mut faults = Faults::default();
        refuse_headers(&headers, &OURS, &mut faults);
        match faults.keep("state", Session::parse(state, &connection)) {
            Some(session) if faults.is_empty() => Ok(Self::new(connection, headers, session)),
            _ => Err(faults.into_request_error()),
        }
    }

    fn new(connection: Rc<Connection>, headers: Headers, session: Session) -> Self {
        Self {
            connection,
            headers,
            session,
            held: Vec::new(),
            finished: false,
        }
    }

    /// The size of the chunks.
    pub fn chunk_size(&self) -> u32 {
        self.session.chunk
    }

    /// Where the next bytes belong.
    pub fn position(&self) -> u64 {
        self.session.sent.saturating_add(self.held.len() as u64)
    }

    /// What `resume` goes on from.
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

    /// Takes the next bytes, and sends each chunk that is full and not the last one.
    ///
    /// # Errors
    /// As `upload.write` in `wit/dataverse.wit`.
    pub async fn write(&mut self, host: &impl Host, bytes: Vec<u8>) -> Result<(), Error> {
        let left = self.session.size.saturating_sub(self.position());
        if bytes.len() as u64 > left {
            return Err(invalid(
                "bytes",
                format!(
                    "are {} more than the file's size: {} bytes in all, of which {left} are left",
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
            let reason = format!("is {}, and {} bytes were written", self.session.size, self.position());
            return Err(invalid("size", reason));
        }
        self.send(self.held.clone(), true, host).await?;
        self.held = Vec::new();
        self.finished = true;
        Ok(())
    }

    /// Asks for the URL and the size of the chunks.
    async fn open(&mut self, host: &impl Host) -> Result<(), Error> {
        let mut headers = self.headers.clone();
        headers.push(("x-ms-transfer-mode".to_owned(), "chunked".to_owned()));
        let request = patch(self.session.location.clone(), headers, None);
        let (response, answered) = ask(&self.connection, host, request).await?;
        let Some(location) = header(&response, "location") else {
            return Err(answered.unusable("the answer names no URL for the chunks of the file"));
        };
        if let Err(reason) = url::check_link(self.connection.environment(), location) {
            return Err(answered.unusable(format!("the URL for the chunks of the file {reason}")));
        }
        location.clone_into(&mut self.session.location);
        self.session.chunk = chunk_size(&response, self.connection.max_request_bytes());
        Ok(())
    }

    /// Sends what follows the bytes that Dataverse has. `Content-Range` says which ones they are, so that a chunk which is sent
    /// again is no other.
    async fn send(&mut self, bytes: Vec<u8>, is_last: bool, host: &impl Host) -> Result<(), Error> {
        let Session { sent, size, name, .. } = &self.session;
        let end = sent.saturating_add(bytes.len() as u64);
        let mut headers = self.headers.clone();
        headers.push(("Content-Type".to_owned(), "application/octet-stream".to_owned()));
        if let Some(last) = end.checked_sub(1) {
            headers.push(("Content-Range".to_owned(), format!("bytes {sent}-{last}/{size}")));
            // The header cannot hold other names; for them there is the one in the URL that began the upload.
            if name.is_ascii() {
                headers.push(("x-ms-file-name".to_owned(), name.clone()));
            }
        }
        let request = patch(self.session.location.clone(), headers, Some(bytes));
        let (_, answered) = ask(&self.connection, host, request).await?;
        check_status(&answered, is_last)?;
        self.session.sent = end;
        Ok(())
    }
}

impl Session {
    /// Reads what a caller kept, who may have kept it where others can write.
    fn parse(state: &str, connection: &Connection) -> Result<Self, String> {
        let none = "is not the state of an upload";
        let session = Self::split(state).ok_or(none)?;
        url::check_link(connection.environment(), &session.location)
            .map_err(|reason| format!("has a URL that {reason}"))?;
        let fits = check_name(&session.name).is_ok()
            && (1..=LARGEST_CHUNK).contains(&session.chunk)
            && (session.sent < session.size || (session.size == 0 && session.sent == 0))
            && session.sent.is_multiple_of(u64::from(session.chunk));
        if !fits {
            return Err(none.to_owned());
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

    /// Its words, of which only the name, the last one, may hold spaces.
    fn split(state: &str) -> Option<Self> {
        let mut words = state.strip_prefix(STATE)?.strip_prefix(' ')?.splitn(5, ' ');
        Some(Self {
            sent: words.next()?.parse().ok()?,
            size: words.next()?.parse().ok()?,
            chunk: words.next()?.parse().ok()?,
            location: words.next()?.to_owned(),
            name: words.next()?.to_owned(),
        })
    }
}

/// 206 as long as more is to come, 204 at the end. Anything else means that the two sides count differently.
fn check_status(answered: &Answered, is_last: bool) -> Result<(), Error> {
    match (answered.status(), is_last) {
        (StatusCode::PARTIAL_CONTENT, false) | (StatusCode::NO_CONTENT, true) => Ok(()),
        (status, true) => Err(answered.unusable(format!("{} came for the last chunk of the file", status.as_u16()))),
        (status, false) => Err(answered.unusable(format!("{} came for a chunk that is not the last", status.as_u16()))),
    }
}

/// The URL that begins an upload. The name is in the query, which takes letters of any script, and not in a header, which
/// does not.
fn link(connection: &Connection, path: &str, name: &str) -> Result<String, String> {
    let column = column(connection, path)?;
    if column.query().is_some() || column.path().ends_with(VALUE) {
        return Err("has a query or ends with /$value: expected a column of a row, and no more".to_owned());
    }
    Ok(format!("{column}?x-ms-file-name={}", url::encode_value(name)))
}

fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("holds a line break or another control character".to_owned());
    }
    Ok(())
}

/// What Dataverse recommends.
fn chunk_size(response: &Response, max_request_bytes: u32) -> u32 {
    let asked = header(response, "x-ms-chunk-size").and_then(|size| size.trim().parse::<u64>().ok());
    let size = asked.filter(|size| *size > 0).unwrap_or(CHUNK.into());
    u32::try_from(size)
        .unwrap_or(u32::MAX)
        .min(LARGEST_CHUNK)
        .min(max_request_bytes)
}

fn invalid(field: &str, reason: String) -> Error {
    let mut faults = Faults::default();
    faults.add(field, reason);
    faults.into_request_error()
}
