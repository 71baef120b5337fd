//! One instance that reads and writes rows of its own, and knows what must be in them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use embedded_host::types::{
    Batch, BatchItem, BatchRequest, BatchResult, Condition, Error, Method, Options, Request, RequestOptions, Response,
    Settings,
};
use embedded_host::{Component, Connection, DEFAULT_OPTIONS, Instance, NO_REQUEST_OPTIONS, Network, secret};
use sandbox::{Demo, Sandbox};
use serde_json::Value;

use super::chaos::{Chaos, Random};
use super::ledger::{Entry, Told};

const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";

/// How often a read is asked for that must be answered.
const PATIENCE: usize = 100;

/// What an instance has done.
pub struct Done {
    pub ledger: Vec<Entry>,
    /// Answered, and not.
    pub reads: (u32, u32),
    pub faults: u32,
}

pub struct Worker {
    instance: Instance,
    connection: Connection,
    random: Random,
    /// The last name of its rows.
    name: String,
    /// The first name of each row, by id.
    rows: BTreeMap<String, String>,
    calls: u32,
    ledger: Vec<Entry>,
    reads: (u32, u32),
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

impl Worker {
    pub fn start(component: &Component, sandbox: &Sandbox, demo: &Demo, number: u32, random: Random) -> Result<Self> {
        let mut instance = component.instance(&[], Network::Machine)?;
        let settings = Settings {
            environment_url: sandbox.origin(),
            tenant_id: Some(demo.config.tenant_id.clone()),
            client_id: demo.client_id.clone(),
            credentials: vec![secret(demo.client_secret.as_str())],
            options: Some(Options {
                authority: Some(sandbox.origin()),
                ..DEFAULT_OPTIONS
            }),
        };
        let connection = instance
            .open(&settings)?
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(Self {
            instance,
            connection,
            random,
            name: format!("soak-{number}"),
            rows: BTreeMap::new(),
            calls: 0,
            ledger: Vec::new(),
            reads: (0, 0),
        })
    }

    pub fn run(mut self, calls: u32, mut chaos: Chaos<'_>) -> Result<Done> {
        for _ in 0..calls {
            chaos.stir();
            self.step()?;
        }
        self.check_all()?;
        Ok(Done {
            ledger: self.ledger,
            reads: self.reads,
            faults: chaos.faults,
        })
    }

    fn step(&mut self) -> Result<()> {
        let ids: Vec<_> = self.rows.keys().cloned().collect();
        let id = self.random.pick(&ids).cloned();
        match (self.random.below(22), id) {
            (0..=6, Some(id)) => self.read(&id),
            (7..=8, Some(id)) => self.change(Change::Upsert, &id),
            (9..=10, Some(id)) => self.change(Change::Update, &id),
            (11..=12, Some(id)) => self.change(Change::UpdateVersion, &id),
            (13..=14, Some(id)) => self.change(Change::Delete, &id),
            (15..=16, _) => {
                let id = guid(&mut self.random);
                self.change(Change::Create, &id)
            }
            (20..=21, _) => self.batch(),
            _ => self.post(),
        }
    }

    /// A read, which must see what was written.
    fn read(&mut self, id: &str) -> Result<()> {
        match self.send(&get(&row(id)))? {
            Ok(answer) => {
                self.reads.0 += 1;
                self.compare(id, Some(first_name(&answer)?))
            }
            Err(error) => {
                self.reads.1 += 1;
                ensure!(
                    told(&error)? == Told::NotDone,
                    "a read may have taken effect: {error:?}"
                );
                Ok(())
            }
        }
    }

    fn post(&mut self) -> Result<()> {
        let value = self.value();
        let request = with_body(Method::Post, "contacts", &self.body(&value));
        let (told, answer) = self.write("POST", &request, false)?;
        let id = match (told, answer) {
            (Told::Done, Some(answer)) => Some(answer.entity_id.context("a new row without an id")?),
            (Told::Uncertain, _) => self.find(&value)?,
            _ => None,
        };
        self.rows.extend(id.map(|id| (id, value)));
        Ok(())
    }

    /// Two new rows, both or none, and a read.
    fn batch(&mut self) -> Result<()> {
        let mut creates = Vec::new();
        let mut set = Vec::new();
        for _ in 0..2 {
            let (id, value) = (self.call_id(), self.value());
            self.calls += 1;
            let mut request = with_body(Method::Post, "contacts", &self.body(&value));
            request.headers.push((CLIENT_REQUEST_ID.to_owned(), id.clone()));
            set.push(part(request));
            creates.push((id, value));
        }
        let mut read = get(&format!(
            "contacts?$select=firstname&$filter=lastname eq '{}'",
            self.name
        ));
        read.headers.push((CLIENT_REQUEST_ID.to_owned(), self.call_id()));
        self.calls += 1;
        let batch = Batch {
            items: vec![BatchItem::ChangeSet(set), BatchItem::Request(part(read))],
            continue_on_error: true,
        };
        let answer = self.instance.odata_batch(Some(self.connection), &batch)?;
        let (results, attempts) = match answer {
            Ok(results) => {
                let [first, second, read] = results.as_slice() else {
                    bail!("{} results for a batch of 3", results.len());
                };
                match read {
                    BatchResult::Done(_) => self.reads.0 += 1,
                    _ => self.reads.1 += 1,
                }
                (vec![told_in_batch(first), told_in_batch(second)], 1)
            }
            Err(error) => (vec![(told(&error)?, None); 2], attempts(&error)),
        };
        ensure!(
            results[0].0 == results[1].0,
            "half a change set: {:?} and {:?}",
            results[0].0,
            results[1].0
        );
        let mut found = 0;
        for ((id, value), (told, row)) in creates.into_iter().zip(results) {
            self.ledger.push(Entry {
                id,
                what: "POST in a change set",
                may_repeat: false,
                told,
                attempts,
            });
            let row = match told {
                Told::Done => Some(row.context("a new row without an id")?),
                Told::Uncertain => self.find(&value)?,
                Told::NotDone => None,
            };
            found += usize::from(row.is_some());
            self.rows.extend(row.map(|row| (row, value)));
        }
        ensure!(found != 1, "half a change set was carried out");
        Ok(())
    }

    fn change(&mut self, change: Change, id: &str) -> Result<()> {
        let value = self.value();
        let path = format!("contacts({id})");
        let patch = with_body(Method::Patch, &path, &self.body(&value));
        let (what, request, may_repeat) = match change {
            Change::Create => ("PATCH, only create", under(Condition::MustNotExist, patch), false),
            Change::Upsert => ("PATCH", patch, false),
            Change::Update => ("PATCH, only update", under(Condition::MustExist, patch), true),
            Change::UpdateVersion => {
                let etag = self
                    .settled(id)?
                    .and_then(|row| row.etag)
                    .context("a row without a version")?;
                ("PATCH of a version", under(Condition::IfMatch(etag), patch), false)
            }
            Change::Delete => ("DELETE", empty(Method::Delete, &path), false),
        };
        let after = (!matches!(change, Change::Delete)).then_some(value);
        let (told, _) = self.write(what, &request, may_repeat)?;
        match told {
            Told::NotDone => Ok(()),
            Told::Done => {
                self.set(id, after);
                Ok(())
            }
            Told::Uncertain => {
                // As the contract advises: look first.
                let found = self.settled(id)?.map(|row| first_name(&row)).transpose()?;
                if found == after {
                    self.set(id, found);
                    Ok(())
                } else {
                    self.compare(id, found)
                }
            }
        }
    }

    /// Sends a write, and notes what it was told.
    fn write(&mut self, what: &'static str, request: &Request, may_repeat: bool) -> Result<(Told, Option<Response>)> {
        let id = self.call_id();
        let mut request = request.clone();
        request.headers.push((CLIENT_REQUEST_ID.to_owned(), id.clone()));
        let answer = self.send(&request)?;
        let (told, attempts) = match &answer {
            Ok(answer) => (Told::Done, answer.attempts),
            Err(error) => (told(error)?, attempts(error)),
        };
        self.ledger.push(Entry {
            id,
            what,
            may_repeat,
            told,
            attempts,
        });
        Ok((told, answer.ok()))
    }

    /// Reads a row until it is known whether it is there.
    fn settled(&mut self, id: &str) -> Result<Option<Response>> {
        for _ in 0..PATIENCE {
            match self.send(&get(&row(id)))? {
                Ok(answer) => return Ok(Some(answer)),
                Err(Error::Dataverse(error)) if error.status == 404 => return Ok(None),
                Err(_) => {}
            }
        }
        bail!("no answer about {id}")
    }

    /// The id of the row with that first name.
    fn find(&mut self, value: &str) -> Result<Option<String>> {
        let path = format!("contacts?$select=contactid&$filter=firstname eq '{value}'");
        let rows = self.list(&path)?;
        ensure!(rows.len() <= 1, "{value} was created {} times", rows.len());
        Ok(rows.first().and_then(|row| Some(row["contactid"].as_str()?.to_owned())))
    }

    fn list(&mut self, path: &str) -> Result<Vec<Value>> {
        for _ in 0..PATIENCE {
            if let Ok(answer) = self.send(&get(path))? {
                ensure!(answer.next_link.is_none(), "more rows than a page has");
                let body: Value = serde_json::from_slice(&answer.body)?;
                return Ok(body["value"].as_array().context("a list without rows")?.clone());
            }
        }
        bail!("no answer to {path}")
    }

    /// All rows are there, with what was written last, and no others.
    fn check_all(&mut self) -> Result<()> {
        let path = format!("contacts?$select=firstname&$filter=lastname eq '{}'", self.name);
        let mut found = BTreeMap::new();
        for row in self.list(&path)? {
            let text = |name: &str| row[name].as_str().map(str::to_owned).context("a row without a name");
            found.insert(text("contactid")?, text("firstname")?);
        }
        ensure!(found == self.rows, "found {found:?}, and not {:?}", self.rows);
        Ok(())
    }

    fn compare(&self, id: &str, found: Option<String>) -> Result<()> {
        let known = self.rows.get(id);
        ensure!(known == found.as_ref(), "{id} has {found:?}, and not {known:?}");
        Ok(())
    }

    fn set(&mut self, id: &str, value: Option<String>) {
        match value {
            Some(value) => self.rows.insert(id.to_owned(), value),
            None => self.rows.remove(id),
        };
    }

    fn send(&mut self, request: &Request) -> Result<Result<Response, Error>> {
        self.calls += 1;
        self.instance.odata_request(Some(self.connection), request)
    }

    /// The id of the next call.
    fn call_id(&self) -> String {
        format!("{}-{}", self.name, self.calls)
    }

    /// A first name that no other write has.
    fn value(&self) -> String {
        self.call_id()
    }

    fn body(&self, value: &str) -> String {
        format!(r#"{{"lastname":"{}","firstname":"{value}"}}"#, self.name)
    }
}

/// What an error tells of a write.
fn told(error: &Error) -> Result<Told> {
    let may = match error {
        Error::Unavailable(outage) => outage.may_have_taken_effect,
        Error::Throttled(throttling) => throttling.may_have_taken_effect,
        // The rows are the worker's own, so that nothing is refused but a token that another instance had revoked meanwhile.
        Error::Dataverse(error) if error.may_have_taken_effect || matches!(error.status, 401 | 500) => {
            error.may_have_taken_effect
        }
        other => bail!("refused without reason: {other:?}"),
    };
    Ok(if may { Told::Uncertain } else { Told::NotDone })
}

/// What the result of a write in a batch tells, and the id of its row.
fn told_in_batch(result: &BatchResult) -> (Told, Option<String>) {
    match result {
        BatchResult::Done(answer) => (Told::Done, answer.entity_id.clone()),
        BatchResult::Refused(error) if error.may_have_taken_effect => (Told::Uncertain, None),
        BatchResult::Refused(_) | BatchResult::NotRun => (Told::NotDone, None),
    }
}

fn attempts(error: &Error) -> u32 {
    match error {
        Error::Unavailable(outage) => outage.attempts,
        Error::Throttled(throttling) => throttling.attempts,
        Error::Dataverse(error) => error.attempts,
        _ => 0,
    }
}

fn first_name(row: &Response) -> Result<String> {
    let row: Value = serde_json::from_slice(&row.body)?;
    Ok(row["firstname"]
        .as_str()
        .context("a row without a first name")?
        .to_owned())
}

fn row(id: &str) -> String {
    format!("contacts({id})?$select=firstname")
}

fn part(request: Request) -> BatchRequest {
    BatchRequest {
        request,
        content_id: None,
    }
}

fn empty(method: Method, path: &str) -> Request {
    Request {
        method,
        path: path.to_owned(),
        headers: Vec::new(),
        body: None,
        options: None,
    }
}

fn get(path: &str) -> Request {
    empty(Method::Get, path)
}

fn with_body(method: Method, path: &str, body: &str) -> Request {
    Request {
        body: Some(body.as_bytes().to_vec()),
        ..empty(method, path)
    }
}

fn under(condition: Condition, request: Request) -> Request {
    Request {
        options: Some(RequestOptions {
            condition: Some(condition),
            ..NO_REQUEST_OPTIONS
        }),
        ..request
    }
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
