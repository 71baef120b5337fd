//! The content of file and image columns, in pieces (Microsoft's pages "Use file column data" and "Use image column data").

pub(crate) mod download;
pub(crate) mod upload;

use http::Uri;

/// The size of a piece where Dataverse does not say which, in bytes. It recommends this one itself.
const CHUNK: u32 = 4 << 20;

/// What the URL of a column's content ends with.
const VALUE: &str = "/$value";

/// Checks that a URL names a column of a row, with `/$value` and a query or without.
fn check_column(uri: &Uri) -> Result<(), String> {
    let column = uri.path().strip_suffix(VALUE).unwrap_or(uri.path());
    match column.rsplit_once('/') {
        Some((row, name)) if row.contains('(') && !name.is_empty() && !name.contains('(') => Ok(()),
        _ => Err("names no column of a row: expected contacts(00000000-0000-0000-0000-000000000000)/column".to_owned()),
    }
}
