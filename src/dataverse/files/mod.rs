//! The content of file and image columns, in pieces (docs/facts/dataverse.md, 1.5).

pub(crate) mod download;
pub(crate) mod upload;

use http::Uri;

/// The default size of a piece in bytes, if Dataverse does not recommend one. It usually recommends this
/// size.
const CHUNK: u32 = 4 << 20;

/// The suffix of the URL of a column's content.
const VALUE: &str = "/$value";

/// Checks that a URL names a column of a row, optionally with `/$value` and a query.
fn check_column(uri: &Uri) -> Result<(), String> {
    let column = uri.path().strip_suffix(VALUE).unwrap_or(uri.path());
    match column.rsplit_once('/') {
        Some((row, name)) if row.contains('(') && !name.is_empty() && !name.contains('(') => Ok(()),
        _ => Err("is not a column of a row: expected contacts(00000000-0000-0000-0000-000000000000)/column".to_owned()),
    }
}
