//! The writes that took effect, so that tests can count them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A server that runs for days must not keep everything.
const WRITES: usize = 100_000;
const KEPT: usize = 4096;

/// A write that took effect, whether or not its answer arrived. Not a request that changed nothing, nor one
/// of a change set that was rolled back. An upload in chunks is one write, made by its last chunk.
#[derive(Clone)]
pub struct CommittedWrite {
    /// The method.
    pub method: String,
    /// The entity set of the row that was written.
    pub entity_set: String,
    /// The row's id.
    pub id: String,
    /// Path and query, as sent; in a batch with the root in front.
    pub path_and_query: String,
    /// The first 4 KiB of the body.
    pub body: Vec<u8>,
    /// The request's `x-ms-client-request-id`, for callers that mark their writes.
    pub client_request_id: Option<String>,
    /// `systemuserid` of who acted: the caller, or whom the caller acted for.
    pub user_id: String,
    /// `systemuserid` of whose token it was.
    pub caller_id: String,
}

impl CommittedWrite {
    pub(super) fn kept(body: &[u8]) -> Vec<u8> {
        body.iter().take(KEPT).copied().collect()
    }
}

// Bodies may carry anything.
impl fmt::Debug for CommittedWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}({})", self.method, self.entity_set, self.id)
    }
}

/// Part of the store, so that what is rolled back is not in it either.
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
