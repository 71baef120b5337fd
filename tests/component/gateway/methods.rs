//! Which bodies of which methods reach the environment, whatever says where they end; over raw sockets, as a client library would
//! not send them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use embedded_host::Server as Gateway;

use super::http_client::Reply;
use super::{KEY, gateway};
use crate::support::Server;

const PATH: &str = "/api/data/v9.2/contacts";
const TEXT: &str = "hello, world";

/// What came to an environment: the method, and the body as it was delimited.
type Came = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// An environment that answers 204, and keeps what it was sent.
fn environment() -> (Server, Came) {
    let came = Came::default();
    let kept = Arc::clone(&came);
    let server = Server::start(move |head, stream| {
        let lower = head.to_ascii_lowercase();
        let body = if lower.contains("transfer-encoding: chunked") {
            read_chunks(stream)
        } else {
            crate::support::read_body(head, stream)
        };
        let method = head.split(' ').next().unwrap_or_default().to_owned();
        kept.lock().unwrap().push((method, body));
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
    });
    (server, came)
}

fn read_chunks(stream: &mut TcpStream) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).unwrap();
        if size == 0 {
            return body;
        }
        chunk.truncate(size);
        body.extend(chunk);
    }
}

/// Sends a head with these lines, and bytes after it.
fn send(gateway: &Gateway, line: &str, headers: &str, bytes: &str) -> Reply {
    let mut stream = TcpStream::connect(gateway.origin().trim_start_matches("http://")).unwrap();
    let head = format!("{line} HTTP/1.1\r\nhost: gw\r\nx-api-key: {KEY}\r\nconnection: close\r\n{headers}\r\n");
    let _ = stream.write_all(format!("{head}{bytes}").as_bytes());
    Reply::read(&mut stream)
}

fn chunked(text: &str) -> String {
    let (one, two) = text.split_at(text.len() / 2);
    format!("{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", one.len(), two.len())
}

const CHUNKED: &str = "content-type: text/plain\r\ntransfer-encoding: chunked\r\n";

fn sized(text: &str) -> String {
    format!("content-type: text/plain\r\ncontent-length: {}\r\n", text.len())
}

on_each_face!(a_body_in_chunks_arrives_whole_whatever_the_method);
fn a_body_in_chunks_arrives_whole_whatever_the_method() {
    let (server, came) = environment();
    let gateway = gateway(&server.origin(), &[]);
    for content_type in ["text/plain", "application/json"] {
        for method in ["POST", "PATCH", "PUT", "DELETE", "OPTIONS", "MERGE", "QUERY"] {
            let headers = CHUNKED.replace("text/plain", content_type);
            let reply = send(&gateway, &format!("{method} {PATH}"), &headers, &chunked(TEXT));
            assert_eq!(reply.status, 204, "{method}: {reply:?}");
            let came = came.lock().unwrap().pop().unwrap();
            assert_eq!(came, (method.to_owned(), TEXT.into()), "{content_type}");
        }
    }
}

on_each_face!(a_read_with_a_body_in_chunks_is_refused_before_it_is_cut);
fn a_read_with_a_body_in_chunks_is_refused_before_it_is_cut() {
    let (server, came) = environment();
    let gateway = gateway(&server.origin(), &[]);
    for method in ["GET", "HEAD"] {
        let reply = send(&gateway, &format!("{method} {PATH}"), CHUNKED, &chunked(TEXT));
        assert_eq!(reply.status, 411, "{reply:?}");
        if method == "GET" {
            assert!(reply.error()["message"].as_str().unwrap().contains("Content-Length"));
        }
        let empty = send(&gateway, &format!("{method} {PATH}"), CHUNKED, "0\r\n\r\n");
        assert_eq!(empty.status, 204, "no body at all: {empty:?}");
        assert_eq!(came.lock().unwrap().pop(), Some((method.to_owned(), Vec::new())));
        assert!(came.lock().unwrap().is_empty());
    }
}

on_each_face!(a_body_with_a_length_arrives_whole_whatever_the_method);
fn a_body_with_a_length_arrives_whole_whatever_the_method() {
    let (server, came) = environment();
    let gateway = gateway(&server.origin(), &[]);
    for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "MERGE"] {
        let reply = send(&gateway, &format!("{method} {PATH}"), &sized(TEXT), TEXT);
        assert_eq!(reply.status, 204, "{method}: {reply:?}");
        assert_eq!(came.lock().unwrap().pop(), Some((method.to_owned(), TEXT.into())));
    }
    let large = "x".repeat((1 << 20) + 1);
    assert_eq!(
        send(&gateway, &format!("GET {PATH}"), &sized(&large), &large).status,
        413
    );
    assert!(came.lock().unwrap().is_empty());
}

on_each_face!(a_length_beside_chunks_shortens_nothing);
fn a_length_beside_chunks_shortens_nothing() {
    let (server, came) = environment();
    let gateway = gateway(&server.origin(), &[]);
    let (length, chunks) = ("content-length: 3\r\n", "transfer-encoding: chunked\r\n");
    for headers in [format!("{length}{chunks}"), format!("{chunks}{length}")] {
        for method in ["POST", "PATCH", "DELETE"] {
            let headers = format!("content-type: application/octet-stream\r\n{headers}");
            let reply = send(&gateway, &format!("{method} {PATH}"), &headers, &chunked(TEXT));
            // The host decides in favour of the chunks, and takes the length away (RFC 9112, 6.3).
            assert_eq!(reply.status, 204, "{method} {headers}: {reply:?}");
            assert_eq!(
                came.lock().unwrap().pop(),
                Some((method.to_owned(), TEXT.into())),
                "{headers}"
            );
        }
    }
}

on_each_face!(what_the_host_cannot_delimit_does_not_arrive);
fn what_the_host_cannot_delimit_does_not_arrive() {
    let (server, came) = environment();
    let gateway = gateway(&server.origin(), &[]);
    for headers in [
        "content-length: 3\r\ncontent-length: 12\r\n",
        "content-length: +12\r\n",
        "content-length: 12, 12\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: chunked, gzip\r\n",
    ] {
        let reply = send(&gateway, &format!("POST {PATH}"), headers, TEXT);
        assert_eq!(reply.status, 400, "{headers}");
    }
    assert!(came.lock().unwrap().is_empty());
    assert_eq!(gateway.traps(), [""; 0]);
}

on_each_face!(tunnels_and_echoes_are_refused);
fn tunnels_and_echoes_are_refused() {
    let (server, came) = environment();
    let gateway = gateway(&server.origin(), &[]);
    for (line, headers, bytes) in [
        (format!("TRACE {PATH}"), "", String::new()),
        (format!("TRACE {PATH}"), CHUNKED, chunked(TEXT)),
        (format!("CONNECT {PATH}"), "", TEXT.to_owned()),
        ("CONNECT contoso.example:443".to_owned(), "", TEXT.to_owned()),
    ] {
        let reply = send(&gateway, &line, headers, &bytes);
        assert!([404, 405].contains(&reply.status), "{line}: {reply:?}");
    }
    assert!(came.lock().unwrap().is_empty());
    assert_eq!(gateway.traps(), [""; 0]);
}

on_each_face!(half_a_body_arrives_nowhere);
fn half_a_body_arrives_nowhere() {
    let (server, came) = environment();
    let gateway = gateway(&server.origin(), &[]);
    for (content_type, headers, bytes) in [
        ("text/plain", "content-length: 100\r\n", "half"),
        ("application/json", "content-length: 100\r\n", "{\"half"),
        ("text/plain", "transfer-encoding: chunked\r\n", "4\r\nhalf\r\n"),
        ("text/plain", "transfer-encoding: chunked\r\n", "9\r\nhalf"),
        ("text/plain", "transfer-encoding: chunked\r\n", ""),
    ] {
        let headers = format!("content-type: {content_type}\r\n{headers}");
        let mut stream = TcpStream::connect(gateway.origin().trim_start_matches("http://")).unwrap();
        let head = format!("POST {PATH} HTTP/1.1\r\nhost: gw\r\nx-api-key: {KEY}\r\n{headers}\r\n{bytes}");
        stream.write_all(head.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        // The host may have hung up by then.
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{headers}: {answer}"
        );
    }
    assert!(came.lock().unwrap().is_empty());
    assert_eq!(gateway.traps(), [""; 0]);
}
