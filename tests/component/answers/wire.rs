//! Answers as they go over a socket.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Server, is_token_request, read_body};

pub const JSON: &str = "Content-Type: application/json; odata.metadata=minimal";
pub const HTML: &str = "Content-Type: text/html; charset=utf-8";
pub const BOM: &str = "\u{feff}";

/// One answer. `{origin}` in it stands for the server's own.
#[derive(Clone)]
pub struct Wire {
    status: String,
    headers: Vec<String>,
    body: String,
    length: bool,
}

impl Wire {
    /// With the length of its body.
    pub fn new(status: u16, headers: &[&str], body: &str) -> Self {
        Self {
            status: format!("HTTP/1.1 {status} X"),
            headers: headers.iter().map(|header| (*header).to_owned()).collect(),
            body: body.to_owned(),
            length: true,
        }
    }

    pub fn json(status: u16, body: &str) -> Self {
        Self::new(status, &[JSON], body)
    }

    /// Without a length of its own: the body is what `headers` say.
    pub fn raw(status: u16, headers: &[&str], body: &str) -> Self {
        Self {
            length: false,
            ..Self::new(status, headers, body)
        }
    }

    fn send(&self, head: &str, stream: &mut TcpStream) {
        let host = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned))
            .unwrap();
        let origin = format!("http://{host}");
        let body = self.body.replace("{origin}", &origin);
        let mut answer = format!("{}\r\n", self.status);
        for header in &self.headers {
            answer.push_str(&format!("{}\r\n", header.replace("{origin}", &origin)));
        }
        if self.length {
            answer.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n", body.len()));
        }
        let _ = stream.write_all(format!("{answer}\r\n{body}").as_bytes());
    }
}

/// A server that grants tokens and answers anything else with these, one after the other; the last stays.
pub fn serving(answers: impl Into<Vec<Wire>>) -> Server {
    let answers = answers.into();
    let at = AtomicUsize::new(0);
    Server::start(move |head, stream| {
        read_body(head, stream);
        let at = at.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        answers[at].send(head, stream);
    })
}

/// A server that answers token requests by their forms, and counts them; Dataverse's answer is an empty page.
pub fn granting(answer: impl Fn(&str) -> Wire + Send + Sync + 'static) -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let server = Server::answering(move |head, stream| {
        let body = String::from_utf8(read_body(head, stream)).unwrap();
        if is_token_request(head) {
            asked.fetch_add(1, Ordering::SeqCst);
            answer(&body).send(head, stream);
        } else {
            Wire::json(200, r#"{"value":[]}"#).send(head, stream);
        }
    });
    (server, count)
}
