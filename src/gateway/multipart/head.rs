//! The head of a part, and of the message in it.

use http::HeaderName;

use super::{Candidate, Field, MultipartLinks, Part, State};
use crate::dataverse::url::refuse_dot_segments;
use crate::gateway::batch::is_batch;
use crate::gateway::links::replace_in_query;
use crate::gateway::opened::Opened;
use crate::gateway::rewrite::Stopped;
use crate::http::boundary::{boundary_of, clear_boundary};
use crate::http::multipart::{Delimiter, header_field, is_folded, without_end};

/// The longest header of a part, in bytes. Dataverse accepts URLs of 64 KiB in a batch.
const MAX_LINE: usize = 128 << 10;

/// The headers of a message that hold a URL.
const URL_HEADERS: [&str; 3] = ["location", "odata-entityid", "content-location"];

/// The headers allowed in a part's own head.
const PART_HEADERS: [&str; 3] = ["content-id", "content-transfer-encoding", "content-type"];

/// The headers allowed in a message beside those allowed in a request.
const MESSAGE_HEADERS: [&str; 3] = ["content-id", "content-transfer-encoding", "x-ms-client-request-id"];

impl MultipartLinks {
    /// Handles a byte of a head. A complete header field is rewritten and passed on.
    pub(super) fn head(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        self.line.push(byte);
        let is_complete = byte == b'\n';
        let length = self.line.len().saturating_add(self.field.raw.len());
        let is_too_long = length >= MAX_LINE;
        let state = std::mem::replace(&mut self.state, State::Stopped);
        if !is_complete && !is_too_long {
            return state;
        }
        let line = std::mem::take(&mut self.line);
        let text = without_end(&line);
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
        if is_folded(text) && !self.field.raw.is_empty() && is_complete && !is_too_long {
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

    /// Passes the first line of a message on, its URL rewritten.
    fn first_line(&mut self, line: &[u8], text: &[u8], out: &mut Vec<u8>) -> State {
        let split = std::str::from_utf8(text).ok().and_then(request_line);
        let Some((method, url, version)) = split else {
            if self.rules.is_some() {
                return self.unclear("does not begin with a method and a URL");
            }
            out.extend_from_slice(line);
            // An empty line ends the head.
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
        let rewritten = self.origins.replace(url);
        let with_query = replace_in_query(&self.origins, rewritten.as_deref().unwrap_or(url));
        match with_query.or(rewritten) {
            Some(url) => out.extend_from_slice(format!("{method} {url}{version}\r\n").as_bytes()),
            None if self.rules.is_some() => out.extend_from_slice(&[text, b"\r\n"].concat()),
            None => out.extend_from_slice(line),
        }
        State::MessageHead
    }

    /// Passes a header field on, if it is allowed, its URL rewritten.
    fn end_field(&mut self, state: &State, out: &mut Vec<u8>) -> Result<(), State> {
        let field = std::mem::take(&mut self.field);
        if field.raw.is_empty() {
            return Ok(());
        }
        let in_part = matches!(state, State::PartHead);
        let Some((name, value)) = header_field(&field.text) else {
            if self.rules.is_some() {
                return Err(self.unclear("has a line in its head that is not a header"));
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
        // A length is removed: rewriting may change it, and the delimiter ends the body.
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

    /// Learns from a header of a part's own head what the part is.
    fn learn(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), State> {
        let value = String::from_utf8_lossy(value);
        if name == "content-transfer-encoding" && self.rules.is_some() {
            let is_plain = ["binary", "8bit", "7bit"]
                .iter()
                .any(|known| value.eq_ignore_ascii_case(known));
            return is_plain.then_some(()).ok_or_else(|| {
                self.unclear("has a Content-Transfer-Encoding other than binary, 8bit or 7bit, which cannot be checked")
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
                let delimiter = Delimiter::new(&boundary);
                let is_alike = self.delimiters.first().is_some_and(|outer| {
                    let (inner, outer) = (delimiter.as_bytes(), outer.delimiter.as_bytes());
                    inner.starts_with(outer) || outer.starts_with(inner)
                });
                if self.in_set || is_alike {
                    return Err(self.unclear(
                        "is a change set within another, or one whose boundary begins like that of the batch",
                    ));
                }
                Some(boundary)
            }
        };
        if let Some(boundary) = boundary {
            self.part = Part::Set;
            // Change sets are not nested, so the previous one has ended. Keeping them all would let a text fill the memory.
            self.delimiters.truncate(1);
            self.delimiters.push(Candidate::new(&boundary));
        }
        Ok(())
    }
}

/// The method, the URL, and the rest of a request line from the space on. Microsoft's reader accepts spaces in the URL.
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

fn write_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    for part in [name.trim_ascii_end(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Applies the rules for a request's URL to that of a part.
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
