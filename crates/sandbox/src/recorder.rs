//! The recorded requests.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::request::Received;
use crate::request::RecordedRequest;
use crate::response::lock;

/// The maximum number of kept requests, for servers that run for days or under a benchmark.
const REQUESTS: usize = 10_000;
const BYTES: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub(crate) struct Recorder(Mutex<Recorded>);

#[derive(Default)]
struct Recorded {
    requests: VecDeque<RecordedRequest>,
    bytes: usize,
}

impl Recorder {
    pub(crate) fn record(&self, request: &Received, body_length: u64) {
        let request = request.recorded(body_length);
        let mut recorded = lock(&self.0);
        recorded.bytes += request.body.len();
        recorded.requests.push_back(request);
        while recorded.requests.len() > REQUESTS || recorded.bytes > BYTES {
            let oldest = recorded.requests.pop_front().map_or(0, |request| request.body.len());
            recorded.bytes -= oldest;
        }
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        lock(&self.0).requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        *lock(&self.0) = Recorded::default();
    }
}
