//! What is said on standard error: for the operator, a line at a time, ids and codes and no secret.

use std::fmt;
use std::io::{self, Write};

/// Says something. A host whose log is closed or full must not cost the instance, as the panic of `eprintln!` would; and what a
/// service says may not look like another line.
pub fn note(message: fmt::Arguments<'_>) {
    let line: String = format!("dynamics365: {message}")
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let _ = writeln!(io::stderr(), "{line}");
}
