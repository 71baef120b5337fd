//! Reads the answer to a `$batch`: a multipart text whose parts are HTTP messages, or further multipart texts for change
//! sets (OData Protocol 4.0, 11.7; RFC 2046, 5.1). One pass. It tolerates deviations that have only one meaning: bare line
//! feeds, no reason phrase, text around the parts, missing empty lines.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use memchr::memchr;

use super::{Item, MAX_REQUESTS};
use crate::http::boundary::boundary_of;
use crate::http::multipart::{Delimiter, Mark, header_field, is_folded, without_end};

/// In one head. Dataverse sends about ten; each takes far more memory than its text.
const MAX_HEADERS: usize = 100;

/// What may precede a delimiter: usually the line end that belongs to it.
const LINE_ENDS: [&[u8]; 5] = [b"\r\n", b"\n", b"", b"\r\n\r\n", b"\n\n"];

/// One response, whose body is a slice of the text.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// Which request of a change set it belongs to.
    pub content_id: Option<String>,
    /// The response.
    pub response: Response<&'a [u8]>,
}

/// Why a text is not a valid answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It ends before the last delimiter.
    CutOff,
    /// It is malformed, for this reason.
    Malformed(&'static str),
}

/// Only a bug in this file causes it.
const LOST: Unreadable = Unreadable::Malformed("its reader lost its place");

const TOO_MANY: Unreadable = Unreadable::Malformed("it holds more answers than a batch has requests");

/// The responses in a text with this boundary, those to a change set together.
///
/// # Errors
/// When the beginning or the end of a response is not certain.
pub(crate) fn read<'a>(text: &'a [u8], boundary: &str) -> Result<Vec<Item<Part<'a>>>, Unreadable> {
    let mut reader = Reader { text, at: 0, parts: 0 };
    let delimiter = Delimiter::new(boundary);
    let mut items = Vec::new();
    let (_preamble, mut found) = reader.until(&delimiter)?;
    while found == Mark::Next {
        let head = reader.fields(&delimiter)?;
        let item;
        (item, found) = match text_of(&head, &header::CONTENT_TYPE).and_then(boundary_of) {
            Some(inner) => {
                let set = reader.change_set(&Delimiter::new(&inner))?;
                let (_epilogue, found) = reader.until(&delimiter)?;
                (Item::ChangeSet(set), found)
            }
            None => {
                let (part, found) = reader.response(&head, &delimiter)?;
                (Item::Request(part), found)
            }
        };
        if items.len() == MAX_REQUESTS {
            return Err(TOO_MANY);
        }
        items.push(item);
    }
    Ok(items)
}

/// Whether a text is cut off within a delimiter, or within the line end before it.
fn breaks_off(delimiter: &Delimiter, text: &[u8]) -> bool {
    LINE_ENDS.iter().any(|line_end| {
        let last = [line_end, delimiter.as_bytes(), b"--"].concat();
        last.starts_with(text)
    })
}

struct Reader<'a> {
    text: &'a [u8],
    /// The beginning of a line, or of a part's content.
    at: usize,
    parts: usize,
}

impl<'a> Reader<'a> {
    /// The responses to a change set. Change sets are not nested.
    fn change_set(&mut self, delimiter: &Delimiter) -> Result<Vec<Part<'a>>, Unreadable> {
        let mut set = Vec::new();
        let (_preamble, mut found) = self.until(delimiter)?;
        while found == Mark::Next {
            let head = self.fields(delimiter)?;
            let part;
            (part, found) = self.response(&head, delimiter)?;
            set.push(part);
        }
        Ok(set)
    }

    /// The response in a part, after the part's own head, and the delimiter that ends it.
    fn response(&mut self, part: &HeaderMap, delimiter: &Delimiter) -> Result<(Part<'a>, Mark), Unreadable> {
        self.parts = self.parts.saturating_add(1);
        if self.parts > MAX_REQUESTS {
            return Err(TOO_MANY);
        }
        let begin = self.at;
        let status = self.status(delimiter)?;
        let headers = self.fields(delimiter)?;
        // Only a length distinguishes a delimiter from bytes of the body that look like one.
        let end = length(&headers)
            .map(|length| self.at.saturating_add(length))
            .or_else(|| Some(begin.saturating_add(length(part)?)));
        if end.is_some_and(|end| end > self.text.len()) {
            return Err(Unreadable::CutOff);
        }
        let (body, found) = self.body(end, delimiter)?;
        let bodiless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
        let mut response = Response::new(if bodiless { &[] } else { body });
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        let content_id = text_of(part, &CONTENT_ID).map(str::to_owned);
        Ok((Part { content_id, response }, found))
    }

    /// Of a status line such as `HTTP/1.1 204 No Content`; the reason phrase is ignored.
    fn status(&mut self, delimiter: &Delimiter) -> Result<StatusCode, Unreadable> {
        const NONE: Unreadable = Unreadable::Malformed("a part of it does not begin with an HTTP status");
        loop {
            if delimiter.first_line(self.rest()).is_some() {
                return Err(NONE);
            }
            let line = self.line()?.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
            let is_http = words.next().is_some_and(|word| word.starts_with(b"HTTP"));
            let status = words.next().and_then(|word| StatusCode::from_bytes(word).ok());
            return status.filter(|_| is_http).ok_or(NONE);
        }
    }

    /// Header fields up to an empty line, or up to the delimiter if that line is missing.
    fn fields(&mut self, delimiter: &Delimiter) -> Result<HeaderMap, Unreadable> {
        let mut fields: Vec<Vec<u8>> = Vec::new();
        while delimiter.first_line(self.rest()).is_none() {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if fields.len() == MAX_HEADERS {
                return Err(Unreadable::Malformed("a part of it has too many headers"));
            }
            match fields.last_mut().filter(|_| is_folded(line)) {
                Some(field) => field.extend_from_slice(line),
                None => fields.push(line.to_vec()),
            }
        }
        Ok(fields.iter().filter_map(|field| parse(field)).collect())
    }

    /// A body: up to `end` if a delimiter follows there, else up to the first delimiter. The line end before a delimiter
    /// belongs to the delimiter.
    fn body(&mut self, end: Option<usize>, delimiter: &Delimiter) -> Result<(&'a [u8], Mark), Unreadable> {
        let announced = end.and_then(|end| {
            let body = self.text.get(self.at..end)?;
            let rest = self.text.get(end..)?;
            let mut behind = LINE_ENDS.iter().filter_map(|line_end| rest.strip_prefix(*line_end));
            behind.find_map(|rest| delimiter.first_line(rest))?;
            Some((body, end))
        });
        match announced {
            Some((body, end)) => {
                self.at = end;
                let (_line_ends, found) = self.until(delimiter)?;
                Ok((body, found))
            }
            // A delimiter within the body would be taken for the missing one.
            None if end
                .and_then(|end| self.text.get(end..))
                .is_some_and(|rest| breaks_off(delimiter, rest)) =>
            {
                Err(Unreadable::CutOff)
            }
            None => self.until(delimiter),
        }
    }

    /// The text before the next delimiter. Continues after that delimiter.
    fn until(&mut self, delimiter: &Delimiter) -> Result<(&'a [u8], Mark), Unreadable> {
        let begin = self.at;
        loop {
            if let Some((found, length)) = delimiter.first_line(self.rest()) {
                let content = self.text.get(begin..self.at).ok_or(LOST)?;
                self.at = self.at.saturating_add(length);
                return Ok((without_end(content), found));
            }
            self.line()?;
        }
    }

    /// The next line, without its end.
    fn line(&mut self) -> Result<&'a [u8], Unreadable> {
        let rest = self.rest();
        let end = memchr(b'\n', rest).ok_or(Unreadable::CutOff)?;
        self.at = self.at.saturating_add(end).saturating_add(1);
        Ok(without_end(rest.get(..end).ok_or(LOST)?))
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }
}

const CONTENT_ID: HeaderName = HeaderName::from_static("content-id");

/// Ignores a field that is not valid.
fn parse(field: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = header_field(field)?;
    Some((name, HeaderValue::from_bytes(value).ok()?))
}

fn length(headers: &HeaderMap) -> Option<usize> {
    text_of(headers, &header::CONTENT_LENGTH)?.parse().ok()
}

fn text_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
