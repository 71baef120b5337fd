//! Links in a `$batch`: a multipart text whose parts are HTTP messages (OData Protocol 4.0, 11.7). Their request lines, their
//! headers that hold a URL, and their JSON bodies lead from one origin to another, while the text flows.
//!
//! In a request, what holds for a request holds for each part, in change sets too: its headers are those that may pass, and
//! its URL leads nowhere that a request's may not. For that, the service has to see the parts that are seen here. So heads go on
//! as they were understood, with the line ends that RFC 2046 has, and without lengths, which would end a body elsewhere. What some
//! reader takes for the end of a line or of a part, and another does not, is refused. Microsoft's own reader takes a carriage return alone for the end of a line
//! (<https://github.com/OData/odata.net>, `ODataBatchReaderStreamBuffer`), and RFC 2046, 5.1.1 takes any line that begins with
//! a delimiter for one.

use std::rc::Rc;

use http::HeaderName;

use super::batch::{clear_boundary, is_batch};
use super::json_links::JsonLinks;
use super::links::{Origins, replace_in_query};
use super::opened::Opened;
use super::rewrite::{Rewrite, Stop, Stopped};
use crate::dataverse::url::refuse_dot_segments;
use crate::http::boundary::boundary_of;

/// No header of a part is longer: Dataverse takes URLs of 64 KiB within a batch.
const MAX_LINE: usize = 128 << 10;

/// What may stand between a delimiter and the end of its line.
const MAX_PADDING: u8 = 100;

/// The headers within a part that hold a URL.
const URL_HEADERS: [&str; 3] = ["location", "odata-entityid", "content-location"];

/// What a part's own head may say, before the message's.
const PART_HEADERS: [&str; 3] = ["content-id", "content-transfer-encoding", "content-type"];

/// What a message may say that a request outside a batch says elsewhere.
const MESSAGE_HEADERS: [&str; 3] = ["content-id", "content-transfer-encoding", "x-ms-client-request-id"];

/// Replaces the origin of links in a multipart text.
pub struct MultipartLinks {
    origins: Origins,
    /// What holds for the parts of a request. `None`: an answer, which passes as it is.
    rules: Option<Rules>,
    /// Of the text, and of the change set that began last.
    delimiters: Vec<Delimiter>,
    /// Whether the current part is one of a change set's.
    in_set: bool,
    /// What the current part is, as far as its head has told.
    part: Part,
    /// The line being read, where it has to be known whole.
    line: Vec<u8>,
    /// A header before it, which the line may go on with.
    field: Field,
    /// Whether a carriage return came right before.
    after_cr: bool,
    /// Whether the line began after a carriage return alone.
    is_doubtful: bool,
    state: State,
}

struct Rules {
    opened: Rc<Opened>,
    stop: Stop,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Unknown,
    /// `application/http`: an HTTP message with a head of its own follows.
    Message,
    /// A change set.
    Set,
}

/// A header, folded over several lines or not.
#[derive(Default)]
struct Field {
    /// On one line, without its end.
    text: Vec<u8>,
    /// As it came.
    raw: Vec<u8>,
}

enum State {
    /// The rest of a delimiter's line.
    AfterDelimiter { is_last: bool },
    /// The lines of a part's own head.
    PartHead,
    /// The first line of a message.
    FirstLine,
    /// Its headers.
    MessageHead,
    /// A body, at the start of a line: it may be a delimiter.
    LineStart(Box<JsonLinks>),
    /// A body, within a line.
    Line(Box<JsonLinks>),
    /// Nothing goes on.
    Stopped,
}

/// `--` and the boundary, and how far the current line is one.
struct Delimiter {
    text: Vec<u8>,
    seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// So many of its bytes.
    Begun(usize),
    /// All, and so many hyphens of the two that make it the last.
    Whole { hyphens: u8, padding: u8 },
    /// The line is something else, which has begun like it if so.
    Other { began: bool },
}

impl Delimiter {
    fn new(boundary: &str) -> Self {
        Self {
            text: format!("--{boundary}").into_bytes(),
            seen: Seen::Begun(0),
        }
    }

    /// Takes the next byte of a line; whether it can still be this delimiter.
    fn take(&mut self, byte: u8) -> bool {
        self.seen = match self.seen {
            Seen::Begun(count) if self.text.get(count) == Some(&byte) => {
                let count = count.saturating_add(1);
                if count == self.text.len() {
                    Seen::Whole { hyphens: 0, padding: 0 }
                } else {
                    Seen::Begun(count)
                }
            }
            Seen::Whole {
                hyphens: hyphens @ (0 | 1),
                padding: 0,
            } if byte == b'-' => Seen::Whole {
                hyphens: hyphens.saturating_add(1),
                padding: 0,
            },
            Seen::Whole {
                hyphens: hyphens @ (0 | 2),
                padding: padding @ 0..MAX_PADDING,
            } if matches!(byte, b' ' | b'\t') => Seen::Whole {
                hyphens,
                padding: padding.saturating_add(1),
            },
            Seen::Begun(_) => Seen::Other { began: false },
            Seen::Whole { .. } => Seen::Other { began: true },
            seen @ Seen::Other { .. } => seen,
        };
        !matches!(self.seen, Seen::Other { .. })
    }

    /// Whether the line that ends is this delimiter, and the last one if so.
    fn ends(&self) -> Option<bool> {
        match self.seen {
            Seen::Whole { hyphens: 0, .. } => Some(false),
            Seen::Whole { hyphens: 2, .. } => Some(true),
            _ => None,
        }
    }

    /// Whether the line began like it and went on otherwise.
    fn is_doubtful(&self) -> bool {
        matches!(self.seen, Seen::Other { began: true } | Seen::Whole { hyphens: 1, .. })
    }
}

impl MultipartLinks {
    /// For an answer with this boundary.
    pub fn new(origins: Origins, boundary: &str) -> Self {
        Self::with(origins, boundary, None)
    }

    /// For a request with this boundary.
    pub fn of_request(origins: Origins, boundary: &str, opened: Rc<Opened>, stop: Stop) -> Self {
        Self::with(origins, boundary, Some(Rules { opened, stop }))
    }

    fn with(origins: Origins, boundary: &str, rules: Option<Rules>) -> Self {
        let preamble = Box::new(JsonLinks::new(origins.clone()));
        Self {
            origins,
            rules,
            delimiters: vec![Delimiter::new(boundary)],
            in_set: false,
            part: Part::default(),
            line: Vec::new(),
            field: Field::default(),
            after_cr: false,
            is_doubtful: false,
            state: State::LineStart(preamble),
        }
    }

    fn body(&mut self) -> State {
        self.after_cr = false;
        self.begin_line();
        State::LineStart(Box::new(JsonLinks::new(self.origins.clone())))
    }

    fn begin_line(&mut self) {
        for delimiter in &mut self.delimiters {
            delimiter.seen = Seen::Begun(0);
        }
    }

    fn stop(&self, reason: Stopped) -> State {
        if let Some(rules) = &self.rules {
            rules.stop.note(reason);
        }
        State::Stopped
    }

    fn unclear(&self, reason: &str) -> State {
        self.stop(Stopped::Unclear(format!("a part of the batch {reason}")))
    }

    /// Takes bytes at the start of a line of a body, until it is told whether the line is a delimiter.
    fn line_start(&mut self, byte: u8, mut links: Box<JsonLinks>, out: &mut Vec<u8>) -> State {
        if self.line.is_empty() {
            self.is_doubtful = self.after_cr && byte != b'\n';
        }
        self.after_cr = byte == b'\r';
        let ends_line = byte == b'\n' || byte == b'\r';
        if !ends_line {
            self.line.push(byte);
            let mut can_be_one = false;
            for delimiter in &mut self.delimiters {
                can_be_one |= delimiter.take(byte);
            }
            if can_be_one {
                return State::LineStart(links);
            }
        }
        let found = self.delimiters.iter().map(Delimiter::ends);
        let found = found.enumerate().find_map(|(index, last)| Some((index, last?)));
        if let Some((index, is_last)) = found.filter(|_| ends_line) {
            if self.rules.is_some() && self.is_doubtful {
                return self.unclear("begins after a carriage return alone");
            }
            links.finish(out);
            out.append(&mut self.line);
            self.in_set = index > 0;
            if byte == b'\n' && self.rules.is_some() {
                out.push(b'\r');
            }
            return self.after_delimiter(byte, is_last, out);
        }
        if self.rules.is_some() && self.delimiters.iter().any(Delimiter::is_doubtful) {
            return self.unclear("has a line that begins like a delimiter and is none");
        }
        if ends_line {
            self.line.push(byte);
        }
        links.feed(&self.line, out);
        self.line.clear();
        // Only in a request, a carriage return alone may end a line.
        if byte == b'\n' || ends_line && self.rules.is_some() {
            self.begin_line();
            State::LineStart(links)
        } else {
            State::Line(links)
        }
    }

    /// Takes the end of a delimiter's line. What follows the last one belongs to no part.
    fn after_delimiter(&mut self, byte: u8, is_last: bool, out: &mut Vec<u8>) -> State {
        out.push(byte);
        if byte != b'\n' {
            return State::AfterDelimiter { is_last };
        }
        if is_last {
            return self.body();
        }
        self.part = Part::default();
        State::PartHead
    }

    /// Takes the next byte of a head. A whole header is changed and passed on.
    fn head(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        self.line.push(byte);
        let is_whole = byte == b'\n';
        let length = self.line.len().saturating_add(self.field.raw.len());
        let is_too_long = length >= MAX_LINE;
        let state = std::mem::replace(&mut self.state, State::Stopped);
        if !is_whole && !is_too_long {
            return state;
        }
        let line = std::mem::take(&mut self.line);
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if self.rules.is_some() {
            if is_too_long {
                return self.unclear("has a header that is too long");
            }
            if text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                return self.unclear("has a control character in a header");
            }
        }
        if let State::FirstLine = state {
            return self.first_line(&line, text, out);
        }
        let goes_on = matches!(text, [b' ' | b'\t', ..]) && !self.field.raw.is_empty();
        if goes_on && is_whole && !is_too_long {
            self.field.text.push(b' ');
            self.field.text.extend_from_slice(text.trim_ascii());
            self.field.raw.extend_from_slice(&line);
            return state;
        }
        if let Err(stopped) = self.end_field(&state, out) {
            return stopped;
        }
        if !text.iter().all(|byte| *byte == b'\r') {
            self.field = Field {
                text: text.to_vec(),
                raw: line,
            };
            return state;
        }
        let end = if self.rules.is_some() { b"\r\n" } else { line.as_slice() };
        match (state, self.part) {
            (State::PartHead, Part::Message) => {
                out.extend_from_slice(end);
                State::FirstLine
            }
            (State::PartHead, Part::Unknown) if self.rules.is_some() => {
                self.unclear("has no Content-Type, application/http or multipart/mixed")
            }
            _ => {
                out.extend_from_slice(end);
                self.body()
            }
        }
    }

    /// The first line of a message, with its URL changed.
    fn first_line(&mut self, line: &[u8], text: &[u8], out: &mut Vec<u8>) -> State {
        let split = std::str::from_utf8(text).ok().and_then(request_line);
        let Some((method, url, version)) = split else {
            if self.rules.is_some() {
                return self.unclear("does not begin with a method and a URL");
            }
            out.extend_from_slice(line);
            // Without a first line, the head is over.
            return if text.iter().all(|byte| *byte == b'\r') {
                self.body()
            } else {
                State::MessageHead
            };
        };
        if let Some(rules) = &self.rules
            && let Err(reason) = check_url(&rules.opened, url)
        {
            return self.stop(reason);
        }
        let led = self.origins.replace(url);
        let named = replace_in_query(&self.origins, led.as_deref().unwrap_or(url));
        match named.or(led) {
            Some(url) => out.extend_from_slice(format!("{method} {url}{version}\r\n").as_bytes()),
            None if self.rules.is_some() => out.extend_from_slice(&[text, b"\r\n"].concat()),
            None => out.extend_from_slice(line),
        }
        State::MessageHead
    }

    /// Passes a header on, if it may pass, with its URL changed.
    fn end_field(&mut self, state: &State, out: &mut Vec<u8>) -> Result<(), State> {
        let field = std::mem::take(&mut self.field);
        if field.raw.is_empty() {
            return Ok(());
        }
        let in_part = matches!(state, State::PartHead);
        let Some((name, value)) = split_field(&field.text) else {
            if self.rules.is_some() {
                return Err(self.unclear("has a line in its head that is no header"));
            }
            out.extend_from_slice(&field.raw);
            return Ok(());
        };
        let passes = match &self.rules {
            Some(rules) => rules
                .opened
                .passes(name.as_str(), value)
                .map_err(|reason| self.stop(Stopped::Forbidden(format!("in a part of the batch, {reason}"))))?,
            None => true,
        };
        if in_part {
            self.learn(&name, value)?;
        }
        // A length is left out: the body may get another one, and the delimiter ends it anyway.
        let is_length = name == "content-length" && (!in_part || self.rules.is_some());
        let is_of_part = in_part && PART_HEADERS.contains(&name.as_str());
        let is_of_message = !in_part && (passes || MESSAGE_HEADERS.contains(&name.as_str()));
        if is_length || self.rules.is_some() && !is_of_part && !is_of_message {
            return Ok(());
        }
        let url = (!in_part && URL_HEADERS.contains(&name.as_str()))
            .then(|| self.origins.replace(std::str::from_utf8(value).ok()?))
            .flatten();
        let given = field.text.split(|byte| *byte == b':').next().unwrap_or_default();
        match url {
            Some(url) => write_field(given, url.as_bytes(), out),
            None if self.rules.is_some() => write_field(given, value, out),
            None => out.extend_from_slice(&field.raw),
        }
        Ok(())
    }

    /// What a header of a part's own head says of the part.
    fn learn(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), State> {
        let value = String::from_utf8_lossy(value);
        if name == "content-transfer-encoding" && self.rules.is_some() {
            let is_plain = ["binary", "8bit", "7bit"]
                .iter()
                .any(|known| value.eq_ignore_ascii_case(known));
            return is_plain.then_some(()).ok_or_else(|| {
                self.unclear("has a Content-Transfer-Encoding other than binary, so that it could not be looked at")
            });
        }
        if name != "content-type" {
            return Ok(());
        }
        if self.rules.is_some() && self.part != Part::Unknown {
            return Err(self.unclear("has more than one Content-Type"));
        }
        let media_type = value.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/http") {
            self.part = Part::Message;
            return Ok(());
        }
        let boundary = match self.rules {
            None => boundary_of(&value),
            Some(_) => {
                let boundary = clear_boundary(&value).map_err(|reason| {
                    self.unclear(&format!(
                        "has another Content-Type than application/http; a change set {reason}"
                    ))
                })?;
                let delimiter = Delimiter::new(&boundary).text;
                let outer = self.delimiters.first().map(|outer| outer.text.as_slice());
                let outer = outer.unwrap_or_default();
                if self.in_set || delimiter.starts_with(outer) || outer.starts_with(&delimiter) {
                    return Err(self.unclear(
                        "is a change set within another, or one whose boundary begins like that of the batch",
                    ));
                }
                Some(boundary)
            }
        };
        if let Some(boundary) = boundary {
            self.part = Part::Set;
            // Change sets hold no others, so the last one has ended. Keeping them all would let a text fill the memory.
            self.delimiters.truncate(1);
            self.delimiters.push(Delimiter::new(&boundary));
        }
        Ok(())
    }
}

/// The method, the URL, and what follows it from the space on. A URL may have spaces, as Microsoft's reader takes them.
fn request_line(line: &str) -> Option<(&str, &str, &str)> {
    let (method, rest) = line.split_once(' ')?;
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let end = rest.rfind(" HTTP/").unwrap_or(rest.len());
    let (url, version) = rest.split_at_checked(end)?;
    let url = url.trim();
    (!url.is_empty()).then_some((method, url, version.trim_end()))
}

fn split_field(field: &[u8]) -> Option<(HeaderName, &[u8])> {
    let colon = memchr::memchr(b':', field)?;
    let name = HeaderName::from_bytes(field.get(..colon)?.trim_ascii_end()).ok()?;
    Some((name, field.get(colon..)?.get(1..)?.trim_ascii()))
}

fn write_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    for part in [name.trim_ascii_end(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// What holds for the URL of a request holds for that of a part.
fn check_url(opened: &Opened, url: &str) -> Result<(), Stopped> {
    let (target, query) = url.split_once('?').unwrap_or((url, ""));
    // An origin before the path has no segment of dots.
    refuse_dot_segments(target)
        .map_err(|reason| Stopped::Unclear(format!("the path of a part of the batch {reason}")))?;
    if is_batch(target) {
        return Err(Stopped::Unclear("a batch in a batch is refused".to_owned()));
    }
    opened
        .check_query(query)
        .map_err(|reason| Stopped::Forbidden(format!("in a part of the batch, {reason}")))
}

impl Rewrite for MultipartLinks {
    fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(byte) = rest.first().copied() {
            match std::mem::replace(&mut self.state, State::Stopped) {
                State::Line(mut links) => {
                    // Within a line nothing can end the body, so it goes on in one piece.
                    let end = match self.rules {
                        Some(_) => memchr::memchr2(b'\n', b'\r', rest),
                        None => memchr::memchr(b'\n', rest),
                    };
                    let length = end.map_or(rest.len(), |end| end.saturating_add(1));
                    let (line, later) = rest.split_at(length.min(rest.len()));
                    links.feed(line, out);
                    self.state = if end.is_some() {
                        self.after_cr = line.ends_with(b"\r");
                        self.begin_line();
                        State::LineStart(links)
                    } else {
                        State::Line(links)
                    };
                    rest = later;
                    continue;
                }
                State::LineStart(links) => self.state = self.line_start(byte, links, out),
                State::AfterDelimiter { .. } if byte != b'\n' && self.rules.is_some() => {
                    self.state = self.unclear("begins after a carriage return alone");
                }
                State::AfterDelimiter { is_last } => self.state = self.after_delimiter(byte, is_last, out),
                State::Stopped => return,
                head => {
                    self.state = head;
                    self.state = self.head(byte, out);
                }
            }
            rest = rest.get(1..).unwrap_or_default();
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let state = std::mem::replace(&mut self.state, State::Stopped);
        match state {
            State::LineStart(mut links) | State::Line(mut links) => {
                links.feed(&self.line, out);
                links.finish(out);
            }
            State::Stopped | State::AfterDelimiter { .. } => {}
            State::PartHead | State::FirstLine | State::MessageHead if self.rules.is_some() => {
                let _ = self.unclear("has a head that does not end");
            }
            State::PartHead | State::FirstLine | State::MessageHead => {
                out.extend_from_slice(&self.field.raw);
                out.extend_from_slice(&self.line);
            }
        }
        self.line.clear();
    }

    fn is_stopped(&self) -> bool {
        let is_lost = match &self.state {
            State::LineStart(links) | State::Line(links) => links.is_stopped(),
            _ => false,
        };
        is_lost || self.rules.as_ref().is_some_and(|rules| rules.stop.reason().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_rewritten(text: &str, expected: &str) {
        for size in 1..=text.len() {
            let origins = Origins {
                from: "http://gw:3000".to_owned(),
                to: "https://org.example".to_owned(),
            };
            let mut links = MultipartLinks::new(origins, "b");
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                links.feed(piece, &mut out);
            }
            links.finish(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn requests_are_led_to_the_other_origin() {
        assert_rewritten(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
             GET http://gw:3000/api/data/v9.2/contacts?$top=1 HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n\
             --b\r\nContent-Type: multipart/mixed; boundary=\"c\"\r\n\r\n\
             --c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n\
             POST /api/data/v9.2/contacts HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n\
             {\"x@odata.bind\":\"http://gw:3000/api/data/v9.2/a(1)\",\"y\":\"http://gw:3000/x\\r\\n--b\"}\r\n\
             --c--\r\n--b--\r\n",
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
             GET https://org.example/api/data/v9.2/contacts?$top=1 HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n\
             --b\r\nContent-Type: multipart/mixed; boundary=\"c\"\r\n\r\n\
             --c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n\
             POST /api/data/v9.2/contacts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n\
             {\"x@odata.bind\":\"https://org.example/api/data/v9.2/a(1)\",\"y\":\"http://gw:3000/x\\r\\n--b\"}\r\n\
             --c--\r\n--b--\r\n",
        );
    }

    #[test]
    fn answers_are_led_to_the_other_origin() {
        assert_rewritten(
            "preamble\r\n--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\
             Location: http://gw:3000/api/data/v9.2/contacts(1)\r\nOData-EntityId: http://gw:3000/c(1)\r\n\r\n\r\n\
             --b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
             {\"@odata.nextLink\":\"http://gw:3000/x\",\"text\":\"http://gw:3000/x\"}\r\n--b--",
            "preamble\r\n--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\
             Location: https://org.example/api/data/v9.2/contacts(1)\r\nOData-EntityId: https://org.example/c(1)\r\n\r\n\r\n\
             --b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
             {\"@odata.nextLink\":\"https://org.example/x\",\"text\":\"http://gw:3000/x\"}\r\n--b--",
        );
    }

    #[test]
    fn what_is_no_batch_passes() {
        for text in [
            "",
            "--",
            "--b",
            "--b\r\n",
            "no batch http://gw:3000/x\r\n",
            "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--",
        ] {
            assert_rewritten(text, text);
        }
    }

    #[test]
    fn a_boundary_that_begins_like_another_is_not_taken_for_it() {
        let part =
            |body: &str| format!("--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{body}\r\n--b--");
        let inner = "--bc\r\nLocation: http://gw:3000/x\r\n";
        assert_rewritten(&part(inner), &part(inner));
    }

    #[test]
    fn boundaries_do_not_pile_up() {
        let origins = Origins {
            from: "http://gw:3000".to_owned(),
            to: "https://org.example".to_owned(),
        };
        let mut links = MultipartLinks::new(origins, "b");
        for set in 0..100 {
            let part = format!("--b\r\nContent-Type: multipart/mixed; boundary=c{set}\r\n\r\n--c{set}--\r\n");
            links.feed(part.as_bytes(), &mut Vec::new());
        }
        let texts: Vec<_> = links
            .delimiters
            .iter()
            .map(|delimiter| delimiter.text.as_slice())
            .collect();
        assert_eq!(texts, [b"--b".as_slice(), b"--c99"]);
    }
}
