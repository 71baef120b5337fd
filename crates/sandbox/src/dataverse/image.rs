//! Image columns (<https://learn.microsoft.com/power-apps/developer/data-platform/image-column-data>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use hyper::body::Bytes;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::settings::Settings;
use super::store::Content;
use crate::schema::{Blob, Table};

/// The sandbox cannot scale: one white pixel, GIF, is the thumbnail of any image.
const THUMBNAIL: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\
\x00\x02\x02\x44\x01\x00\x3b";

/// "Limited to 30 MB".
const LARGEST: u64 = 30 * 1024 * 1024;

/// The first bytes of the allowed types: GIF, JPEG, TIFF (both byte orders), BMP, PNG.
const TYPES: [&[u8]; 6] = [
    b"GIF8",
    b"\xff\xd8\xff",
    b"II*\0",
    b"MM\0*",
    b"BM",
    b"\x89PNG\r\n\x1a\n",
];

/// An image in a row's JSON, or null. Guess: how text that is not base64 is refused.
pub(super) fn read(value: &Value, blob: &Blob, settings: &Settings) -> Result<Option<Content>, Refusal> {
    let content = match value {
        Value::Null => return Ok(None),
        Value::String(text) => STANDARD.decode(text).ok(),
        _ => None,
    };
    let content = content.ok_or_else(|| failure(&not_an_image(blob)))?;
    demand_size(content.len() as u64, settings)?;
    check(&content, blob)?;
    Ok(Some(Content {
        name: String::new(),
        bytes: content.into(),
    }))
}

pub(super) fn check(content: &[u8], blob: &Blob) -> Result<(), Refusal> {
    if TYPES.iter().any(|start| content.starts_with(start)) {
        return Ok(());
    }
    Err(failure(&not_an_image(blob)))
}

pub(super) fn demand_size(size: u64, settings: &Settings) -> Result<(), Refusal> {
    let largest = LARGEST.min(settings.largest_file);
    if size <= largest {
        return Ok(());
    }
    let megabytes = |bytes: u64| bytes / (1024 * 1024);
    Err(failure(&format!(
        "File size is too big. MaxSize: {} MB, Uploaded filesize: {} MB.",
        megabytes(largest),
        megabytes(size)
    )))
}

pub(super) fn thumbnail(image: &Content) -> Content {
    Content {
        name: image.name.clone(),
        bytes: Bytes::from_static(THUMBNAIL),
    }
}

/// The columns of the row that belong to the image: the thumbnail and its URL.
pub(super) fn columns(table: &Table, blob: &Blob, id: Option<&str>) -> Map<String, Value> {
    let (column, entity) = (blob.column, table.logical_name);
    let url = id.map(|id| format!("/Image/download.aspx?Entity={entity}&Attribute={column}&Id={id}"));
    let thumbnail = id.map(|_| STANDARD.encode(THUMBNAIL));
    Map::from_iter([
        (column.to_string(), thumbnail.into()),
        (format!("{column}_url"), url.into()),
    ])
}

fn not_an_image(blob: &Blob) -> String {
    format!("Update image properties failed for attribute: {}", blob.column)
}

/// Code and text of `ProcessImageFailure`. Guess: the status.
fn failure(reason: &str) -> Refusal {
    let message = format!("Error occured when processing image. Reason: {reason}");
    Refusal::new(StatusCode::BAD_REQUEST, "0x80072553", message)
}
