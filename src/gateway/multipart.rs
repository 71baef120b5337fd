//! Links in a `$batch`: a multipart text whose parts are HTTP messages (OData Protocol 4.0, 11.7). Their request lines, their
//! headers that hold a URL, and their JSON bodies lead from one origin to another, while the text flows.

use super::links::{JsonLinks, Origins, replace_in_query};
use super::rewrite::Rewrite;
use crate::dataverse::batch::boundary::boundary_of;

/// No line of a part's head is longer: Dataverse takes URLs of 64 KiB within a batch.
const MAX_LINE: usize = 128 << 10;

/// The headers within a part that hold a URL.
const URL_HEADERS: [&str; 3] = ["location", "odata-entityid", "content-location"];

/// Replaces the origin of links in a multipart text.
pub struct MultipartLinks {
    origins: Origins,
    /// `--` and the boundary, of the text and of the change set that began last.
    delimiters: Vec<Vec<u8>>,
    /// What the current part is, as far as its head has told.
    part: Part,
    /// The line being read, where it has to be known whole.
    line: Vec<u8>,
    state: State,
}

#[derive(Default)]
struct Part {
    /// `application/http`: an HTTP message with a head of its own follows.
    is_message: bool,
}

enum State {
    /// The rest of a delimiter's line.
    AfterDelimiter,
    /// The lines of a part's own head.
    PartHead,
    /// The first line of a message, then its headers.
    MessageHead { first: bool },
    /// A body, at the start of a line: it may be a delimiter.
    LineStart(Box<JsonLinks>),
    /// A body, within a line.
    Line(Box<JsonLinks>),
}

impl MultipartLinks {
    /// For a text with this boundary.
    pub fn new(origins: Origins, boundary: &str) -> Self {
        let preamble = Box::new(JsonLinks::new(origins.clone()));
        Self {
            origins,
            delimiters: vec![delimiter(boundary)],
            part: Part::default(),
            line: Vec::new(),
            state: State::LineStart(preamble),
        }
    }

    fn body(&self) -> State {
        State::LineStart(Box::new(JsonLinks::new(self.origins.clone())))
    }

    /// Takes the next byte of a head. A whole line is changed and passed on.
    fn head(&mut self, byte: u8, in_part: bool, first: bool, out: &mut Vec<u8>) -> State {
        self.line.push(byte);
        if byte != b'\n' && self.line.len() < MAX_LINE {
            return if in_part {
                State::PartHead
            } else {
                State::MessageHead { first }
            };
        }
        let line = std::mem::take(&mut self.line);
        let is_blank = line.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        match (in_part, is_blank) {
            (true, false) => {
                self.learn(&line);
                out.extend_from_slice(&line);
                State::PartHead
            }
            (true, true) => {
                out.extend_from_slice(&line);
                if self.part.is_message {
                    State::MessageHead { first: true }
                } else {
                    self.body()
                }
            }
            (false, false) => {
                self.message_line(&line, first, out);
                State::MessageHead { first: false }
            }
            (false, true) => {
                out.extend_from_slice(&line);
                self.body()
            }
        }
    }

    /// What a line of a part's head says of the part.
    fn learn(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let Some((name, value)) = line.split_once(':') else {
            return;
        };
        if !name.trim().eq_ignore_ascii_case("content-type") {
            return;
        }
        if let Some(boundary) = boundary_of(value) {
            // Change sets hold no others, so the last one has ended. Keeping them all would let a text fill the memory.
            self.delimiters.truncate(1);
            self.delimiters.push(delimiter(&boundary));
        }
        self.part.is_message = value.trim().to_ascii_lowercase().starts_with("application/http");
    }

    /// A line of a message's head, with its URL changed. A length is left out: the body may get another one, and the
    /// delimiter ends it anyway.
    fn message_line(&self, line: &[u8], first: bool, out: &mut Vec<u8>) {
        let Ok(text) = std::str::from_utf8(line) else {
            return out.extend_from_slice(line);
        };
        if first && let Some((method, rest)) = text.split_once(' ') {
            let (url, version) = rest.split_once(' ').map_or((rest, ""), |(url, version)| (url, version));
            let url = url.trim_end();
            let led = self.origins.replace(url);
            let named = replace_in_query(&self.origins, led.as_deref().unwrap_or(url));
            if let Some(url) = named.or(led) {
                let gap = if version.is_empty() { "\r\n" } else { " " };
                return out.extend_from_slice(format!("{method} {url}{gap}{version}").as_bytes());
            }
        }
        match text.split_once(':') {
            Some((name, _)) if !first && name.trim().eq_ignore_ascii_case("content-length") => {}
            Some((name, value)) if !first && URL_HEADERS.contains(&name.trim().to_ascii_lowercase().as_str()) => {
                match self.origins.replace(value.trim()) {
                    Some(url) => out.extend_from_slice(format!("{name}: {url}\r\n").as_bytes()),
                    None => out.extend_from_slice(line),
                }
            }
            _ => out.extend_from_slice(line),
        }
    }

    /// Takes the rest of a delimiter's line: two hyphens make it the last one, and what follows belongs to no part.
    fn after_delimiter(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        self.line.push(byte);
        if byte != b'\n' && self.line.len() < MAX_LINE {
            return State::AfterDelimiter;
        }
        let is_last = self.line.starts_with(b"--");
        out.append(&mut self.line);
        if is_last {
            return self.body();
        }
        self.part = Part::default();
        State::PartHead
    }

    /// Takes bytes at the start of a line of a body, until it is told whether the line is a delimiter.
    fn line_start(&mut self, byte: u8, mut links: Box<JsonLinks>, out: &mut Vec<u8>) -> State {
        // One boundary may begin like another, so it takes the byte behind it to tell.
        if matches!(byte, b'-' | b' ' | b'\t' | b'\r' | b'\n') && self.delimiters.contains(&self.line) {
            links.finish(out);
            out.append(&mut self.line);
            return self.after_delimiter(byte, out);
        }
        self.line.push(byte);
        if self
            .delimiters
            .iter()
            .any(|delimiter| delimiter.starts_with(&self.line))
        {
            return State::LineStart(links);
        }
        let line = std::mem::take(&mut self.line);
        links.feed(&line, out);
        if byte == b'\n' {
            State::LineStart(links)
        } else {
            State::Line(links)
        }
    }
}

impl Rewrite for MultipartLinks {
    fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(byte) = rest.first().copied() {
            let placeholder = State::PartHead;
            match std::mem::replace(&mut self.state, placeholder) {
                State::Line(mut links) => {
                    // Within a line nothing can end the body, so it goes on in one piece.
                    let end = rest.iter().position(|byte| *byte == b'\n');
                    let length = end.map_or(rest.len(), |end| end.saturating_add(1));
                    let (line, later) = rest.split_at(length.min(rest.len()));
                    links.feed(line, out);
                    self.state = if end.is_some() {
                        State::LineStart(links)
                    } else {
                        State::Line(links)
                    };
                    rest = later;
                    continue;
                }
                State::LineStart(links) => self.state = self.line_start(byte, links, out),
                State::AfterDelimiter => self.state = self.after_delimiter(byte, out),
                State::PartHead => self.state = self.head(byte, true, false, out),
                State::MessageHead { first } => self.state = self.head(byte, false, first, out),
            }
            rest = rest.get(1..).unwrap_or_default();
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        match &mut self.state {
            State::LineStart(links) | State::Line(links) => {
                links.feed(&self.line, out);
                links.finish(out);
            }
            State::AfterDelimiter | State::PartHead | State::MessageHead { .. } => out.extend_from_slice(&self.line),
        }
        self.line.clear();
    }
}

fn delimiter(boundary: &str) -> Vec<u8> {
    format!("--{boundary}").into_bytes()
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
        assert_eq!(links.delimiters, [b"--b".to_vec(), b"--c99".to_vec()]);
    }
}
