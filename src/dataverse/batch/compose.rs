//! Formats a batch as text. Every line ends in CRLF, the only line end that Dataverse accepts.

use http::{HeaderMap, header};

use super::Item;
use super::check::Checked;
use super::references;
use crate::dataverse::headers::CLIENT_REQUEST_ID;
use crate::dataverse::request::Request;

/// A batch as text, and the content type with its boundary.
pub(super) struct Text {
    pub content_type: String,
    pub body: Vec<u8>,
}

/// Formats a batch. `guid` makes the boundaries unique. `client_request_id` is that of the batch itself;
/// parts with the same id omit it.
pub(super) fn compose(guid: String, items: &[Item<Checked>], client_request_id: &str) -> Text {
    let unique = unused(guid, items);
    let boundary = format!("batch_{unique}");
    let mut writer = Writer {
        body: Vec::new(),
        client_request_id,
    };
    for (index, item) in items.iter().enumerate() {
        match item {
            Item::Request(request) => writer.part(&boundary, request),
            Item::ChangeSet(set) => {
                let inner = format!("changeset_{index}_{unique}");
                writer.line(&format!("--{boundary}"));
                writer.line(&content_type(&inner));
                writer.line("");
                for request in set {
                    writer.part(&inner, request);
                }
                writer.line(&format!("--{inner}--"));
            }
        }
    }
    writer.line(&format!("--{boundary}--"));
    Text {
        content_type: content_type_value(&boundary),
        body: writer.body,
    }
}

fn content_type(boundary: &str) -> String {
    format!("Content-Type: {}", content_type_value(boundary))
}

fn content_type_value(boundary: &str) -> String {
    format!("multipart/mixed; boundary=\"{boundary}\"")
}

/// A text that occurs in no body, so that a boundary made from it cannot end a body.
fn unused(mut text: String, items: &[Item<Checked>]) -> String {
    let bodies = || items.iter().flat_map(Item::all).filter_map(|part| part.request.body());
    while bodies().any(|body| body.windows(text.len()).any(|bytes| bytes == text.as_bytes())) {
        text.push('0');
    }
    text
}

struct Writer<'a> {
    body: Vec<u8>,
    client_request_id: &'a str,
}

impl Writer<'_> {
    fn part(&mut self, boundary: &str, part: &Checked) {
        self.line(&format!("--{boundary}"));
        self.line("Content-Type: application/http");
        self.line("Content-Transfer-Encoding: binary");
        if let Some(id) = &part.content_id {
            self.line(&format!("Content-ID: {id}"));
        }
        self.line("");
        let request = &part.request;
        self.line(&format!("{} {} HTTP/1.1", request.method(), url(request)));
        self.headers(request.headers());
        self.line("");
        self.body.extend_from_slice(request.body().unwrap_or_default());
        self.line("");
    }

    /// A part does not inherit the headers of the batch, so each has its own. Headers that concern the
    /// whole batch are omitted.
    fn headers(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            let outside = *name == header::USER_AGENT
                || *name == header::CONTENT_LENGTH
                || (*name == CLIENT_REQUEST_ID && value == self.client_request_id);
            if !outside {
                self.body.extend_from_slice(name.as_str().as_bytes());
                self.body.extend_from_slice(b": ");
                self.body.extend_from_slice(value.as_bytes());
                self.line("");
            }
        }
    }

    fn line(&mut self, text: &str) {
        self.body.extend_from_slice(text.as_bytes());
        self.body.extend_from_slice(b"\r\n");
    }
}

/// The URL (docs/facts/dataverse.md, 1.7): `$1` unchanged, and others absolute, which is unambiguous
/// without a `Host` header.
fn url(request: &Request) -> String {
    let below = request
        .uri()
        .path_and_query()
        .and_then(|target| below_root(target.as_str()));
    match below.filter(|path| references::in_path(path).is_some()) {
        Some(path) => path.to_owned(),
        None => request.uri().to_string(),
    }
}

fn below_root(path: &str) -> Option<&str> {
    path.strip_prefix(crate::dataverse::url::ROOT)
}
