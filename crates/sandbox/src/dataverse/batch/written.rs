//! The multipart body of the answer.

use uuid::Uuid;

use crate::dataverse::settings::BatchDialect;
use crate::response::Answer;

pub(super) struct Multipart<'a> {
    dialect: &'a BatchDialect,
    boundary: String,
    body: Vec<u8>,
}

impl<'a> Multipart<'a> {
    /// docs/facts/dataverse.md, 1.7: its own boundary.
    pub(super) fn new(name: &str, dialect: &'a BatchDialect) -> Multipart<'a> {
        let boundary = match &dialect.boundary {
            Some(boundary) if name == "batchresponse" => boundary.clone(),
            _ => format!("{name}_{}", Uuid::new_v4()),
        };
        let mut multipart = Multipart {
            dialect,
            boundary,
            body: Vec::new(),
        };
        if dialect.preamble {
            multipart.line("This is a multipart message.");
        }
        multipart
    }

    pub(super) fn content_type(&self) -> String {
        // RFC 2045, 5.1: a value with these must be quoted.
        let quoted = self.dialect.quoted_boundary || self.boundary.contains(|c| "()<>@,;:\\/[]?= ".contains(c));
        let quote = if quoted { "\"" } else { "" };
        format!("multipart/mixed; boundary={quote}{}{quote}", self.boundary)
    }

    /// The headers are those of
    /// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api>:
    /// `REQ_ID` with an error, `Location` with an id.
    pub(super) fn answer(&mut self, content_id: Option<&str>, answer: &Answer) {
        let content = self.response(answer);
        self.part("application/http");
        self.line("Content-Transfer-Encoding: binary");
        if self.dialect.content_length {
            self.line(&format!("Content-Length: {}", content.len()));
        }
        if let Some(id) = content_id {
            self.line(&format!("Content-ID: {id}"));
        }
        self.line("");
        self.body.extend(content);
        self.line("");
    }

    fn response(&self, answer: &Answer) -> Vec<u8> {
        let mut response = Multipart {
            body: Vec::new(),
            boundary: String::new(),
            ..*self
        };
        let status = answer.status();
        let reason = status.canonical_reason().filter(|_| !self.dialect.no_reason_phrase);
        response.line(&format!("HTTP/1.1 {} {}", status.as_u16(), reason.unwrap_or_default()));
        if status.is_client_error() || status.is_server_error() {
            response.line(&format!("REQ_ID: {}", Uuid::new_v4()));
        }
        for (name, value) in answer.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            match name.as_str() {
                "content-type" => response.line(&format!("Content-Type: {value}")),
                "etag" => response.line(&format!("ETag: {value}")),
                "odata-entityid" => {
                    response.line(&format!("Location: {value}"));
                    response.line(&format!("OData-EntityId: {value}"));
                }
                name => response.line(&format!("{name}: {value}")),
            }
        }
        if self.dialect.content_length {
            response.line(&format!("Content-Length: {}", answer.body().len()));
        }
        response.line("OData-Version: 4.0");
        response.line("");
        response.body.extend_from_slice(answer.body());
        response.body
    }

    pub(super) fn nested(&mut self, inner: Multipart<'_>) {
        self.part(&inner.content_type());
        self.line("");
        self.body.extend(inner.finish());
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let end = format!("--{}--", self.boundary);
        self.line(&end);
        if self.dialect.preamble {
            self.line("Nothing follows.");
        }
        self.body
    }

    fn part(&mut self, content_type: &str) {
        self.line(&format!("--{}", self.boundary));
        self.line(&format!("Content-Type: {content_type}"));
    }

    fn line(&mut self, text: &str) {
        self.body.extend_from_slice(text.as_bytes());
        let end: &[u8] = if self.dialect.bare_line_feeds { b"\n" } else { b"\r\n" };
        self.body.extend_from_slice(end);
    }
}
