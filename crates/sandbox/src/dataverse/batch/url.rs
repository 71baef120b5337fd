//! The URL on a request line in a batch: absolute, from the root of the host, relative to the service, or `$n`.

use crate::dataverse::link;
use crate::dataverse::path;
use crate::dataverse::references::{References, referenced};
use crate::dataverse::refusal::Refusal;

/// `(path, query)` on this origin.
pub(super) fn resolve(
    url: &str,
    root: &str,
    origin: &str,
    references: &References,
) -> Result<(String, String), Refusal> {
    let below = |url: &str| {
        url.strip_prefix(origin)
            .filter(|path| path.starts_with('/'))
            .map(str::to_string)
    };
    let path = if link::leaves(url) {
        // Guess: code and text; a batch is only for the origin it was sent to.
        below(url).ok_or_else(|| Refusal::query(format!("The URL '{url}' in the batch is not one of this service.")))?
    } else if url.starts_with('/') {
        url.into()
    } else {
        format!("{}/{url}", root.strip_prefix(origin).unwrap_or(root))
    };
    let path = match path::version(&path) {
        Some((_, rest)) if rest.starts_with('$') => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (segment, rest) = rest.split_at(end);
            if ["$metadata", "$batch"].contains(&segment) {
                path
            } else {
                let row = referenced(segment, references)?;
                format!("{}{rest}", below(row).unwrap_or_default())
            }
        }
        _ => path,
    };
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    Ok((path.into(), query.into()))
}
