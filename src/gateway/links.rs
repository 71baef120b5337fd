//! Links in JSON: the values of OData's control information lead from one origin to another, while the body flows. Users'
//! own data is never touched, whatever it looks like.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::rewrite::Rewrite;

/// The control information whose values are URLs (OData JSON Format 4.0, 4.5), as the ends of their names: that of a
/// property is written behind its name, `primarycontactid@odata.navigationLink`.
const LINKS: [&[u8]; 11] = [
    b"@odata.context",
    b"@odata.nextLink",
    b"@odata.deltaLink",
    b"@odata.id",
    b"@odata.bind",
    b"@odata.editLink",
    b"@odata.readLink",
    b"@odata.associationLink",
    b"@odata.navigationLink",
    b"@odata.mediaEditLink",
    b"@odata.mediaReadLink",
];

/// As much of a name's end as tells what it is: none of the above is longer.
const NAME_END: usize = 24;

/// From one origin to another.
#[derive(Clone, Debug)]
pub struct Origins {
    /// What links have.
    pub from: String,
    /// What they are to have.
    pub to: String,
}

impl Origins {
    /// A URL with its origin replaced, where it has the one to replace.
    pub fn replace(&self, url: &str) -> Option<String> {
        let rest = url.get(self.from.len()..)?;
        let begins = url.get(..self.from.len())?.eq_ignore_ascii_case(&self.from);
        (begins && (rest.is_empty() || rest.starts_with(['/', '?', '#']))).then(|| format!("{}{rest}", self.to))
    }
}

/// Replaces the origin of the link in `$id`, by which `DELETE …/$ref` names the row to part with (OData Protocol 4.0,
/// 11.4.6.2), and of no other option: what else a query says is the caller's own. Nothing, where there is none.
pub(crate) fn replace_in_query(origins: &Origins, target: &str) -> Option<String> {
    let (path, query) = target.split_once('?')?;
    let mut is_changed = false;
    let options = query.split('&').map(|option| {
        let replaced = option.split_once('=').and_then(|(name, value)| {
            let is_id = percent_decode_str(name).decode_utf8_lossy() == "$id";
            let replaced = origins
                .replace(&percent_decode_str(value).decode_utf8_lossy())
                .filter(|_| is_id)?;
            Some(format!("{name}={}", utf8_percent_encode(&replaced, NON_ALPHANUMERIC)))
        });
        is_changed |= replaced.is_some();
        replaced.unwrap_or_else(|| option.to_owned())
    });
    let query = options.collect::<Vec<_>>().join("&");
    is_changed.then(|| format!("{path}?{query}"))
}

/// Replaces the origin of links in a JSON text. What is not JSON passes unchanged, as far as it is none.
pub struct JsonLinks {
    origins: Origins,
    state: State,
    /// The end of the last string, which may be a name.
    last: Vec<u8>,
    /// Whether nothing but white space came since that string.
    after_string: bool,
    /// Whether the next string is the value of a link.
    expects_link: bool,
    /// Whether strings are the values of a link until the array ends.
    in_link_array: bool,
    /// Whether bytes were lost, which only a fault in this file can do.
    is_lost: bool,
}

enum State {
    /// Between strings.
    Outside,
    /// In a string, `escaped` right after a backslash.
    Text { escaped: bool },
    /// In a string that has matched the origin so far: so many bytes of it, written as in `held`.
    Link { matched: usize, held: Vec<u8> },
}

impl JsonLinks {
    /// For one JSON text.
    pub fn new(origins: Origins) -> Self {
        Self {
            origins,
            state: State::Outside,
            last: Vec::new(),
            after_string: false,
            expects_link: false,
            in_link_array: false,
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

    /// Looks at bytes between strings, up to the next string; returns how many there were.
    fn outside(&mut self, piece: &[u8]) -> usize {
        for (index, byte) in piece.iter().enumerate() {
            match byte {
                b'"' => {
                    self.last.clear();
                    self.after_string = false;
                    let is_link = self.expects_link || self.in_link_array;
                    self.expects_link = false;
                    self.state = if is_link {
                        State::Link {
                            matched: 0,
                            held: Vec::new(),
                        }
                    } else {
                        State::Text { escaped: false }
                    };
                    return index.saturating_add(1);
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b':' => {
                    self.expects_link = self.after_string && LINKS.iter().any(|name| self.last.ends_with(name));
                    self.after_string = false;
                }
                b'[' if self.expects_link => {
                    self.in_link_array = true;
                    self.expects_link = false;
                }
                b',' if self.in_link_array => {}
                _ => {
                    self.after_string = false;
                    self.expects_link = false;
                    self.in_link_array = false;
                }
            }
        }
        piece.len()
    }

    /// Looks at the bytes of a string, up to and with its closing quote; returns how many there were.
    fn text(&mut self, piece: &[u8], escaped: bool) -> usize {
        let mut at = usize::from(escaped);
        while let Some(found) = piece.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            let index = at.saturating_add(found);
            at = index.saturating_add(1);
            if piece.get(index) == Some(&b'"') {
                self.remember(piece.get(..index).unwrap_or_default());
                self.state = State::Outside;
                self.after_string = true;
                return at;
            }
            // What a backslash stands before is no quote, and may be in the next piece.
            at = at.saturating_add(1);
        }
        self.remember(piece);
        self.state = State::Text {
            escaped: at > piece.len(),
        };
        piece.len()
    }

    /// Keeps the end of a string.
    fn remember(&mut self, part: &[u8]) {
        let end = part.get(part.len().saturating_sub(NAME_END)..).unwrap_or_default();
        let excess = self.last.len().saturating_add(end.len()).saturating_sub(NAME_END);
        self.last.drain(..excess.min(self.last.len()));
        self.last.extend_from_slice(end);
    }

    /// Compares one more byte of a link. Returns whether it was taken; if not, the string goes on as text.
    fn link(&mut self, byte: u8, matched: usize, mut held: Vec<u8>, out: &mut Vec<u8>) -> bool {
        let origin = self.origins.from.as_bytes();
        let after_backslash = held.last() == Some(&b'\\');
        let ends_origin = matched == origin.len();
        if ends_origin && !after_backslash && matches!(byte, b'/' | b'\\' | b'?' | b'#' | b'"') {
            out.extend_from_slice(self.origins.to.as_bytes());
            self.state = State::Text { escaped: false };
            return false;
        }
        // A slash may be written with a backslash before it.
        if byte == b'\\' && !after_backslash && origin.get(matched) == Some(&b'/') {
            held.push(byte);
            self.state = State::Link { matched, held };
            return true;
        }
        if origin
            .get(matched)
            .is_some_and(|expected| expected.eq_ignore_ascii_case(&byte))
        {
            held.push(byte);
            self.state = State::Link {
                matched: matched.saturating_add(1),
                held,
            };
            return true;
        }
        out.extend_from_slice(&held);
        self.state = State::Text {
            escaped: after_backslash,
        };
        false
    }
}

impl Rewrite for JsonLinks {
    fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        // What is not a link is copied in stretches as long as can be: most of a body is none.
        let mut copied = 0;
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            let taken = match std::mem::replace(&mut self.state, State::Outside) {
                State::Outside => self.outside(rest),
                State::Text { escaped } => self.text(rest, escaped),
                State::Link { matched, held } => {
                    self.copy(piece.get(copied..at), out);
                    let taken = match rest.first() {
                        Some(byte) => usize::from(self.link(*byte, matched, held, out)),
                        None => break,
                    };
                    copied = at.saturating_add(taken);
                    taken
                }
            };
            at = at.saturating_add(taken);
        }
        self.copy(piece.get(copied..), out);
    }

    fn is_stopped(&self) -> bool {
        self.is_lost
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if let State::Link { held, .. } = &self.state {
            out.extend_from_slice(held);
        }
        self.state = State::Outside;
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
    fn only_the_end_of_a_name_counts() {
        let json = |origin: &str| format!(r#"{{"{}@odata.navigationLink":"{origin}/x"}}"#, "x".repeat(1000));
        assert_rewritten(&json("https://org.example"), &json("http://gw:3000"));
    }

    #[test]
    fn only_the_id_of_a_query_is_a_link() {
        let replaced = |target| replace_in_query(&origins(), target);
        assert_eq!(
            replaced("/a/$ref?x=1&$id=https://org.example/b(1)").as_deref(),
            Some("/a/$ref?x=1&$id=http%3A%2F%2Fgw%3A3000%2Fb%281%29")
        );
        assert_eq!(
            replaced("/a/$ref?%24id=https%3A%2F%2Forg.example%2Fb(1)").as_deref(),
            Some("/a/$ref?%24id=http%3A%2F%2Fgw%3A3000%2Fb%281%29")
        );
        for target in [
            "/a",
            "/a?",
            "/a?$id=b(1)",
            "/a?$filter=x eq 'https://org.example/b'",
            "/a?x=https://org.example/b",
        ] {
            assert_eq!(replaced(target), None, "{target}");
        }
    }

    #[test]
    fn one_url_is_replaced_whole_or_not() {
        assert_eq!(
            origins().replace("https://org.example/x").as_deref(),
            Some("http://gw:3000/x")
        );
        assert_eq!(
            origins().replace("HTTPS://org.example").as_deref(),
            Some("http://gw:3000")
        );
        for url in [
            "",
            "https://org.example.evil/x",
            "https://org.exampl",
            "/x",
            "ébc://org.example/x",
        ] {
            assert_eq!(origins().replace(url), None, "{url}");
        }
    }
}
