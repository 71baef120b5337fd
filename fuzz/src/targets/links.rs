//! Links that the gateway rewrites.

use std::rc::Rc;

use dynamics365::fuzzing::JsonLinks;
use dynamics365::fuzzing::MultipartLinks;
use dynamics365::fuzzing::Opened;
use dynamics365::fuzzing::Origins;
use dynamics365::fuzzing::boundary_of;
use dynamics365::fuzzing::{Rewrite, Stop};
use serde_json::Value;

use super::support::{ENVIRONMENT, contains, first_line};

const GATEWAY: &str = "http://gw.example:3000";

/// A line with the content type, and the body.
pub(super) fn links(input: &[u8]) {
    let (content_type, text) = first_line(input);
    let boundary = boundary_of(&String::from_utf8_lossy(content_type));
    let boundary = boundary.as_deref();
    let whole = rewritten(boundary, [text]);
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(rewritten(boundary, text.chunks(size)), whole, "in pieces of {size}");
    }
    for byte in *b"\"\\\n-/" {
        let pieces = text.split_inclusive(|&other| other == byte);
        assert_eq!(
            rewritten(boundary, pieces),
            whole,
            "in pieces that end in {}",
            char::from(byte)
        );
    }

    let lower = text.to_ascii_lowercase();
    // The length of a body that changes is removed.
    let changes = ["contoso", "%", "content-length"];
    if !changes.iter().any(|part| contains(&lower, part)) {
        assert_eq!(whole, text, "a text without links to the environment is unchanged");
    }
    if boundary.is_none()
        && !text.contains(&b'\\')
        && let Ok(mut value) = serde_json::from_slice::<Value>(text)
    {
        lead_back(&mut value);
        let read: Value = serde_json::from_slice(&whole).expect("it is still JSON");
        assert_eq!(read, value);
    }
}

/// The body of a request to `$batch` with the boundary `b`. Whatever passes, no interpretation of it
/// contains a header that callers may not send.
pub(super) fn batch_parts(input: &[u8]) {
    let Some(whole) = of_request([input]) else {
        return;
    };
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(
            of_request(input.chunks(size)).as_deref(),
            Some(whole.as_slice()),
            "in pieces of {size}"
        );
    }
    assert_eq!(
        of_request([whole.as_slice()]).as_deref(),
        Some(whole.as_slice()),
        "what has passed passes"
    );
    // Microsoft's parser ends a line at CR, LF or CRLF; another only at CRLF.
    let text = String::from_utf8_lossy(&whole).into_owned();
    let any_end = text.replace("\r\n", "\n").replace('\r', "\n");
    heads_are_clean(any_end.split('\n'));
    heads_are_clean(text.split("\r\n"));
    heads_are_clean(text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)));
}

/// Parses a batch's lines like a service, and checks the headers of its parts.
fn heads_are_clean<'a>(lines: impl Iterator<Item = &'a str>) {
    let mut delimiters = vec!["--b".to_owned()];
    let mut in_head = false;
    let mut is_message = false;
    let mut blanks = 0;
    for line in lines {
        let delimiter = delimiters
            .iter()
            .position(|delimiter| line == delimiter || line.strip_prefix(delimiter.as_str()) == Some("--"));
        if let Some(index) = delimiter {
            in_head = line == delimiters[index];
            is_message = false;
            blanks = 0;
        } else if line.is_empty() {
            blanks += 1;
            in_head &= is_message && blanks < 2;
        } else if in_head {
            let lower = line.to_lowercase();
            let name = lower.split(':').next().unwrap_or_default().trim();
            for closed in [
                "authorization",
                "x-api-key",
                "cookie",
                "callerobjectid",
                "mscrmcallerid",
                "content-length",
            ] {
                assert!(name != closed, "{line}");
            }
            if blanks == 0 && name == "content-type" {
                is_message = lower
                    .split_once(':')
                    .is_some_and(|(_, value)| value.trim().starts_with("application/http"));
                if let Some(boundary) = boundary_of(lower.split_once(':').unwrap().1) {
                    delimiters.truncate(1);
                    delimiters.push(format!("--{}", boundary_of(line).unwrap_or(boundary)));
                }
            }
        }
    }
}

/// The forwarded body, if all of it may pass.
fn of_request<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let stop = Stop::default();
    let mut links = MultipartLinks::of_request(origins(), "b", Rc::new(Opened::default()), stop.clone());
    let mut out = Vec::new();
    for piece in pieces {
        links.feed(piece, &mut out);
    }
    links.finish(&mut out);
    stop.reason().is_none().then_some(out)
}

fn rewritten<'a>(boundary: Option<&str>, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut rewrite: Box<dyn Rewrite> = match boundary {
        Some(boundary) => Box::new(MultipartLinks::new(origins(), boundary)),
        None => Box::new(JsonLinks::new(origins())),
    };
    let mut out = Vec::new();
    for piece in pieces {
        rewrite.feed(piece, &mut out);
    }
    rewrite.finish(&mut out);
    out
}

fn origins() -> Origins {
    Origins {
        from: ENVIRONMENT.to_owned(),
        to: GATEWAY.to_owned(),
    }
}

/// The same for a complete text.
fn lead_back(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(link) if is_link(name) => replace(link),
                    Value::Array(links) if is_link(name) => {
                        let mut are_links = true;
                        for link in links {
                            match link {
                                Value::String(link) if are_links => replace(link),
                                other => {
                                    are_links = false;
                                    lead_back(other);
                                }
                            }
                        }
                    }
                    other => lead_back(other),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(lead_back),
        _ => {}
    }
}

fn is_link(name: &str) -> bool {
    const NAMES: [&str; 11] = [
        "context",
        "nextLink",
        "deltaLink",
        "id",
        "bind",
        "editLink",
        "readLink",
        "associationLink",
        "navigationLink",
        "mediaEditLink",
        "mediaReadLink",
    ];
    name.rsplit_once("@odata.")
        .is_some_and(|(_, kind)| NAMES.contains(&kind))
}

fn replace(link: &mut String) {
    if let Some(replaced) = origins().replace(link) {
        *link = replaced;
    }
}
