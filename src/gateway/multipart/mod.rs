//! Rewrites links in a `$batch` while it is streamed: a multipart text whose parts are HTTP messages (OData Protocol 4.0,
//! 11.7). Request lines, headers that hold a URL, and JSON bodies point from one origin to another.
//!
//! A request's parts obey the rules for a request, in change sets too: only the headers that may pass, and only the URLs
//! that may be requested. This holds only if the service sees the same parts as this reader. So heads are written
//! as they were understood, with the line ends of RFC 2046 and without lengths, which could end a body elsewhere. Text that
//! another reader could split into lines or parts differently is refused: Microsoft's reader takes a carriage return alone for
//! the end of a line (<https://github.com/OData/odata.net>, `ODataBatchReaderStreamBuffer`), and RFC 2046, 5.1.1 takes any line
//! that begins with a delimiter for one.

mod head;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use super::json_links::JsonLinks;
use super::links::Origins;
use super::opened::Opened;
use super::rewrite::{Rewrite, Stop, Stopped};
use crate::http::multipart::{Delimiter, Mark, Match};

/// Replaces the origin of links in a multipart text.
pub struct MultipartLinks {
    origins: Origins,
    /// The rules for the parts of a request. `None` for an answer, to which no rules apply.
    rules: Option<Rules>,
    /// Of the text, and of the current change set.
    delimiters: Vec<Candidate>,
    /// Whether the current part belongs to a change set.
    in_set: bool,
    /// The kind of the current part, as far as it is known from its head.
    part: Part,
    /// The part of the current line that is buffered.
    line: Vec<u8>,
    /// The header field before the line, which the line may continue.
    field: Field,
    /// Whether the previous byte is a carriage return.
    after_cr: bool,
    /// Whether the line begins after a carriage return alone.
    begins_after_cr: bool,
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
    /// `application/http`: an HTTP message with its own head follows.
    Message,
    /// A change set.
    Set,
}

/// A header field, possibly folded over several lines.
#[derive(Default)]
struct Field {
    /// On one line, without the line end.
    text: Vec<u8>,
    /// As received.
    raw: Vec<u8>,
}

enum State {
    /// After a delimiter, before its line feed.
    AfterDelimiter(Mark),
    /// In a part's own head.
    PartHead,
    /// In the first line of a message.
    FirstLine,
    /// In the headers of a message.
    MessageHead,
    /// In a body, in a line that can still be a delimiter.
    LineStart(Box<JsonLinks>),
    /// In a body, in a line that is not a delimiter.
    Line(Box<JsonLinks>),
    /// Refused: the rest is discarded.
    Stopped,
}

/// A delimiter, and how much of it the current line matches.
struct Candidate {
    delimiter: Delimiter,
    so_far: Match,
}

impl Candidate {
    fn new(boundary: &str) -> Self {
        Self {
            delimiter: Delimiter::new(boundary),
            so_far: Match::START,
        }
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
            delimiters: vec![Candidate::new(boundary)],
            in_set: false,
            part: Part::default(),
            line: Vec::new(),
            field: Field::default(),
            after_cr: false,
            begins_after_cr: false,
            state: State::LineStart(preamble),
        }
    }

    fn body(&mut self) -> State {
        self.after_cr = false;
        self.begin_line();
        State::LineStart(Box::new(JsonLinks::new(self.origins.clone())))
    }

    fn begin_line(&mut self) {
        for candidate in &mut self.delimiters {
            candidate.so_far = Match::START;
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

    /// Handles a byte of a line that can still be a delimiter.
    fn line_start(&mut self, byte: u8, mut links: Box<JsonLinks>, out: &mut Vec<u8>) -> State {
        if self.line.is_empty() {
            self.begins_after_cr = self.after_cr && byte != b'\n';
        }
        self.after_cr = byte == b'\r';
        let ends_line = byte == b'\n' || byte == b'\r';
        if !ends_line {
            self.line.push(byte);
            for candidate in &mut self.delimiters {
                candidate.so_far = candidate.delimiter.advance(candidate.so_far, byte);
            }
            if self.delimiters.iter().any(|candidate| candidate.so_far.is_possible()) {
                return State::LineStart(links);
            }
        }
        let marks = self.delimiters.iter().map(|candidate| candidate.so_far.mark());
        let found = marks.enumerate().find_map(|(index, mark)| Some((index, mark?)));
        if let Some((index, mark)) = found.filter(|_| ends_line) {
            if self.rules.is_some() && self.begins_after_cr {
                return self.unclear("begins after a carriage return alone");
            }
            links.finish(out);
            out.append(&mut self.line);
            self.in_set = index > 0;
            if byte == b'\n' && self.rules.is_some() {
                out.push(b'\r');
            }
            return self.after_delimiter(byte, mark, out);
        }
        if self.rules.is_some() && self.delimiters.iter().any(|candidate| candidate.so_far.is_ambiguous()) {
            return self.unclear("has a line that begins like a delimiter but is not one");
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

    /// Handles a byte after a delimiter, up to the line feed. The text after the last delimiter belongs to no part.
    fn after_delimiter(&mut self, byte: u8, mark: Mark, out: &mut Vec<u8>) -> State {
        out.push(byte);
        if byte != b'\n' {
            return State::AfterDelimiter(mark);
        }
        if mark == Mark::Last {
            return self.body();
        }
        self.part = Part::default();
        State::PartHead
    }
}

impl Rewrite for MultipartLinks {
    fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(byte) = rest.first().copied() {
            match std::mem::replace(&mut self.state, State::Stopped) {
                State::Line(mut links) => {
                    // No delimiter within a line: pass the rest of it on at once.
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
                State::AfterDelimiter(_) if byte != b'\n' && self.rules.is_some() => {
                    self.state = self.unclear("begins after a carriage return alone");
                }
                State::AfterDelimiter(mark) => self.state = self.after_delimiter(byte, mark, out),
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
            State::Stopped | State::AfterDelimiter(_) => {}
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
