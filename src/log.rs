//! The log for the operator: ids and codes, and no secrets.

use std::fmt;

use crate::host::Host;

/// Logs one line. Control characters are replaced, so that text from a service cannot forge a line.
pub fn note(host: &impl Host, message: fmt::Arguments<'_>) {
    let line: String = message
        .to_string()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    host.log(&line);
}
