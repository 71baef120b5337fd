//! Compares the results of writes that callers received with the writes that the sandbox carried out.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, ensure};
use sandbox::CommittedWrite;
use serde_json::Value;

/// The result of a write that a caller received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It succeeded.
    Done,
    /// It had no effect.
    NotDone,
    /// It may have taken effect.
    Uncertain,
}

/// The work of a worker.
#[derive(Default)]
pub struct Done {
    pub ledger: Vec<Entry>,
    /// Reads that succeeded, and reads that failed.
    pub reads: (u32, u32),
    /// Files.
    pub uploads: u32,
    /// Calls whose caller disconnected early.
    pub left: u32,
    /// Faults that the sandbox was told to make.
    pub faults: u32,
}

/// A write from its caller's view.
pub struct Entry {
    /// Unique among all writes: its `x-ms-client-request-id`, or in a batch the row's first name.
    pub mark: String,
    /// A readable description.
    pub what: &'static str,
    /// Whether several attempts may each be carried out.
    pub may_repeat: bool,
    pub told: Told,
    /// The number of attempts.
    pub attempts: u32,
}

/// The totals.
#[derive(Debug, Default)]
pub struct Counts {
    /// Reads that succeeded.
    pub reads_answered: u32,
    /// Reads that failed.
    pub reads_failed: u32,
    /// Writes reported as done.
    pub done: u32,
    /// Of these, those that were sent more than once.
    pub done_again: u32,
    /// Of these, those that were carried out more than once.
    pub done_twice: u32,
    /// Writes reported as not done.
    pub not_done: u32,
    /// Writes reported as uncertain.
    pub uncertain: u32,
    /// Of these, those that were carried out.
    pub uncertain_done: u32,
    /// Uploaded files, each a write reported as done.
    pub uploads: u32,
    /// Calls whose caller disconnected early.
    pub left: u32,
}

impl Counts {
    pub(super) fn add(&mut self, done: &Done) {
        self.reads_answered += done.reads.0;
        self.reads_failed += done.reads.1;
        self.uploads += done.uploads;
        self.left += done.left;
    }

    /// Counts the writes, and checks that each was carried out as often as its caller was told.
    pub(super) fn compare<'a>(
        &mut self,
        ledger: impl IntoIterator<Item = &'a Entry>,
        writes: &[CommittedWrite],
    ) -> Result<()> {
        let mut carried_out: HashMap<String, u32> = HashMap::new();
        for write in writes {
            *carried_out.entry(mark(write)).or_default() += 1;
        }
        for entry in ledger {
            let times = carried_out.remove(entry.mark.as_str()).unwrap_or(0);
            let most = if entry.may_repeat { entry.attempts } else { 1 };
            let fits = match entry.told {
                Told::Done => (1..=most).contains(&times),
                Told::NotDone => times == 0,
                Told::Uncertain => times <= most,
            };
            ensure!(
                fits,
                "{} ({}), sent {} times and reported as {:?}, was carried out {times} times",
                entry.mark,
                entry.what,
                entry.attempts,
                entry.told
            );
            match entry.told {
                Told::Done => {
                    self.done += 1;
                    self.done_again += u32::from(entry.attempts > 1);
                    self.done_twice += u32::from(times > 1);
                }
                Told::NotDone => self.not_done += 1,
                Told::Uncertain => {
                    self.uncertain += 1;
                    self.uncertain_done += u32::from(times > 0);
                }
            }
        }
        ensure!(carried_out.is_empty(), "writes without a sender: {carried_out:?}");
        Ok(())
    }
}

/// The marks of writes that took effect.
pub(super) fn carried_out(writes: &[CommittedWrite]) -> HashSet<String> {
    writes.iter().map(mark).collect()
}

fn mark(write: &CommittedWrite) -> String {
    let first_name = || {
        let body: Value = serde_json::from_slice(&write.body).ok()?;
        Some(body["firstname"].as_str()?.to_owned())
    };
    write.client_request_id.clone().or_else(first_name).unwrap_or_default()
}
