//! What one can do to the rows of a table, in the words of the report, of HTTP and of security roles.

use http::Method;

/// What one can do to the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Make a row.
    Create,
    /// Read rows.
    Read,
    /// Change a row.
    Write,
    /// Delete a row.
    Delete,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Create, Self::Read, Self::Write, Self::Delete];

    /// In a word.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The method of the Web API.
    pub fn method(self) -> Method {
        self.row().1
    }

    /// What a security role calls it, and what the names of its privileges have behind `prv`.
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
