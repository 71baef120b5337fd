//! The interface of a worker to the component: the contract's functions or the gateway.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ledger::Told;
use super::worker::Worker;

/// An interface of the component.
pub trait Face: Sized {
    /// Sends a request.
    ///
    /// # Errors
    /// If it is refused unexpectedly.
    fn send(&mut self, call: &Call) -> Result<Outcome>;

    /// Sends a batch: both rows in one change set, and then a read.
    ///
    /// # Errors
    /// As [`Face::send`], or if the change set was carried out partially.
    fn batch(&mut self, rows: &[NewRow; 2], read: &Call) -> Result<Batched>;

    /// Does something that only this interface supports.
    ///
    /// # Errors
    /// As [`Face::send`], or if the data is not as expected.
    fn step(worker: &mut Worker<Self>) -> Result<()>;
}

/// The method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Patch,
    Delete,
}

/// The condition of a write.
#[derive(Clone, Debug)]
pub enum Condition {
    MustExist,
    MustNotExist,
    /// The row has this version.
    Version(String),
}

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// Relative to `/api/data/v9.2/`.
    pub path: String,
    pub condition: Option<Condition>,
    pub body: Option<String>,
    /// Its `x-ms-client-request-id`.
    pub mark: String,
}

/// A row to create.
#[derive(Clone, Debug)]
pub struct NewRow {
    pub last_name: String,
    /// Its first name, unique among all writes.
    pub mark: String,
}

impl NewRow {
    pub fn json(&self) -> String {
        json!({ "lastname": self.last_name, "firstname": self.mark }).to_string()
    }
}

/// The outcome of a request.
pub enum Outcome {
    Answered(Answer),
    /// There is no such row.
    NotFound,
    Failed {
        told: Told,
        /// The number of attempts.
        attempts: u32,
    },
}

/// A successful answer.
pub struct Answer {
    /// The id of the row that was created.
    pub row: Option<String>,
    pub body: Vec<u8>,
    /// The number of attempts.
    pub attempts: u32,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).context("an answer that is not JSON")
    }
}

/// The outcome of a batch.
pub struct Batched {
    /// The result of each row, and its id if it was created.
    pub rows: [(Told, Option<String>); 2],
    pub is_read_answered: bool,
    pub attempts: u32,
}
