//! A plain HTTP/1.1 client that sends what it is told and nothing else.

use std::io::{Read, Write};
use std::net::TcpStream;

pub struct Call {
    address: String,
    head: String,
    body: Vec<u8>,
}

impl Call {
    pub fn new(origin: &str, method: &str, path: &str) -> Self {
        let address = origin.strip_prefix("http://").unwrap().to_owned();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        Self {
            address,
            head,
            body: Vec::new(),
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-length", &length)
    }

    pub fn json(self, json: &str) -> Self {
        self.header("content-type", "application/json").body(json)
    }

    /// Opens the connection and sends the head; the rest is the caller's to do.
    pub fn begin(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(format!("{}\r\n", self.head).as_bytes()).unwrap();
        stream
    }

    pub fn send(&self) -> Reply {
        let mut stream = self.begin();
        // A server may answer without reading it all.
        let _ = stream.write_all(&self.body);
        Reply::read(&mut stream)
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body ended as it said it would.
    pub whole: bool,
}

impl Reply {
    pub fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A reset after the answer is no fault of the answer.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("no head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Self {
            status,
            headers,
            body: Vec::new(),
            whole: true,
        };
        let rest = &bytes[end + 4..];
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.whole = unchunk(rest, &mut reply.body);
        } else {
            reply.body = rest.to_vec();
            let length = reply
                .header("content-length")
                .map(|length| length.parse::<usize>().unwrap());
            reply.whole = length.is_none_or(|length| length == reply.body.len());
        }
        reply
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The error in the body, in the shape that the gateway's own have.
    pub fn error(&self) -> serde_json::Value {
        assert_eq!(self.json()["error"]["status"], self.status, "{}", self.text());
        self.json()["error"].clone()
    }
}

/// Whether the last chunk was there.
fn unchunk(mut rest: &[u8], body: &mut Vec<u8>) -> bool {
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return true;
        }
        let chunk = &rest[end + 2..];
        if chunk.len() < size + 2 {
            body.extend_from_slice(&chunk[..chunk.len().min(size)]);
            return false;
        }
        body.extend_from_slice(&chunk[..size]);
        rest = &chunk[size + 2..];
    }
    false
}
