//! The gateway, called over HTTP.

use std::io;

use anyhow::{Context, Result, bail, ensure};
use embedded_host::client::{self, Leaving, Reply};
use embedded_host::{Component, Server, ServerOptions};
use sandbox::{Demo, Sandbox};
use serde_json::Value;

use super::face::{Answer, Batched, Call, Condition, Face, Method, NewRow, Outcome};
use super::ledger::Told;
use super::worker::Worker;

pub const ROOT: &str = "/api/data/v9.2/";
const KEY: &str = "the-key-of-this-soak";

/// The number of calls that an instance answers. Several, so that leftover state of one would affect the
/// next.
const CALLS_OF_AN_INSTANCE: usize = 20;

/// Starts the gateway in front of a sandbox.
pub fn start(component: &Component, sandbox: &Sandbox, demo: &Demo) -> Result<Server> {
    let origin = sandbox.origin();
    let variables = [
        ("DATAVERSE_URL", origin.as_str()),
        ("AZURE_AUTHORITY_HOST", &origin),
        ("AZURE_TENANT_ID", &demo.config.tenant_id),
        ("AZURE_CLIENT_ID", &demo.client_id),
        ("AZURE_CLIENT_SECRET", &demo.client_secret),
        ("GATEWAY_KEY", KEY),
    ];
    let options = ServerOptions {
        requests_per_instance: CALLS_OF_AN_INSTANCE,
        ..ServerOptions::default()
    };
    Server::start(component, &variables, options)
}

/// A caller of the gateway.
pub struct Http {
    pub origin: String,
}

impl Http {
    /// A call with the key, to a path with a query.
    pub fn call(&self, method: &str, path: &str) -> client::Call {
        client::Call::new(&self.origin, method, path).header("x-api-key", KEY)
    }

    pub fn request(&self, call: &Call) -> client::Call {
        let method = match call.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        };
        let path = format!("{ROOT}{}", call.path.replace(' ', "%20"));
        let mut request = self.call(method, &path).header("x-ms-client-request-id", &call.mark);
        request = match &call.condition {
            Some(Condition::MustExist) => request.header("if-match", "*"),
            Some(Condition::MustNotExist) => request.header("if-none-match", "*"),
            Some(Condition::Version(etag)) => request.header("if-match", etag),
            None => request,
        };
        match &call.body {
            Some(body) => request.header("content-type", "application/json").body(body.as_str()),
            None => request,
        }
    }

    /// Sends a request, and returns the answer or the failure.
    pub fn ask(&self, request: &client::Call) -> Result<Result<Reply, Failure>> {
        let reply = match request.send() {
            Ok(reply) => reply,
            // An answer that breaks early: the host may disconnect before it has sent the head.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Ok(Err(Failure::Failed(Told::Uncertain)));
            }
            Err(error) => return Err(error).context("the gateway does not answer"),
        };
        if (200..300).contains(&reply.status) {
            Ok(Ok(reply))
        } else {
            Ok(Err(failure(&reply)?))
        }
    }

    /// Sends a request and disconnects early. Returns what the caller knows then.
    pub fn leave(&self, request: &client::Call, at: Leaving, after: std::time::Duration) -> Result<Told> {
        let read = request.leave(at, after).context("the gateway does not listen")?;
        Ok(match at {
            Leaving::InBody(_) => Told::NotDone,
            Leaving::BeforeAnswer => Told::Uncertain,
            Leaving::InAnswer(_) => match status(&read).context("an answer without a status")? {
                200..300 => Told::Done,
                429 => Told::NotDone,
                _ => Told::Uncertain,
            },
        })
    }
}

/// An answer that is an error.
pub enum Failure {
    NotFound,
    Failed(Told),
}

impl Failure {
    /// What it says about a request whose row exists.
    pub fn told(self) -> Result<Told> {
        match self {
            Self::NotFound => bail!("the row is gone"),
            Self::Failed(told) => Ok(told),
        }
    }
}

/// The gateway's own errors say whether the request may have taken effect. Dataverse's errors pass
/// unchanged: a throttled request was not carried out, and for a failed one it is unknown.
fn failure(reply: &Reply) -> Result<Failure> {
    let error: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let error = &error["error"];
    let is_own = error["service"].is_string();
    Ok(match reply.status {
        404 if !is_own => Failure::NotFound,
        429 if !is_own => Failure::Failed(Told::NotDone),
        500.. if is_own => Failure::Failed(if may_have_taken_effect(error) {
            Told::Uncertain
        } else {
            Told::NotDone
        }),
        500.. => Failure::Failed(Told::Uncertain),
        // Each worker has its own rows.
        status => bail!("refused without reason: {status} {}", reply.text()),
    })
}

fn may_have_taken_effect(error: &Value) -> bool {
    let message = error["message"].as_str().unwrap_or_default();
    error["mayHaveTakenEffect"] == true || message.contains("may have taken effect")
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.strip_prefix(b"HTTP/1.1 ")?;
    std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()
}

impl Face for Http {
    fn send(&mut self, call: &Call) -> Result<Outcome> {
        let is_read = call.method == Method::Get;
        Ok(match self.ask(&self.request(call))? {
            Ok(reply) if is_read && !reply.whole => Outcome::Failed {
                told: Told::NotDone,
                attempts: 1,
            },
            Ok(reply) => Outcome::Answered(Answer {
                row: reply.header("odata-entityid").and_then(row_of),
                body: reply.body,
                attempts: 1,
            }),
            Err(Failure::NotFound) => Outcome::NotFound,
            Err(Failure::Failed(told)) => Outcome::Failed { told, attempts: 1 },
        })
    }

    fn batch(&mut self, rows: &[NewRow; 2], read: &Call) -> Result<Batched> {
        let mut body = "--batch\r\nContent-Type: multipart/mixed; boundary=set\r\n\r\n".to_owned();
        for (number, row) in rows.iter().enumerate() {
            body += &format!(
                "--set\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number}\r\n\r\n\
                 POST {ROOT}contacts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}\r\n",
                row.json()
            );
        }
        body += &format!(
            "--set--\r\n\r\n--batch\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
             GET {ROOT}{} HTTP/1.1\r\n\r\n\r\n--batch--\r\n",
            read.path.replace(' ', "%20")
        );
        let request = self
            .call("POST", &format!("{ROOT}$batch"))
            .header("content-type", "multipart/mixed; boundary=batch")
            .header("x-ms-client-request-id", &read.mark)
            .body(body);
        let told = match self.ask(&request)? {
            Ok(reply) if reply.whole => return answers(&reply),
            Ok(_) => Told::Uncertain,
            Err(failure) => failure.told()?,
        };
        Ok(Batched {
            rows: [(told, None), (told, None)],
            is_read_answered: false,
            attempts: 1,
        })
    }

    fn step(worker: &mut Worker<Self>) -> Result<()> {
        match worker.random.below(4) {
            0 => worker.upload(),
            1 => worker.download(),
            _ => worker.leave(),
        }
    }
}

/// The answers in the answer to a batch.
fn answers(reply: &Reply) -> Result<Batched> {
    let text = reply.text();
    let [first, second, read] = text.split("HTTP/1.1 ").skip(1).collect::<Vec<_>>()[..] else {
        bail!("not the answers to a batch of 3: {text}");
    };
    let created = |answer: &str| -> Result<(Told, Option<String>)> {
        ensure!(
            answer.starts_with("204") || answer.starts_with("201"),
            "refused without reason: {answer}"
        );
        let line = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("odata-entityid").then(|| row_of(value))?
        };
        Ok((Told::Done, answer.lines().find_map(line)))
    };
    Ok(Batched {
        rows: [created(first)?, created(second)?],
        is_read_answered: read.starts_with("200"),
        attempts: 1,
    })
}

/// The id at the end of a row's URL.
fn row_of(address: &str) -> Option<String> {
    let (_, id) = address.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    Some(id.to_owned())
}
