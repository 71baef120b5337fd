//! A file that is read piece by piece, each with a request of its own.

use std::rc::Rc;

use http::StatusCode;

use super::{CHUNK, VALUE, column};
use crate::contract::types::{DownloadRequest, Error, FileInfo, Response};
use crate::dataverse::client::Connection;
use crate::dataverse::exchange::{Answered, Headers, ask, get, header, refuse_headers};
use crate::error::Faults;
use crate::host::Host;

/// By which Dataverse refuses to read in pieces a file that its database holds.
const ONLY_WHOLE: &str = "0x80090017";

/// A file that is being read.
pub struct Download {
    source: Source,
    info: FileInfo,
    position: u64,
    /// What has come and was not handed over.
    held: Vec<u8>,
}

/// Where a file is.
struct Source {
    connection: Rc<Connection>,
    link: String,
    headers: Headers,
    piece: u64,
}

/// An answer: the bytes from where they were asked for, and what it says of the file.
struct Piece {
    bytes: Vec<u8>,
    info: FileInfo,
    answered: Answered,
}

impl Download {
    /// Asks for the first piece.
    ///
    /// # Errors
    /// As `download-file` in `wit/dataverse.wit`.
    pub async fn begin(connection: Rc<Connection>, host: &impl Host, request: DownloadRequest) -> Result<Self, Error> {
        let offset = request.offset;
        let source = Source::parse(connection, request)?;
        let first = match source.range(host, offset, source.piece).await {
            Err(error) if is_refused_range(&error) => source.without_range(host, offset).await?,
            first => first?,
        };
        if offset > first.info.size {
            let mut faults = Faults::default();
            let reason = format!("is {offset}, and the file has {} bytes", first.info.size);
            faults.add("offset", reason);
            return Err(faults.into_request_error());
        }
        Ok(Self {
            source,
            info: first.info,
            position: offset,
            held: first.bytes,
        })
    }

    /// What the first answer said of the file.
    pub fn info(&self) -> FileInfo {
        self.info.clone()
    }

    /// Where the next piece begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes.
    ///
    /// # Errors
    /// As `download.read` in `wit/dataverse.wit`.
    pub async fn read(&mut self, host: &impl Host) -> Result<Option<Vec<u8>>, Error> {
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
            .answered
            .unusable("the file has changed since its first piece was read: begin anew"))
    }
}

impl Source {
    fn parse(connection: Rc<Connection>, request: DownloadRequest) -> Result<Self, Error> {
        let mut faults = Faults::default();
        refuse_headers(&request.headers, &["range", "if-range"], &mut faults);
        let column = faults.keep("path", column(&connection, &request.path));
        match column {
            Some(column) if faults.is_empty() => {
                let value = if column.path().ends_with(VALUE) { "" } else { VALUE };
                let query = column.query().map(|query| format!("?{query}")).unwrap_or_default();
                Ok(Self {
                    link: format!("{}{}{value}{query}", connection.environment(), column.path()),
                    headers: request.headers,
                    piece: u64::from(CHUNK.min(connection.max_answer_bytes())),
                    connection,
                })
            }
            _ => Err(faults.into_request_error()),
        }
    }

    /// Up to `length` bytes from `first` on. Where the service pays no heed to a range, it is all bytes from `first` on.
    async fn range(&self, host: &impl Host, first: u64, length: u64) -> Result<Piece, Error> {
        let last = first.saturating_add(length).saturating_sub(1);
        let range = ("Range".to_owned(), format!("bytes={first}-{last}"));
        let mut headers = self.headers.clone();
        headers.push(range);
        let (response, answered) = self.ask(host, headers).await?;
        if answered.status() == StatusCode::PARTIAL_CONTENT {
            part(response, answered, first, length)
        } else {
            whole(response, answered, first)
        }
    }

    /// What there is to say when a range was refused: nothing of the file is behind `offset`, or it comes only whole.
    async fn without_range(&self, host: &impl Host, offset: u64) -> Result<Piece, Error> {
        if offset > 0 {
            // The first byte's answer tells the size.
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
        let (response, answered) = self.ask(host, self.headers.clone()).await?;
        whole(response, answered, offset)
    }

    async fn ask(&self, host: &impl Host, headers: Headers) -> Result<(Response, Answered), Error> {
        ask(&self.connection, host, get(self.link.clone(), headers)).await
    }
}

fn is_refused_range(error: &Error) -> bool {
    match error {
        Error::Dataverse(error) => {
            error.status == StatusCode::RANGE_NOT_SATISFIABLE.as_u16() || error.code.eq_ignore_ascii_case(ONLY_WHOLE)
        }
        _ => false,
    }
}

/// An answer of 206: what it says of itself must be what was asked for.
fn part(response: Response, answered: Answered, first: u64, length: u64) -> Result<Piece, Error> {
    let length_of_body = response.body.len() as u64;
    let end = first.saturating_add(length_of_body);
    let range = header(&response, "content-range").map(str::to_owned);
    let size = match &range {
        Some(text) => match content_range(text) {
            Some((from, to, size)) if from == first && to.checked_add(1) == Some(end) => size.or(file_size(&response)),
            _ => return Err(answered.unusable("the bytes that came are not the ones that were asked for")),
        },
        // Microsoft's page shows none.
        None => file_size(&response),
    };
    let size = size.ok_or_else(|| answered.unusable("the answer does not say how large the file is"))?;
    let expected = size.saturating_sub(first).min(length);
    // Without a range it is only their number that tells which bytes these are.
    let fits = length_of_body <= expected && length_of_body > 0 && (range.is_some() || length_of_body == expected);
    if !fits || file_size(&response).is_some_and(|other| other != size) {
        return Err(answered.unusable(format!("{length_of_body} bytes came where {expected} were asked for")));
    }
    Ok(Piece {
        info: info(&response, size),
        bytes: response.body,
        answered,
    })
}

/// An answer of 200, which has the whole file.
fn whole(response: Response, answered: Answered, first: u64) -> Result<Piece, Error> {
    match answered.status() {
        StatusCode::OK => {}
        StatusCode::NO_CONTENT => return Err(answered.refused("the column holds no such image")),
        status => return Err(answered.unusable(format!("{} came for a file", status.as_u16()))),
    }
    let size = response.body.len() as u64;
    if file_size(&response).is_some_and(|announced| announced != size) {
        return Err(answered.unusable("the answer has not as many bytes as it says that the file has"));
    }
    let info = info(&response, size);
    let mut bytes = response.body;
    let skipped = usize::try_from(first).unwrap_or(usize::MAX).min(bytes.len());
    bytes.drain(..skipped);
    Ok(Piece { bytes, info, answered })
}

fn info(response: &Response, size: u64) -> FileInfo {
    let text = |name| header(response, name).map(str::to_owned);
    FileInfo {
        size,
        name: text("x-ms-file-name"),
        mime_type: text("mimetype"),
        etag: response.etag.clone(),
    }
}

fn file_size(response: &Response) -> Option<u64> {
    number(header(response, "x-ms-file-size")?)
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
