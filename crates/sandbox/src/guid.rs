//! GUIDs in OData's form.

use uuid::Uuid;

/// Only the hyphenated form is a GUID in OData.
pub(crate) fn guid(text: &str) -> Option<Uuid> {
    if text.len() == 36 {
        Uuid::try_parse(text).ok()
    } else {
        None
    }
}
