//! Links that the gateway leads back to itself.

use dynamics365::dataverse::batch::boundary::boundary_of;
use dynamics365::gateway::links::{JsonLinks, Origins};
use dynamics365::gateway::multipart::MultipartLinks;
use dynamics365::gateway::rewrite::Rewrite;
use serde_json::Value;

use super::support::{ENVIRONMENT, contains, first_line};

const GATEWAY: &str = "http://gw.example:3000";

/// A line with the content type, and the body.
pub fn links(input: &[u8]) {
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
    // The length of what gets longer is left out.
    let changes = ["contoso", "%", "content-length"];
    if !changes.iter().any(|part| contains(&lower, part)) {
        assert_eq!(whole, text, "nothing is changed where nothing leads there");
    }
    if boundary.is_none()
        && !text.contains(&b'\\')
        && let Ok(mut value) = serde_json::from_slice::<Value>(text)
    {
        lead_back(&mut value);
        let read: Value = serde_json::from_slice(&whole).expect("it is JSON still");
        assert_eq!(read, value);
    }
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

/// The same, of a text that is there whole.
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
