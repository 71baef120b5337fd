//! The writes that took effect, so that tests can count them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// The maximum number of kept writes, for servers that run for days.
const WRITES: usize = 100_000;
const KEPT: usize = 4096;

/// A write that took effect, whether or not its answer arrived. Requests that changed nothing and
/// rolled-back change sets are not included. An upload in chunks is one write, made by its last chunk.
#[derive(Clone)]
pub struct CommittedWrite {
    /// The method.
    pub method: String,
    /// The entity set of the row that was written.
    pub entity_set: String,
    /// The row's id.
    pub id: String,
    /// Path and query, as sent; in a batch with the root prepended.
    pub path_and_query: String,
    /// The first 4 KiB of the body.
    pub body: Vec<u8>,
    /// The request's `x-ms-client-request-id`, for callers that mark their writes.
    pub client_request_id: Option<String>,
    /// `systemuserid` of the acting user: the caller, or the impersonated user.
    pub user_id: String,
    /// `systemuserid` of the token's user.
    pub caller_id: String,
}

impl CommittedWrite {
    pub(super) fn kept(body: &[u8]) -> Vec<u8> {
        body.iter().take(KEPT).copied().collect()
    }
}

// Bodies may contain secrets.
impl fmt::Debug for CommittedWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}({})", self.method, self.entity_set, self.id)
    }
}

/// Part of the store, so that a rollback applies to it too.
#[derive(Clone, Default)]
pub(super) struct Journal(VecDeque<Arc<CommittedWrite>>);

impl Journal {
    pub(super) fn add(&mut self, write: CommittedWrite) {
        if self.0.len() == WRITES {
            self.0.pop_front();
        }
        self.0.push_back(Arc::new(write));
    }

    pub(super) fn all(&self) -> Vec<CommittedWrite> {
        self.0.iter().map(|write| CommittedWrite::clone(write)).collect()
    }
}
