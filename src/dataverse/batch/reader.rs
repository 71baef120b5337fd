//! The answer to a `$batch` as the responses it holds: a multipart text whose parts are HTTP messages, or such texts themselves
//! for change sets (OData Protocol 4.0, 11.7; RFC 2046, 5.1). It is read in one pass, and forgiving where only one thing can
//! be meant: bare line feeds, no reason phrase, text around the parts, missing empty lines.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use memchr::memchr;

use super::{Item, MAX_REQUESTS};
use crate::http::boundary::boundary_of;

/// In one head. Dataverse sends some ten; each takes far more memory than its text.
const MAX_HEADERS: usize = 100;

/// What may stand before a delimiter: usually the line end that belongs to it.
const LINE_ENDS: [&[u8]; 5] = [b"\r\n", b"\n", b"", b"\r\n\r\n", b"\n\n"];

/// What may stand between a delimiter and the end of its line.
const MAX_PADDING: usize = 100;

/// One response, its body still where it was.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// Which request of a change set it belongs to.
    pub content_id: Option<String>,
    /// The response.
    pub response: Response<&'a [u8]>,
}

/// Why a text cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It ends before its last delimiter.
    CutOff,
    /// It is none that Dataverse gives; the text is for people.
    Malformed(&'static str),
}

/// Only a fault in this file can lose its place.
const LOST: Unreadable = Unreadable::Malformed("its reader lost its place");

const TOO_MANY: Unreadable = Unreadable::Malformed("it holds more answers than a batch has requests");

/// The responses in a text with this boundary, those to a change set together.
///
/// # Errors
/// When there is any doubt about where a response begins and ends.
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

/// `--` and the boundary: what a line begins with that ends a part.
struct Delimiter {
    text: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// A delimiter behind which another part begins.
    Next,
    /// The last one.
    Last,
}

impl Delimiter {
    fn new(boundary: &str) -> Self {
        Self {
            text: format!("--{boundary}").into_bytes(),
        }
    }

    /// Whether a text begins with the delimiter, and the length of its line if so. One boundary may begin like another, so the
    /// rest of the line counts.
    fn begins(&self, text: &[u8]) -> Option<(Mark, usize)> {
        let rest = text.strip_prefix(self.text.as_slice())?;
        let (found, rest) = match rest.strip_prefix(b"--") {
            Some(rest) => (Mark::Last, rest),
            None => (Mark::Next, rest),
        };
        let near = rest.get(..MAX_PADDING).unwrap_or(rest);
        let padding = match memchr(b'\n', near) {
            Some(end) => near.get(..=end)?,
            None if near.len() == rest.len() => near,
            None => return None,
        };
        let behind = rest.len().saturating_sub(padding.len());
        padding
            .trim_ascii()
            .is_empty()
            .then(|| (found, text.len().saturating_sub(behind)))
    }

    /// Whether a text is the beginning of a delimiter, of the line end before it, or of the last delimiter.
    fn breaks_off(&self, text: &[u8]) -> bool {
        LINE_ENDS.iter().any(|line_end| {
            let whole = [line_end, self.text.as_slice(), b"--"].concat();
            whole.starts_with(text)
        })
    }
}

struct Reader<'a> {
    text: &'a [u8],
    /// Always the beginning of a line, or of a part's content.
    at: usize,
    parts: usize,
}

impl<'a> Reader<'a> {
    /// The responses to a change set. There is no set within a set.
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

    /// The response in a part, whose own head has been read, and the delimiter that ends it.
    fn response(&mut self, part: &HeaderMap, delimiter: &Delimiter) -> Result<(Part<'a>, Mark), Unreadable> {
        self.parts = self.parts.saturating_add(1);
        if self.parts > MAX_REQUESTS {
            return Err(TOO_MANY);
        }
        let begin = self.at;
        let status = self.status(delimiter)?;
        let headers = self.fields(delimiter)?;
        // Only a length tells a delimiter from bytes that look like one.
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

    /// `HTTP/1.1 204 No Content`, of which only the number counts.
    fn status(&mut self, delimiter: &Delimiter) -> Result<StatusCode, Unreadable> {
        const NONE: Unreadable = Unreadable::Malformed("a part of it does not begin with an HTTP status");
        loop {
            if delimiter.begins(self.rest()).is_some() {
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

    /// Header fields up to an empty line, or up to the delimiter where that line is missing.
    fn fields(&mut self, delimiter: &Delimiter) -> Result<HeaderMap, Unreadable> {
        let mut fields: Vec<Vec<u8>> = Vec::new();
        while delimiter.begins(self.rest()).is_none() {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if fields.len() == MAX_HEADERS {
                return Err(Unreadable::Malformed("a part of it has too many headers"));
            }
            let folded = line.starts_with(b" ") || line.starts_with(b"\t");
            match fields.last_mut().filter(|_| folded) {
                // RFC 5322, 2.2.3
                Some(field) => field.extend_from_slice(line),
                None => fields.push(line.to_vec()),
            }
        }
        Ok(fields.iter().filter_map(|field| parse(field)).collect())
    }

    /// What stands before the delimiter: up to `end`, if the delimiter is there, and else up to the first one. The line end
    /// before a delimiter belongs to it.
    fn body(&mut self, end: Option<usize>, delimiter: &Delimiter) -> Result<(&'a [u8], Mark), Unreadable> {
        let announced = end.and_then(|end| {
            let body = self.text.get(self.at..end)?;
            let rest = self.text.get(end..)?;
            let mut behind = LINE_ENDS.iter().filter_map(|line_end| rest.strip_prefix(*line_end));
            behind.find_map(|rest| delimiter.begins(rest))?;
            Some((body, end))
        });
        match announced {
            Some((body, end)) => {
                self.at = end;
                let (_line_ends, found) = self.until(delimiter)?;
                Ok((body, found))
            }
            // A delimiter within the body would be taken for the one that has not come.
            None if end
                .and_then(|end| self.text.get(end..))
                .is_some_and(|rest| delimiter.breaks_off(rest)) =>
            {
                Err(Unreadable::CutOff)
            }
            None => self.until(delimiter),
        }
    }

    /// What stands before the next delimiter. Goes behind it.
    fn until(&mut self, delimiter: &Delimiter) -> Result<(&'a [u8], Mark), Unreadable> {
        let begin = self.at;
        loop {
            if let Some((found, length)) = delimiter.begins(self.rest()) {
                let content = self.text.get(begin..self.at).ok_or(LOST)?;
                let content = content.strip_suffix(b"\n").unwrap_or(content);
                self.at = self.at.saturating_add(length);
                return Ok((content.strip_suffix(b"\r").unwrap_or(content), found));
            }
            self.line()?;
        }
    }

    /// The next line, without its end.
    fn line(&mut self) -> Result<&'a [u8], Unreadable> {
        let rest = self.rest();
        let end = memchr(b'\n', rest).ok_or(Unreadable::CutOff)?;
        self.at = self.at.saturating_add(end).saturating_add(1);
        let line = rest.get(..end).ok_or(LOST)?;
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }
}

const CONTENT_ID: HeaderName = HeaderName::from_static("content-id");

/// A field that cannot be one is passed over.
fn parse(field: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = field.split_at_checked(memchr(b':', field)?)?;
    let name = HeaderName::from_bytes(name.trim_ascii()).ok()?;
    let value = HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?;
    Some((name, value))
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
