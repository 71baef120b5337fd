//! A caller that reads and writes its own rows, and knows their expected content.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::chaos::{Chaos, Random};
use super::face::{Answer, Call, Condition, Face, Method, NewRow, Outcome};
use super::ledger::{Done, Entry, Told};
use super::rows::Rows;

/// The maximum number of attempts for a read that must succeed.
const MAX_ATTEMPTS: usize = 100;

pub struct Worker<F> {
    pub face: F,
    pub random: Random,
    pub rows: Rows,
    pub done: Done,
    /// The last name of its rows.
    name: String,
    calls: u32,
}

/// A write of a row that has an id.
#[derive(Clone, Copy)]
enum Change {
    Create,
    Upsert,
    Update,
    UpdateVersion,
    Delete,
}

impl<F: Face> Worker<F> {
    pub fn new(face: F, number: u32, random: Random) -> Self {
        Self {
            face,
            random,
            rows: Rows::default(),
            done: Done::default(),
            name: format!("soak-{number}"),
            calls: 0,
        }
    }

    pub fn run(&mut self, calls: u32, mut chaos: Chaos<'_>) -> Result<()> {
        for _ in 0..calls {
            chaos.stir();
            self.step()?;
        }
        self.done.faults = chaos.faults;
        Ok(())
    }

    /// Checks that exactly the expected rows exist, with their last content. `carried_out` are the marks of
    /// the writes that took effect.
    pub fn check(&mut self, carried_out: &HashSet<String>) -> Result<()> {
        let path = format!("contacts?$select=firstname&$filter=lastname eq '{}'", self.name);
        let mut found = BTreeMap::new();
        for row in self.list(&path)? {
            let text = |name: &str| row[name].as_str().map(str::to_owned).context("a row without a name");
            found.insert(text("contactid")?, text("firstname")?);
        }
        self.rows.compare_all(&found, carried_out)
    }

    fn step(&mut self) -> Result<()> {
        let id = self.any_row();
        match (self.random.below(24), id) {
            (0..=6, Some(id)) => self.read(&id),
            (7..=8, Some(id)) => self.change(Change::Upsert, &id),
            (9..=10, Some(id)) => self.change(Change::Update, &id),
            (11..=12, Some(id)) => self.change(Change::UpdateVersion, &id),
            (13..=14, Some(id)) => self.change(Change::Delete, &id),
            (15..=16, _) => {
                let id = guid(&mut self.random);
                self.change(Change::Create, &id)
            }
            (17..=18, _) => self.batch(),
            (19..=22, _) => F::step(self),
            _ => self.post(),
        }
    }

    /// One of its rows.
    pub fn any_row(&mut self) -> Option<String> {
        self.random.pick(&self.rows.ids()).cloned()
    }

    /// A read, which must return the last write.
    fn read(&mut self, id: &str) -> Result<()> {
        let call = self.get(row(id));
        match self.face.send(&call)? {
            Outcome::Answered(answer) => {
                self.done.reads.0 += 1;
                self.rows.compare(id, Some(&first_name(&answer)?))
            }
            Outcome::NotFound => self.rows.compare(id, None),
            Outcome::Failed { .. } => {
                self.done.reads.1 += 1;
                Ok(())
            }
        }
    }

    pub fn post(&mut self) -> Result<()> {
        let new = self.new_row();
        let call = self.create(&new);
        let (told, answer) = self.write("POST", &call, false)?;
        let id = match (told, answer) {
            (Told::Done, Some(answer)) => Some(answer.row.context("a new row without an id")?),
            (Told::Uncertain, _) => self.find(&new.mark)?,
            _ => None,
        };
        if let Some(id) = id {
            self.rows.set(&id, Some(new.mark));
        }
        Ok(())
    }

    /// Two new rows, both or none, and a read.
    fn batch(&mut self) -> Result<()> {
        let new = [self.new_row(), self.new_row()];
        let read = format!("contacts?$select=firstname&$filter=lastname eq '{}'", self.name);
        let read = self.get(read);
        let batched = self.face.batch(&new, &read)?;
        if batched.is_read_answered {
            self.done.reads.0 += 1;
        } else {
            self.done.reads.1 += 1;
        }
        let [first, second] = &batched.rows;
        ensure!(
            first.0 == second.0,
            "half a change set: {:?} and {:?}",
            first.0,
            second.0
        );
        let mut found = 0;
        for (new, (told, id)) in new.into_iter().zip(batched.rows) {
            self.done.ledger.push(Entry {
                mark: new.mark.clone(),
                what: "POST in a change set",
                may_repeat: false,
                told,
                attempts: batched.attempts,
            });
            let id = match told {
                Told::Done => Some(id.context("a new row without an id")?),
                Told::Uncertain => self.find(&new.mark)?,
                Told::NotDone => None,
            };
            if let Some(id) = id {
                found += 1;
                self.rows.set(&id, Some(new.mark));
            }
        }
        ensure!(found != 1, "half a change set was carried out");
        Ok(())
    }

    fn change(&mut self, change: Change, id: &str) -> Result<()> {
        let (what, condition, may_repeat) = match change {
            Change::Create => ("PATCH, only create", Some(Condition::MustNotExist), false),
            Change::Upsert => ("PATCH", None, false),
            Change::Update => ("PATCH, only update", Some(Condition::MustExist), true),
            Change::UpdateVersion => {
                let row = self.settled(id)?.context("a row that is gone")?.json()?;
                let etag = row["@odata.etag"].as_str().context("a row without a version")?;
                ("PATCH of a version", Some(Condition::Version(etag.to_owned())), false)
            }
            Change::Delete => ("DELETE", None, false),
        };
        let is_delete = matches!(change, Change::Delete);
        let new = self.new_row();
        let call = Call {
            method: if is_delete { Method::Delete } else { Method::Patch },
            path: format!("contacts({id})"),
            condition,
            body: (!is_delete).then(|| new.json()),
            mark: new.mark.clone(),
        };
        let after = (!is_delete).then_some(new.mark);
        match self.write(what, &call, may_repeat)?.0 {
            Told::NotDone => Ok(()),
            Told::Done => {
                self.rows.set(id, after);
                Ok(())
            }
            Told::Uncertain => {
                // As the contract advises, checks first.
                let found = self.settled(id)?.map(|row| first_name(&row)).transpose()?;
                if found == after {
                    self.rows.set(id, found);
                    Ok(())
                } else {
                    self.rows.compare(id, found.as_ref())
                }
            }
        }
    }

    /// Sends a write and records its result.
    fn write(&mut self, what: &'static str, call: &Call, may_repeat: bool) -> Result<(Told, Option<Answer>)> {
        let (told, attempts, answer) = match self.face.send(call)? {
            Outcome::Answered(answer) => (Told::Done, answer.attempts, Some(answer)),
            Outcome::Failed { told, attempts } => (told, attempts, None),
            Outcome::NotFound => bail!("{what} of a row that is gone"),
        };
        self.note(&call.mark, what, may_repeat, told, attempts);
        Ok((told, answer))
    }

    /// Records the result of a write.
    pub fn note(&mut self, mark: &str, what: &'static str, may_repeat: bool, told: Told, attempts: u32) {
        self.done.ledger.push(Entry {
            mark: mark.to_owned(),
            what,
            may_repeat,
            told,
            attempts,
        });
    }

    /// Reads a row until it is known whether it exists.
    fn settled(&mut self, id: &str) -> Result<Option<Answer>> {
        let call = self.get(row(id));
        self.answered(&call)
    }

    /// Repeats a read until it succeeds; `None` if the row does not exist.
    pub fn answered(&mut self, call: &Call) -> Result<Option<Answer>> {
        for _ in 0..MAX_ATTEMPTS {
            match self.face.send(call)? {
                Outcome::Answered(answer) => return Ok(Some(answer)),
                Outcome::NotFound => return Ok(None),
                Outcome::Failed { .. } => {}
            }
        }
        bail!("no answer to {call:?}")
    }

    /// The id of the row with that first name.
    fn find(&mut self, first_name: &str) -> Result<Option<String>> {
        let path = format!("contacts?$select=contactid&$filter=firstname eq '{first_name}'");
        let rows = self.list(&path)?;
        ensure!(rows.len() <= 1, "{first_name} was created {} times", rows.len());
        Ok(rows.first().and_then(|row| Some(row["contactid"].as_str()?.to_owned())))
    }

    fn list(&mut self, path: &str) -> Result<Vec<Value>> {
        let call = self.get(path.to_owned());
        let body = self.answered(&call)?.context("no contacts")?.json()?;
        ensure!(body["@odata.nextLink"].is_null(), "more rows than a page has");
        Ok(body["value"].as_array().context("a list without rows")?.clone())
    }

    pub fn get(&mut self, path: String) -> Call {
        Call {
            method: Method::Get,
            path,
            condition: None,
            body: None,
            mark: self.mark(),
        }
    }

    pub fn create(&mut self, new: &NewRow) -> Call {
        Call {
            method: Method::Post,
            path: "contacts".to_owned(),
            condition: None,
            body: Some(new.json()),
            mark: new.mark.clone(),
        }
    }

    pub fn new_row(&mut self) -> NewRow {
        NewRow {
            last_name: self.name.clone(),
            mark: self.mark(),
        }
    }

    /// A unique mark.
    pub fn mark(&mut self) -> String {
        self.calls += 1;
        format!("{}-{}", self.name, self.calls)
    }
}

fn first_name(row: &Answer) -> Result<String> {
    let row = row.json()?;
    let name = row["firstname"].as_str().context("a row without a first name")?;
    Ok(name.to_owned())
}

fn row(id: &str) -> String {
    format!("contacts({id})?$select=firstname")
}

fn guid(random: &mut Random) -> String {
    let bits = (u128::from(random.next()) << 64) | u128::from(random.next());
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}
