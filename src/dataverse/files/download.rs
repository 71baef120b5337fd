//! A file that is read in pieces, each with its own request.

use std::rc::Rc;

use http::{HeaderValue, StatusCode, header};

use super::{CHUNK, VALUE, check_column};
use crate::dataverse::client::Connection;
use crate::dataverse::exchange::Exchange;
use crate::dataverse::headers::{self, Headers};
use crate::dataverse::request::{Draft, Request};
use crate::dataverse::url;
use crate::error::{Error, Reason};
use crate::faults::Faults;
use crate::guid::new_guid;
use crate::host::Host;

/// Which file to read, and from which offset.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// The path of a row's column.
    pub path: String,
    /// The number of bytes to skip.
    pub offset: u64,
    /// Headers in addition to those that the Web API expects.
    pub headers: Headers,
}

/// Metadata of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileInfo {
    /// Its size in bytes.
    pub size: u64,
    /// Its name.
    pub name: Option<String>,
    /// Its media type.
    pub mime_type: Option<String>,
    /// Its version.
    pub etag: Option<String>,
}

/// The code with which Dataverse refuses ranges of a file that is stored in its database.
const ONLY_WHOLE: &str = "0x80090017";

/// A download in progress.
pub(crate) struct Download {
    source: Source,
    info: FileInfo,
    position: u64,
    /// Bytes that were received but not returned yet.
    held: Vec<u8>,
}

/// The source of a file.
struct Source {
    connection: Rc<Connection>,
    /// The request for the entire file.
    request: Request,
    piece: u64,
}

/// An answer: the requested bytes, and the file's metadata.
struct Piece {
    bytes: Vec<u8>,
    info: FileInfo,
    exchange: Exchange,
}

impl Download {
    /// Requests the first piece.
    ///
    /// # Errors
    /// As `download-file` in `wit/dataverse.wit`.
    pub(crate) async fn begin(connection: Rc<Connection>, host: &impl Host, query: Query) -> Result<Self, Error> {
        let offset = query.offset;
        let source = Source::parse(connection, host, query)?;
        let first = match source.range(host, offset, source.piece).await {
            Err(error) if is_refused_range(&error) => source.without_range(host, offset).await?,
            first => first?,
        };
        if offset > first.info.size {
            let reason = format!("is {offset}, but the file has {} bytes", first.info.size);
            return Err(Faults::one("offset", reason).into_request_error());
        }
        Ok(Self {
            source,
            info: first.info,
            position: offset,
            held: first.bytes,
        })
    }

    /// The connection that it uses.
    pub(crate) fn connection(&self) -> &Connection {
        &self.source.connection
    }

    /// The metadata from the first answer.
    pub(crate) fn info(&self) -> FileInfo {
        self.info.clone()
    }

    /// The offset of the next piece.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Returns the next bytes.
    ///
    /// # Errors
    /// As `download.read` in `wit/dataverse.wit`.
    pub(crate) async fn read(&mut self, host: &impl Host) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = std::mem::take(&mut self.held);
        if bytes.is_empty() {
            if self.position >= self.info.size {
                return Ok(None);
            }
            let piece = self.source.range(host, self.position, self.source.piece).await?;
            self.check_unchanged(&piece)?;
            bytes = piece.bytes;
        }
        self.position = self.position.saturating_add(bytes.len() as u64);
        Ok(Some(bytes))
    }

    fn check_unchanged(&self, piece: &Piece) -> Result<(), Error> {
        let version = |info: &FileInfo| (info.size, info.name.clone(), info.etag.clone());
        if version(&piece.info) == version(&self.info) {
            return Ok(());
        }
        Err(piece
            .exchange
            .unusable("the file has changed since its first piece was read: start the download again"))
    }
}

impl Source {
    fn parse(connection: Rc<Connection>, host: &impl Host, query: Query) -> Result<Self, Error> {
        let mut faults = Faults::default();
        headers::refuse(&query.headers, &["range", "if-range"], &mut faults);
        let column = url::target(connection.environment(), &query.path, url::MAX_URL)
            .and_then(|uri| check_column(&uri).map(|()| uri));
        let column = faults.keep("path", column);
        let Some(column) = column.filter(|_| faults.is_empty()) else {
            return Err(faults.into_request_error());
        };
        let value = if column.path().ends_with(VALUE) { "" } else { VALUE };
        let query_part = column.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}{value}{query_part}", column.path());
        let uri = url::below(connection.environment(), &target, url::MAX_URL)
            .map_err(|reason| Faults::one("path", reason).into_request_error())?;
        let draft = Draft {
            headers: query.headers,
            ..Draft::get(query.path)
        };
        Ok(Self {
            request: connection.check(host, draft)?.to(uri, new_guid(host)),
            piece: u64::from(CHUNK.min(connection.max_answer_bytes())),
            connection,
        })
    }

    /// Reads up to `length` bytes from `first`. If the service ignores the range, it is all bytes from
    /// `first`.
    async fn range(&self, host: &impl Host, first: u64, length: u64) -> Result<Piece, Error> {
        let last = first.saturating_add(length).saturating_sub(1);
        let exchange = self.ask(host, Some((first, last))).await?;
        if exchange.status == StatusCode::PARTIAL_CONTENT {
            part(exchange, first, length)
        } else {
            whole(exchange, first)
        }
    }

    /// The result after a range was refused: either the file has no bytes after `offset`, or it cannot be
    /// read in pieces.
    async fn without_range(&self, host: &impl Host, offset: u64) -> Result<Piece, Error> {
        if offset > 0 {
            // The answer to the first byte contains the size.
            match self.range(host, 0, 1).await {
                Err(error) if is_refused_range(&error) => {}
                first => {
                    return first.map(|piece| Piece {
                        bytes: Vec::new(),
                        ..piece
                    });
                }
            }
        }
        whole(self.ask(host, None).await?, offset)
    }

    async fn ask(&self, host: &impl Host, range: Option<(u64, u64)>) -> Result<Exchange, Error> {
        let request = self.request.to(self.request.uri().clone(), new_guid(host));
        let request = request.with_headers(|headers| {
            let range = range.and_then(|(first, last)| HeaderValue::try_from(format!("bytes={first}-{last}")).ok());
            headers.extend(range.map(|range| (header::RANGE, range)));
        });
        self.connection.exchange(host, &request).await
    }
}

fn is_refused_range(error: &Error) -> bool {
    let Error::Failed(failed) = error else {
        return false;
    };
    matches!(&failed.reason, Reason::Dataverse(refusal)
        if refusal.status == StatusCode::RANGE_NOT_SATISFIABLE.as_u16() || refusal.code.eq_ignore_ascii_case(ONLY_WHOLE))
}

/// Interprets a 206: it must describe the requested range.
fn part(mut exchange: Exchange, first: u64, length: u64) -> Result<Piece, Error> {
    let length_of_body = exchange.body.len() as u64;
    let end = first.saturating_add(length_of_body);
    let range = exchange.header("content-range");
    let announced = file_size(&exchange);
    let size = match range {
        Some(text) => match content_range(text) {
            Some((from, to, size)) if from == first && to.checked_add(1) == Some(end) => size.or(announced),
            _ => return Err(exchange.unusable("the answer does not contain the requested bytes")),
        },
        // The documented example has no Content-Range (docs/facts/dataverse.md, 1.5).
        None => announced,
    };
    let size = size.ok_or_else(|| exchange.unusable("the answer does not contain the size of the file"))?;
    let expected = size.saturating_sub(first).min(length);
    // Without a range, only their number shows which bytes these are.
    let fits = length_of_body <= expected && length_of_body > 0 && (range.is_some() || length_of_body == expected);
    if !fits || announced.is_some_and(|other| other != size) {
        return Err(exchange.unusable(format!(
            "the answer has {length_of_body} bytes, but {expected} were requested"
        )));
    }
    Ok(Piece {
        info: info(&exchange, size),
        bytes: std::mem::take(&mut exchange.answer.body),
        exchange,
    })
}

/// Interprets a 200 with the entire file.
fn whole(mut exchange: Exchange, first: u64) -> Result<Piece, Error> {
    match exchange.status {
        StatusCode::OK => {}
        StatusCode::NO_CONTENT => return Err(exchange.refused("the column contains no such image")),
        status => return Err(exchange.unusable(format!("unexpected status {} for a file", status.as_u16()))),
    }
    let size = exchange.body.len() as u64;
    if file_size(&exchange).is_some_and(|announced| announced != size) {
        return Err(exchange.unusable("the answer does not have as many bytes as the file size it reports"));
    }
    let info = info(&exchange, size);
    let mut bytes = std::mem::take(&mut exchange.answer.body);
    let skipped = usize::try_from(first).unwrap_or(usize::MAX).min(bytes.len());
    bytes.drain(..skipped);
    Ok(Piece { bytes, info, exchange })
}

fn info(exchange: &Exchange, size: u64) -> FileInfo {
    let text = |name| exchange.header(name).map(str::to_owned);
    FileInfo {
        size,
        name: text("x-ms-file-name"),
        mime_type: text("mimetype"),
        etag: exchange.etag().map(str::to_owned),
    }
}

fn file_size(exchange: &Exchange) -> Option<u64> {
    number(exchange.header("x-ms-file-size")?)
}

/// `bytes 0-3/10`, or `bytes 0-3/*` (RFC 9110, 14.4).
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (from, to) = range.split_once('-')?;
    let size = match size {
        "*" => None,
        size => Some(number(size)?),
    };
    Some((number(from)?, number(to)?, size))
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 0-3/10"), Some((0, 3, Some(10))));
        assert_eq!(content_range(" bytes 4-9/*"), Some((4, 9, None)));
        for text in [
            "",
            "bytes",
            "bytes 0-3",
            "bytes */10",
            "bytes -3/10",
            "bytes 0-/10",
            "bytes 0-3/",
            "bytes 0-3/x",
            "bytes +0-3/10",
            "lines 0-3/10",
            "bytes 0-99999999999999999999/10",
        ] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
