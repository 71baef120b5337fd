//! What a worker asks for, whichever face of the component it calls.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ledger::Told;
use super::worker::Worker;

/// A face of the component.
pub trait Face: Sized {
    /// Sends a request.
    ///
    /// # Errors
    /// When it is refused without reason.
    fn send(&mut self, call: &Call) -> Result<Outcome>;

    /// Sends a batch: both rows in one change set, and then a read.
    ///
    /// # Errors
    /// As [`Face::send`], or when the change set was carried out by half.
    fn batch(&mut self, rows: &[NewRow; 2], read: &Call) -> Result<Batched>;

    /// Does something that only this face can do.
    ///
    /// # Errors
    /// As [`Face::send`], or when what is found is not what must be there.
    fn step(worker: &mut Worker<Self>) -> Result<()>;
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Patch,
    Delete,
}

/// Under which condition a write is carried out.
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
    /// Below `/api/data/v9.2/`.
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
    /// Its first name, which no other write has.
    pub mark: String,
}

impl NewRow {
    pub fn json(&self) -> String {
        json!({ "lastname": self.last_name, "firstname": self.mark }).to_string()
    }
}

/// What comes of a request.
pub enum Outcome {
    Answered(Answer),
    /// There is no such row.
    NotFound,
    Failed {
        told: Told,
        /// How often it was sent.
        attempts: u32,
    },
}

/// A good answer.
pub struct Answer {
    /// The id of the row that was created.
    pub row: Option<String>,
    pub body: Vec<u8>,
    /// How often the request was sent.
    pub attempts: u32,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).context("an answer that is not JSON")
    }
}

/// What comes of a batch.
pub struct Batched {
    /// What is told of each row, and its id where it was created.
    pub rows: [(Told, Option<String>); 2],
    pub is_read_answered: bool,
    pub attempts: u32,
}
