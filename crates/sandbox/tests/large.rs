//! Bodies that are larger than the sandbox's memory limit.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};

use common::{Local, start};
use sandbox::{Fault, FaultKind, Service};

const SIZE: u64 = 300 * 1024 * 1024;
const PATH: &str = "/api/data/v9.2/contacts(5eed000c-0000-0000-8000-000000000001)/sample_contract/$value";

/// The tests measure the memory of their common process.
static ALONE: Mutex<()> = Mutex::new(());

/// The peak memory of the process, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// Sends the head, then `length` bytes, and returns the stream to read from.
fn open(local: &Local, method: &str, path: &str, token: &str, length: u64) -> TcpStream {
    let mut stream = TcpStream::connect(local.origin.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![7; 1024 * 1024];
    let mut left = length;
    while left > 0 {
        let now = left.min(piece.len() as u64) as usize;
        stream.write_all(&piece[..now]).unwrap();
        left -= now as u64;
    }
    stream
}

fn text(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_large_answer_flows() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let local = start();
    local.sandbox.serve_large(PATH, 5);
    local.sandbox.serve_large(PATH, SIZE);
    let before = peak();
    let mut stream = open(&local, "GET", PATH, &local.token(), 0);
    let mut buffer = vec![0; 1024 * 1024];
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut buffer[..1]).unwrap();
        head.push(buffer[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("content-length: {SIZE}\r\n")), "{head}");
    assert!(head.contains("content-type: application/octet-stream\r\n"), "{head}");
    let mut at = 0_u64;
    loop {
        let read = stream.read(&mut buffer).unwrap();
        if read == 0 {
            break;
        }
        assert_eq!(
            (u64::from(buffer[0]), u64::from(buffer[read - 1])),
            (at % 256, (at + read as u64 - 1) % 256)
        );
        at += read as u64;
    }
    assert_eq!(at, SIZE);
    assert!(peak() - before < 32 * 1024 * 1024, "{}", peak() - before);

    assert!(text(open(&local, "GET", PATH, "none", 0)).starts_with("HTTP/1.1 401 "));
    let cut = Fault::new(Service::Dataverse, FaultKind::CutBody { after: 100_000 });
    local.sandbox.misbehave(cut);
    let mut answer = Vec::new();
    let _ = open(&local, "GET", PATH, &local.token(), 0).read_to_end(&mut answer);
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    assert_eq!(answer.len() - end - 4, 100_000);
}

#[test]
fn a_large_upload_is_swallowed() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let local = start();
    local.sandbox.swallow_uploads("/api/data/v9.2/contacts(");
    let before = peak();
    for method in ["PATCH", "PUT"] {
        let answer = text(open(&local, method, PATH, &local.token(), SIZE));
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    }
    assert_eq!(local.sandbox.swallowed(), 2 * SIZE);
    assert!(peak() - before < 32 * 1024 * 1024, "{}", peak() - before);
    let last = local.sandbox.requests().pop().unwrap();
    assert_eq!((last.body_length, last.body.len()), (SIZE, 0));
    assert!(text(open(&local, "PATCH", PATH, "none", SIZE)).starts_with("HTTP/1.1 401 "));
    assert_eq!(local.get("accounts").status, 200);
}
