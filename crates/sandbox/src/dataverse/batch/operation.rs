//! The requests in a batch, all parsed before the first is carried out.

use http::Method;
use http::header::HeaderMap;
use hyper::body::Bytes;

use super::multipart::{boundary, head, headers, malformed, parts};
use crate::dataverse::refusal::Refusal;
use crate::request::Received;

/// docs/facts/dataverse.md, 1.7
const MOST: usize = 1000;

pub(super) enum Item {
    One(Operation),
    ChangeSet(Vec<Operation>),
}

pub(super) struct Operation {
    pub(super) content_id: Option<String>,
    pub(super) url: String,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

/// Guess: a batch that cannot be read is refused before anything is done.
pub(super) fn read(content_type: &str, body: &Bytes) -> Result<Vec<Item>, Refusal> {
    let boundary = boundary(content_type).ok_or_else(|| {
        malformed(format!(
            "The message header 'Content-Type' has the value '{content_type}'; a batch needs 'multipart/mixed' with a \
             boundary."
        ))
    })?;
    let parts = parts(body, &boundary)?;
    // RFC 2046, 5.1.1: at least one part.
    if parts.is_empty() {
        return Err(malformed("The batch is empty."));
    }
    let items = parts.iter().map(item).collect::<Result<Vec<_>, _>>()?;
    let count: usize = items
        .iter()
        .map(|item| match item {
            Item::One(_) => 1,
            Item::ChangeSet(operations) => operations.len(),
        })
        .sum();
    // Guess: the text, after the OData library's.
    if count > MOST {
        return Err(malformed(format!(
            "The current batch message contains too many parts. A maximum number of '{MOST}' operations are allowed in a \
             batch message."
        )));
    }
    Ok(items)
}

fn item(part: &Bytes) -> Result<Item, Refusal> {
    let (lines, content) = head(part)?;
    let part_headers = headers(&lines)?;
    let content_type = text(&part_headers, "content-type");
    let Some(boundary) = boundary(content_type) else {
        return operation(&part_headers, &content).map(Item::One);
    };
    let operations = parts(&content, &boundary)?
        .iter()
        .map(|part| {
            let (lines, content) = head(part)?;
            in_change_set(operation(&headers(&lines)?, &content)?)
        })
        .collect::<Result<Vec<_>, _>>()?;
    // OData 4.0, part 1, 11.7.2: unique within the change set.
    for (at, operation) in operations.iter().enumerate() {
        if operations[..at]
            .iter()
            .any(|other| other.content_id == operation.content_id)
        {
            let id = operation.content_id.as_deref().unwrap_or_default();
            return Err(malformed(format!(
                "The content ID '{id}' was found more than once in the same change set."
            )));
        }
    }
    Ok(Item::ChangeSet(operations))
}

fn in_change_set(operation: Operation) -> Result<Operation, Refusal> {
    // docs/facts/dataverse.md, 1.7: no GET. Text: the OData library's.
    if ![Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&operation.method) {
        return Err(malformed(format!(
            "An invalid HTTP method '{}' was detected for a request in a change set. Requests in change sets only support \
             the HTTP methods 'POST', 'PUT', 'DELETE', and 'PATCH'.",
            operation.method
        )));
    }
    // OData 4.0, part 1, 11.7.2 requires it, and clients report this refusal with 0x80060888.
    if operation.content_id.is_none() {
        return Err(malformed("Content-ID header not present."));
    }
    Ok(operation)
}

fn operation(part: &HeaderMap, content: &Bytes) -> Result<Operation, Refusal> {
    let content_type = text(part, "content-type");
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/http") {
        return Err(malformed(format!(
            "A part of a batch must be 'application/http', or outside change sets a change set; it is '{content_type}'."
        )));
    }
    if !text(part, "content-transfer-encoding").eq_ignore_ascii_case("binary") {
        return Err(malformed(
            "A part of a batch needs 'Content-Transfer-Encoding: binary'.",
        ));
    }
    let (lines, body) = head(content)?;
    let (request_line, lines) = lines.split_first().unwrap_or((&"", &[]));
    let invalid = || malformed(format!("The request line '{request_line}' is not valid."));
    let (method, rest) = request_line.split_once(' ').ok_or_else(invalid)?;
    let url = rest.strip_suffix(" HTTP/1.1").ok_or_else(invalid)?;
    // Spaces are accepted, because Microsoft's own Python client sends them. Guess: no other unencoded
    // characters are.
    if url.is_empty() || !url.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Err(invalid());
    }
    Ok(Operation {
        content_id: Some(text(part, "content-id").to_string()).filter(|id| !id.is_empty()),
        url: url.replace(' ', "%20"),
        method: method.parse().map_err(|_| invalid())?,
        headers: headers(lines)?,
        body,
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

impl Operation {
    /// docs/facts/dataverse.md, 1.7: it has its own headers and inherits none from the batch.
    pub(super) fn request(&self, path: String, query: String) -> Received {
        Received {
            method: self.method.clone(),
            path,
            query,
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }
}
