//! Links in JSON: the values of OData's control information lead from one origin to another, while the body flows. Users'
//! own data is never touched, whatever it looks like.
//!
//! A link's name ends in `@odata.nextLink"` or the like, and a colon follows. In JSON, an at sign stands within a string only,
//! and a quotation mark without a backslash before it ends that string (RFC 8259, 7). So these bytes are the end of a name
//! wherever they stand, and what is before them need not be understood: the text is searched for at signs, and only what
//! follows one is looked at.

use super::links::Origins;
use super::rewrite::Rewrite;

/// What the names of control information begin with. That of a property is written behind the property's own name,
/// `primarycontactid@odata.navigationLink`.
const PREFIX: &[u8] = b"@odata.";

/// The control information whose values are URLs (OData JSON Format 4.0, 4.5).
const LINKS: [&[u8]; 11] = [
    b"context",
    b"nextLink",
    b"deltaLink",
    b"id",
    b"bind",
    b"editLink",
    b"readLink",
    b"associationLink",
    b"navigationLink",
    b"mediaEditLink",
    b"mediaReadLink",
];

/// None of these names is longer, with what it begins with.
const LONGEST_NAME: usize = 24;

/// Replaces the origin of links in a JSON text. What is not JSON passes unchanged, unless it has what looks like a link's name
/// with its value.
pub struct JsonLinks {
    origins: Origins,
    state: State,
    /// What earlier pieces had of that which is being read: of a name, whose bytes have gone on, or of a link, whose bytes are
    /// held back.
    begun: Vec<u8>,
    /// Whether bytes were lost, which only a fault in this file can do.
    is_lost: bool,
}

#[derive(Clone, Copy)]
enum State {
    /// Where no link's name has begun.
    Elsewhere,
    /// From an at sign on: in what may be the name of a link.
    Name,
    /// Behind the name of a link, before the colon.
    BeforeColon,
    /// Behind that colon.
    BeforeValue,
    /// In an array of links, between two of them.
    Array,
    /// In a string of that array, right after a backslash if `escaped`.
    ArrayText { escaped: bool },
    /// In a link that has matched the origin so far.
    Link(Link),
}

#[derive(Clone, Copy)]
struct Link {
    in_array: bool,
    /// So many bytes of the origin.
    matched: usize,
    /// Right after a backslash.
    escaped: bool,
}

/// Where the bytes of a link lead.
#[derive(PartialEq, Eq)]
enum Leads {
    ToOrigin,
    Elsewhere,
    /// The next piece tells.
    Unknown,
}

impl JsonLinks {
    /// For one JSON text.
    pub fn new(origins: Origins) -> Self {
        Self {
            origins,
            state: State::Elsewhere,
            begun: Vec::new(),
            is_lost: false,
        }
    }

    /// Copies a part of a piece. One that is not there would be missing from the body: it must not go on then.
    fn copy(&mut self, part: Option<&[u8]>, out: &mut Vec<u8>) {
        match part {
            Some(part) => out.extend_from_slice(part),
            None => self.is_lost = true,
        }
    }

    /// Takes bytes that pass as they are, up to where the state changes; returns how many there were.
    fn pass(&mut self, rest: &[u8]) -> usize {
        match self.state {
            State::Elsewhere => match memchr::memchr(b'@', rest) {
                Some(found) => {
                    self.state = State::Name;
                    found
                }
                None => rest.len(),
            },
            State::Name => self.name(rest),
            State::BeforeColon => self.after_space(rest, |next| (next == b':').then_some(State::BeforeValue)),
            State::BeforeValue => self.after_space(rest, |next| match next {
                b'"' => Some(State::Link(Link::first(false))),
                b'[' => Some(State::Array),
                _ => None,
            }),
            State::Array => self.after_space(rest, |next| match next {
                b'"' => Some(State::Link(Link::first(true))),
                b',' => Some(State::Array),
                _ => None,
            }),
            State::ArrayText { escaped } => self.array_text(rest, escaped),
            State::Link(_) => 0,
        }
    }

    /// Reads what may be a link's name, with the quotation mark that ends it.
    fn name(&mut self, rest: &[u8]) -> usize {
        let begun = self.begun.len();
        let is_of_name = |(index, byte): &(usize, &u8)| {
            let at = begun.saturating_add(*index);
            match PREFIX.get(at) {
                Some(expected) => expected == *byte,
                None => at < LONGEST_NAME && byte.is_ascii_alphabetic(),
            }
        };
        let length = rest.iter().enumerate().take_while(is_of_name).count();
        let part = rest.get(..length).unwrap_or_default();
        let Some(next) = rest.get(length) else {
            self.begun.extend_from_slice(part);
            return length;
        };
        let is_link = *next == b'"'
            && if begun == 0 {
                is_link(part)
            } else {
                self.begun.extend_from_slice(part);
                is_link(&self.begun)
            };
        self.begun.clear();
        self.state = if is_link { State::BeforeColon } else { State::Elsewhere };
        length.saturating_add(usize::from(is_link))
    }

    /// Takes white space and one more byte, if that leads to another state; if it does not, it belongs to what comes next.
    fn after_space(&mut self, rest: &[u8], state: impl Fn(u8) -> Option<State>) -> usize {
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let space = rest.iter().take_while(is_space).count();
        let Some(next) = rest.get(space) else {
            return space;
        };
        let next = state(*next);
        self.state = next.unwrap_or(State::Elsewhere);
        space.saturating_add(usize::from(next.is_some()))
    }

    /// Takes a string in an array up to and with its closing quotation mark.
    fn array_text(&mut self, rest: &[u8], escaped: bool) -> usize {
        let mut at = usize::from(escaped);
        while let Some(found) = rest.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            let index = at.saturating_add(found);
            at = index.saturating_add(1);
            if rest.get(index) == Some(&b'"') {
                self.state = State::Array;
                return at;
            }
            // What a backslash stands before does not end the string, and may be in the next piece.
            at = at.saturating_add(1);
        }
        self.state = State::ArrayText {
            escaped: at > rest.len(),
        };
        rest.len()
    }

    /// Compares a link with the origin; returns how many bytes tell where it leads.
    fn link(&mut self, mut link: Link, rest: &[u8]) -> (usize, Leads) {
        let origin = self.origins.from.as_bytes();
        for (index, byte) in rest.iter().enumerate() {
            let Some(expected) = origin.get(link.matched) else {
                let is_whole = matches!(byte, b'/' | b'\\' | b'?' | b'#' | b'"');
                self.state = link.rest();
                return (index, if is_whole { Leads::ToOrigin } else { Leads::Elsewhere });
            };
            // A slash may be written with a backslash before it.
            if *byte == b'\\' && !link.escaped && *expected == b'/' {
                link.escaped = true;
            } else if expected.eq_ignore_ascii_case(byte) {
                link.matched = link.matched.saturating_add(1);
                link.escaped = false;
            } else {
                self.state = link.rest();
                return (index, Leads::Elsewhere);
            }
        }
        self.state = State::Link(link);
        (rest.len(), Leads::Unknown)
    }
}

impl Link {
    fn first(in_array: bool) -> Self {
        Self {
            in_array,
            matched: 0,
            escaped: false,
        }
    }

    /// What follows once it is known where it leads.
    fn rest(self) -> State {
        if self.in_array {
            State::ArrayText { escaped: self.escaped }
        } else {
            State::Elsewhere
        }
    }
}

/// Whether a name, from the at sign on, is one whose value is a link.
fn is_link(name: &[u8]) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|kind| LINKS.contains(&kind))
}

impl Rewrite for JsonLinks {
    fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        // What passes is copied in stretches as long as can be: mostly, a piece is one.
        let mut copied = 0;
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            let State::Link(link) = self.state else {
                at = at.saturating_add(self.pass(rest));
                continue;
            };
            let (length, leads) = self.link(link, rest);
            let end = at.saturating_add(length);
            self.copy(piece.get(copied..at), out);
            copied = at;
            match leads {
                Leads::ToOrigin => {
                    self.begun.clear();
                    out.extend_from_slice(self.origins.to.as_bytes());
                    copied = end;
                }
                Leads::Elsewhere => out.append(&mut self.begun),
                Leads::Unknown => {
                    self.begun.extend_from_slice(rest);
                    copied = end;
                }
            }
            at = end;
        }
        self.copy(piece.get(copied..), out);
    }

    fn is_stopped(&self) -> bool {
        self.is_lost
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if let State::Link(_) = self.state {
            out.append(&mut self.begun);
        }
        self.begun.clear();
        self.state = State::Elsewhere;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins {
            from: "https://org.example".to_owned(),
            to: "http://gw:3000".to_owned(),
        }
    }

    /// The text rewritten in pieces of so many bytes.
    fn rewritten(json: &str, size: usize) -> String {
        let mut links = JsonLinks::new(origins());
        let mut out = Vec::new();
        for piece in json.as_bytes().chunks(size) {
            links.feed(piece, &mut out);
        }
        links.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn assert_rewritten(json: &str, expected: &str) {
        for size in 1..=json.len() {
            assert_eq!(rewritten(json, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn links_lead_to_the_other_origin() {
        assert_rewritten(
            r#"{"@odata.context":"https://org.example/api/data/v9.2/$metadata#contacts","value":[{"@odata.etag":"W/\"1\""}],
                "@odata.nextLink" : "https://ORG.example/api?$skiptoken=%3C","x@odata.navigationLink":"https:\/\/org.example\/x"}"#,
            r#"{"@odata.context":"http://gw:3000/api/data/v9.2/$metadata#contacts","value":[{"@odata.etag":"W/\"1\""}],
                "@odata.nextLink" : "http://gw:3000/api?$skiptoken=%3C","x@odata.navigationLink":"http://gw:3000\/x"}"#,
        );
        assert_rewritten(
            r#"{"x@odata.bind":["https://org.example/a(1)", "https://org.example/a(2)"],"y":["https://org.example/a"]}"#,
            r#"{"x@odata.bind":["http://gw:3000/a(1)", "http://gw:3000/a(2)"],"y":["https://org.example/a"]}"#,
        );
        assert_rewritten(
            r#"{"@odata.id":"https://org.example"}"#,
            r#"{"@odata.id":"http://gw:3000"}"#,
        );
    }

    #[test]
    fn what_is_not_a_link_is_not_touched() {
        for json in [
            r#"{"description":"https://org.example/api/data/v9.2/contacts"}"#,
            r#"{"description":"see \"@odata.nextLink\":\"https://org.example/x\""}"#,
            r#"{"description":"\\\"@odata.id\":","x":"https://org.example/x"}"#,
            r#"{"x":"@odata.id","y":"https://org.example/x"}"#,
            r#"["@odata.id","https://org.example/x"]"#,
            r#"{"@odata.id":{"x":"https://org.example/x"}}"#,
            r#"{"@odata.id":null,"x":"https://org.example/x"}"#,
            r#"{"@odata.id":5,"x":"https://org.example/x"}"#,
            r#"{"@odata.id":[],"x":"https://org.example/x"}"#,
            r#"{"@odata.id":"https://org.example.evil/x"}"#,
            r#"{"@odata.id":"https://org.exampl"}"#,
            r#"{"@odata.id":"https://org.example:8443/x"}"#,
            r#"{"@odata.id":"https:\u002f/org.example/x"}"#,
            r#"{"@odata.id":"contacts(1)"}"#,
            r#"{"@odata.id":""}"#,
            r#"{"@odata.id":"\"https://org.example/x"}"#,
            r#"{"@odata.id":"https:\\/org.example/x"}"#,
            r#"{"odata.id":"https://org.example/x"}"#,
            r#"{"@odata.ids":"https://org.example/x"}"#,
            "not json https://org.example/x",
            "",
        ] {
            assert_rewritten(json, json);
        }
    }

    #[test]
    fn a_text_that_ends_in_a_link_loses_nothing() {
        for json in [
            r#"{"@odata.id":"https://org.ex"#,
            r#"{"@odata.id":"https:\"#,
            r#"{"@odata.id":"https://org.example"#,
        ] {
            assert_rewritten(json, json);
        }
    }

    #[test]
    fn a_name_is_found_wherever_it_begins() {
        let link = r#""https://org.example/x""#;
        let replaced = r#""http://gw:3000/x""#;
        for before in [
            r#"{"a":"x@odata.id","@odata.id":"#,
            r#"{"a":"b@example.com","c@odata.id":"#,
            r#"{"x@odata.etag@odata.id":"#,
            r#"{"x@@odata.id":"#,
            r#"{"x@odata@odata.associationLink" : "#,
            r#"{"@odata.id":"@odata.id","@odata.id":"#,
            r#"{"x@odata.bind":["a@odata.id"],"@odata.id":"#,
            r#"{"x@odata.bind":["a\"]",5],"@odata.id":"#,
        ] {
            assert_rewritten(&format!("{before}{link}}}"), &format!("{before}{replaced}}}"));
        }
        for before in [
            r#"{"a@odata.mediaReadLinkx":"#,
            r#"{"a@odata.Id":"#,
            r#"{"a@OData.id":"#,
            r#"{"a@odata.id.b":"#,
            r#"{"a@odata.":"#,
            r#"{"a@odata.idididididididididididididid":"#,
            r#"{"a":"b@odata.id":","c":"#,
        ] {
            assert_rewritten(&format!("{before}{link}}}"), &format!("{before}{link}}}"));
        }
    }

    #[test]
    fn only_the_end_of_a_name_counts() {
        let json = |origin: &str| format!(r#"{{"{}@odata.navigationLink":"{origin}/x"}}"#, "x".repeat(1000));
        assert_rewritten(&json("https://org.example"), &json("http://gw:3000"));
    }
}
