//! The operations on a table's rows, with their names in reports, HTTP and security roles.

use http::Method;

/// An operation on the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Create a row.
    Create,
    /// Read rows.
    Read,
    /// Update a row.
    Write,
    /// Delete a row.
    Delete,
}

impl Verb {
    /// All verbs.
    pub const ALL: [Self; 4] = [Self::Create, Self::Read, Self::Write, Self::Delete];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The method of the Web API.
    pub fn method(self) -> Method {
        self.row().1
    }

    /// The name in a security role, which follows `prv` in the names of privileges.
    pub fn privilege(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (&'static str, Method, &'static str) {
        match self {
            Self::Create => ("create", Method::POST, "Create"),
            Self::Read => ("read", Method::GET, "Read"),
            Self::Write => ("write", Method::PATCH, "Write"),
            Self::Delete => ("delete", Method::DELETE, "Delete"),
        }
    }
}
