//! `$n`: references in a change set to the rows that earlier requests wrote (docs/facts/dataverse.md, 1.7).

use std::collections::HashMap;

use super::refusal::Refusal;

/// The URLs of the rows that earlier requests of the same change set wrote, by `Content-ID`.
pub(super) type References = HashMap<String, String>;

/// The URL that `$n` refers to.
pub(super) fn referenced<'a>(reference: &str, references: &'a References) -> Result<&'a str, Refusal> {
    let url = reference.strip_prefix('$').and_then(|id| references.get(id));
    // Text: docs/facts/dataverse.md, 1.7. Guess: the code, and that it is this one request's failure.
    url.map(String::as_str).ok_or_else(|| {
        Refusal::query(format!(
            "Content-ID Reference: '{reference}' does not exist in the batch context."
        ))
    })
}
