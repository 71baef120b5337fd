//! The content of a file column (facts: dataverse 1.5; DOC file-column-data).

mod range;
pub(super) mod upload;

use std::sync::Mutex;

use http::{Method, StatusCode};
use hyper::body::Bytes;
use percent_encoding::{CONTROLS, utf8_percent_encode};
use uuid::Uuid;

use super::Call;
use super::image;
use super::payload;
use super::record::if_match;
use super::refusal::Refusal;
use super::store::{File, Row, Store};
use crate::privileges::Verb;
use crate::response::{Answer, answer, append, empty};
use crate::schema::{Blob, Table};
use upload::Uploads;

/// `set(id)/column`, or `set(id)/column/$value`.
pub(super) struct Place {
    pub(super) table: &'static Table,
    pub(super) id: Uuid,
    pub(super) blob: &'static Blob,
    pub(super) value: bool,
}

pub(super) fn respond(
    call: &Call<'_>,
    place: &Place,
    store: &mut Store,
    uploads: &Mutex<Uploads>,
) -> Result<Answer, Refusal> {
    match (&call.request.method, place.value) {
        (&Method::GET, true) => place.download(call, store),
        (&Method::PATCH, false) => place.upload(call, store, uploads),
        (&Method::DELETE, false) => place.delete(call, store),
        (&Method::PUT, false) if place.blob.image => place.put(call, store),
        (&Method::GET | &Method::PUT, false) => Err(Refusal::unsupported("a file column by itself; see its $value")),
        (method, _) => Err(Refusal::method_not_allowed(method)),
    }
}

impl Place {
    fn row<'a>(&self, store: &'a Store) -> Result<&'a Row, Refusal> {
        store
            .row(self.table, self.id)
            .ok_or_else(|| Refusal::no_such_row(self.table, self.id))
    }

    fn file<'a>(&self, store: &'a Store) -> Result<&'a File, Refusal> {
        let row = self.row(store)?;
        // Code and text as in reports. Guess: DELETE says it too.
        store.file(row, self.blob).ok_or_else(|| {
            let message = format!(
                "No file attachment found for attribute: {} EntityId: {}.",
                self.blob.column, self.id
            );
            Refusal::new(StatusCode::NOT_FOUND, "0x80040217", message)
        })
    }

    fn download(&self, call: &Call<'_>, store: &Store) -> Result<Answer, Refusal> {
        call.demand(self.table, Verb::Read)?;
        call.demand_row(self.table, Verb::Read, store.row(self.table, self.id))?;
        refuse_options(call, &["size"])?;
        if !self.blob.image {
            return send(call, self.file(store)?);
        }
        let Some(file) = store.file(self.row(store)?, self.blob) else {
            // Guess: as where there is no full-sized image.
            return Ok(empty(StatusCode::NO_CONTENT));
        };
        // DOC image-column-data: the thumbnail, unless the full size is asked for.
        match option(call, "size").as_deref() {
            Some("full") => send(call, file),
            _ => send(call, &image::thumbnail(file)),
        }
    }

    /// DOC image-column-data: `{"value": null}` empties the column. Guess: that it also takes an image.
    fn put(&self, call: &Call<'_>, store: &mut Store) -> Result<Answer, Refusal> {
        call.demand(self.table, Verb::Write)?;
        refuse_options(call, &[])?;
        call.demand_row(self.table, Verb::Write, store.row(self.table, self.id))?;
        if_match(call, store.row(self.table, self.id), self.table, self.id)?;
        self.row(store)?;
        let mut body = payload::object(call, self.table)?;
        let file = match body.remove("value") {
            Some(value) => image::read(&value, self.blob, call.settings)?,
            None => return Err(Refusal::payload(self.table, "The property 'value' is missing.")),
        };
        store.set_file(self.table, self.id, self.blob, file, call.now);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    fn delete(&self, call: &Call<'_>, store: &mut Store) -> Result<Answer, Refusal> {
        call.demand(self.table, Verb::Write)?;
        refuse_options(call, &[])?;
        call.demand_row(self.table, Verb::Write, store.row(self.table, self.id))?;
        if_match(call, store.row(self.table, self.id), self.table, self.id)?;
        // Guess: an image that is not there may be deleted, as a column may be emptied twice.
        if self.blob.image {
            self.row(store)?;
        } else {
            self.file(store)?;
        }
        store.set_file(self.table, self.id, self.blob, None, call.now);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// In one request, or one of the requests of an upload in chunks.
    fn upload(&self, call: &Call<'_>, store: &mut Store, uploads: &Mutex<Uploads>) -> Result<Answer, Refusal> {
        call.demand(self.table, Verb::Write)?;
        refuse_options(call, &["x-ms-file-name", "sessiontoken"])?;
        call.demand_row(self.table, Verb::Write, store.row(self.table, self.id))?;
        if_match(call, store.row(self.table, self.id), self.table, self.id)?;
        self.row(store)?;
        if let Some(token) = option(call, "sessiontoken") {
            return upload::chunk(call, self, &token, store, uploads);
        }
        let name = name(call)?.ok_or_else(|| refused("The name of the file is missing: x-ms-file-name."))?;
        match call.request.header("x-ms-transfer-mode") {
            Some(mode) if mode.eq_ignore_ascii_case("chunked") => upload::begin(call, self, name, uploads),
            Some(mode) => Err(refused(format!("The transfer mode '{mode}' is not valid."))),
            None => {
                demand_bytes(call)?;
                let content = call.request.body.clone();
                self.store(call, File { name, content }, store)
            }
        }
    }

    fn store(&self, call: &Call<'_>, file: File, store: &mut Store) -> Result<Answer, Refusal> {
        self.demand_size(call, file.content.len() as u64)?;
        if self.blob.image {
            image::check(&file.content, self.blob)?;
        }
        store.set_file(self.table, self.id, self.blob, Some(file), call.now);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    fn demand_size(&self, call: &Call<'_>, size: u64) -> Result<(), Refusal> {
        if self.blob.image {
            return image::demand_size(size, call.settings);
        }
        if size <= call.settings.largest_file {
            return Ok(());
        }
        Err(too_big())
    }
}

/// The file, or the part of it that the request asks for.
fn send(call: &Call<'_>, file: &File) -> Result<Answer, Refusal> {
    let size = file.content.len();
    let range = call
        .request
        .header("range")
        .map(|range| range::parse(range, size))
        .transpose()?;
    let (status, content) = match &range {
        None => (StatusCode::OK, file.content.clone()),
        Some(Some(range)) => (StatusCode::PARTIAL_CONTENT, file.content.slice(range.clone())),
        // RFC 9110, 15.5.17. Guess: the body.
        Some(None) => (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new()),
    };
    let mut answer = answer(status, "application/octet-stream", content);
    // Guess: Content-Range, which RFC 9110, 15.3.7 demands; DOC does not print it.
    match range {
        None => {}
        Some(None) => append(&mut answer, "content-range", &format!("bytes */{size}")),
        Some(Some(range)) => {
            let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            append(&mut answer, "content-range", &text);
        }
    }
    append(&mut answer, "accept-ranges", "bytes");
    append(&mut answer, "x-ms-file-size", &size.to_string());
    // Guess: how a name that is not ASCII is written.
    let name = utf8_percent_encode(&file.name, CONTROLS).to_string();
    append(&mut answer, "x-ms-file-name", &name);
    append(
        &mut answer,
        "access-control-expose-headers",
        "x-ms-file-size; x-ms-file-name",
    );
    Ok(answer)
}

/// The header wins over the query and is ASCII only (DOC file-column-data). Guess: how other names are refused.
fn name(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    let name = match call.request.headers.get("x-ms-file-name") {
        Some(value) => {
            let name = value
                .to_str()
                .map_err(|_| refused("The header x-ms-file-name is not ASCII."))?;
            Some(name.to_string())
        }
        None => option(call, "x-ms-file-name"),
    };
    Ok(name.filter(|name| !name.is_empty()))
}

/// facts: dataverse 1.5. Guess: how another type is refused.
fn demand_bytes(call: &Call<'_>) -> Result<(), Refusal> {
    let content_type = call.request.header("content-type").unwrap_or_default();
    if content_type.eq_ignore_ascii_case("application/octet-stream") {
        return Ok(());
    }
    Err(refused(format!(
        "The content of a file is 'application/octet-stream' and not '{content_type}'."
    )))
}

fn option(call: &Call<'_>, name: &str) -> Option<String> {
    form_urlencoded::parse(call.request.query.as_bytes())
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}

fn refuse_options(call: &Call<'_>, known: &[&str]) -> Result<(), Refusal> {
    for (name, _) in form_urlencoded::parse(call.request.query.as_bytes()) {
        if name != "tag" && !known.contains(&&*name) {
            return Err(Refusal::unsupported(format_args!("the query option '{name}' here")));
        }
    }
    Ok(())
}

/// Guess: the code is that of an invalid argument (facts: dataverse 1.8), and all these texts.
fn refused(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "0x80040203", message)
}

/// Code and text: DOC file-column-data. Guess: the status.
fn too_big() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "0x80044a02",
        "Attachment file size is too big.",
    )
}
