//! The embedded host's HTTP client, for tests: connection errors fail the test.

use std::net::TcpStream;
use std::ops::Deref;
use std::time::Duration;

use embedded_host::client::{self, Leaving};

pub struct Call(client::Call);

impl Call {
    pub fn new(origin: &str, method: &str, path: &str) -> Self {
        Self(client::Call::new(origin, method, path))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self(self.0.body(body))
    }

    pub fn json(self, json: &str) -> Self {
        self.header("content-type", "application/json").body(json)
    }

    /// Opens the connection and sends only the head.
    pub fn begin(&self) -> TcpStream {
        self.0.begin().unwrap()
    }

    pub fn send(&self) -> Reply {
        Reply(self.0.send().unwrap())
    }

    /// Disconnects early.
    pub fn leave(&self, at: Leaving, after: Duration) {
        self.0.leave(at, after).unwrap();
    }
}

#[derive(Debug)]
pub struct Reply(client::Reply);

impl Deref for Reply {
    type Target = client::Reply;

    fn deref(&self) -> &client::Reply {
        &self.0
    }
}

impl Reply {
    pub fn read(stream: &mut TcpStream) -> Self {
        Self(client::Reply::read(stream).unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The error in the body, in the gateway's own format.
    pub fn error(&self) -> serde_json::Value {
        assert_eq!(self.json()["error"]["status"], self.status, "{}", self.text());
        self.json()["error"].clone()
    }
}
