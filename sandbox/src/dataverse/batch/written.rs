//! The multipart body of the answer.

use uuid::Uuid;

use crate::response::Answer;

pub(super) struct Multipart {
    boundary: String,
    body: Vec<u8>,
}

impl Multipart {
    /// facts: dataverse 1.7: a boundary of its own.
    pub(super) fn new(name: &str) -> Multipart {
        Multipart {
            boundary: format!("{name}_{}", Uuid::new_v4()),
            body: Vec::new(),
        }
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/mixed; boundary={}", self.boundary)
    }

    /// The headers are those of DOC execute-batch-operations: `REQ_ID` with an error, `Location` with an id.
    pub(super) fn answer(&mut self, content_id: Option<&str>, answer: &Answer) {
        self.part("application/http");
        self.line("Content-Transfer-Encoding: binary");
        if let Some(id) = content_id {
            self.line(&format!("Content-ID: {id}"));
        }
        self.line("");
        let status = answer.status();
        self.line(&format!(
            "HTTP/1.1 {} {}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        ));
        if status.is_client_error() || status.is_server_error() {
            self.line(&format!("REQ_ID: {}", Uuid::new_v4()));
        }
        for (name, value) in answer.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            match name.as_str() {
                "content-type" => self.line(&format!("Content-Type: {value}")),
                "etag" => self.line(&format!("ETag: {value}")),
                "odata-entityid" => {
                    self.line(&format!("Location: {value}"));
                    self.line(&format!("OData-EntityId: {value}"));
                }
                name => self.line(&format!("{name}: {value}")),
            }
        }
        self.line("OData-Version: 4.0");
        self.line("");
        self.body.extend_from_slice(answer.body());
        self.line("");
    }

    pub(super) fn nested(&mut self, inner: Multipart) {
        self.part(&inner.content_type());
        self.line("");
        self.body.extend(inner.finish());
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let end = format!("--{}--", self.boundary);
        self.line(&end);
        self.body
    }

    fn part(&mut self, content_type: &str) {
        let begin = format!("--{}\r\nContent-Type: {content_type}", self.boundary);
        self.line(&begin);
    }

    fn line(&mut self, text: &str) {
        self.body.extend_from_slice(text.as_bytes());
        self.body.extend_from_slice(b"\r\n");
    }
}
