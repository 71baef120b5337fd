//! What the operator is told beside the answers: ids and codes, and no secret.

use std::fmt;

use crate::host::Host;

/// Says something on one line: what a service says must not look like another line.
pub(crate) fn note(host: &impl Host, message: fmt::Arguments<'_>) {
    let line: String = message
        .to_string()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    host.log(&line);
}
