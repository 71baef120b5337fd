//! Small answers leave in one write with their length, and slow ones as they come.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use embedded_host::ServerOptions;

use super::http_client::Reply;
use super::{KEY, call, gateway, gateway_with, get, sandboxed, sandboxed_with};
use crate::support::{Server, Tenant};

const CONTACTS: &str = "/api/data/v9.2/contacts";

/// What the first read of an answer gets, again and again on one connection.
fn first_reads(origin: &str, path: &str, times: usize) -> Vec<String> {
    let mut stream = TcpStream::connect(origin.trim_start_matches("http://")).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let reads = (0..times).map(|_| {
        let head = format!("GET {path} HTTP/1.1\r\nhost: gw\r\nx-api-key: {KEY}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let read = stream.read(&mut buffer).unwrap();
        let first = String::from_utf8_lossy(&buffer[..read]).into_owned();
        // What there is still of this answer belongs to no other.
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        while let Ok(1..) = stream.read(&mut buffer) {}
        stream.set_read_timeout(None).unwrap();
        first
    });
    reads.collect()
}

on_each_face!(an_answer_with_rewritten_links_comes_in_one_write_with_its_length);
fn an_answer_with_rewritten_links_comes_in_one_write_with_its_length() {
    let tenant = Tenant::start();
    let gateway = sandboxed_with(&tenant, &[], 100);
    assert_eq!(get(&gateway, CONTACTS).status, 200);
    for path in [CONTACTS, "/whoami", "/healthz", "/nowhere"] {
        for answer in first_reads(&gateway.origin(), path, 6) {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let length = format!("content-length: {}", body.len());
            assert!(
                head.lines().any(|line| line == length),
                "{path}: {head}, {} bytes",
                body.len()
            );
            assert!(!body.is_empty() && !head.contains("transfer-encoding"), "{head}");
            if path == CONTACTS {
                assert!(body.contains(r#""@odata.context":"http://gw/api/data/v9.2/"#), "{body}");
            }
        }
    }
}

on_each_face!(a_large_answer_is_not_held_back_and_comes_whole);
fn a_large_answer_is_not_held_back_and_comes_whole() {
    for size in [65_535_usize, 65_536, 65_537, 3_000_000] {
        let server = Server::start(move |_, stream| {
            let rows = "x".repeat(size - 13);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
            );
            let _ = write!(stream, "{{\"value\":\"{rows}\"}}");
        });
        let reply = get(&gateway(&server.origin(), &[]), CONTACTS);
        assert_eq!((reply.status, reply.whole, reply.body.len()), (200, true, size - 1));
        let has_length = reply.header("content-length").is_some();
        assert_eq!(has_length, size <= 65_537, "{size}");
    }
}

on_each_face!(an_answer_that_comes_slowly_is_passed_on_as_it_comes);
fn an_answer_that_comes_slowly_is_passed_on_as_it_comes() {
    let server = Server::start(|_, stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close\r\n\r\none");
        sleep(Duration::from_secs(2));
        let _ = stream.write_all(b"two");
    });
    let gateway = gateway_with(&server.origin(), &[], ServerOptions::default());
    assert_eq!(get(&gateway, "/healthz").status, 200);
    let mut stream = call(&gateway, "GET", CONTACTS).begin();
    let start = Instant::now();
    let mut begun = Vec::new();
    while !String::from_utf8_lossy(&begun).contains("one") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        begun.extend(byte);
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    let whole = [begun, rest].concat();
    let reply = embedded_host::client::Reply::parse(&whole).unwrap();
    assert_eq!((reply.whole, reply.text().as_str()), (true, "onetwo"));
}

on_each_face!(an_answer_without_a_body_gets_no_length_it_does_not_have);
fn an_answer_without_a_body_gets_no_length_it_does_not_have() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let head: Reply = call(&gateway, "HEAD", "/whoami").send();
    assert_ne!(head.header("content-length"), Some("0"));
    let nothing = super::post(&gateway, CONTACTS, r#"{"lastname":"x"}"#);
    assert_eq!((nothing.status, nothing.header("content-length")), (204, None));
}

on_each_face!(links_have_the_scheme_that_spin_tells_last);
fn links_have_the_scheme_that_spin_tells_last() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let address = gateway.origin().trim_start_matches("http://").to_owned();
    for (urls, scheme) in [
        (vec![format!("https://{address}{CONTACTS}")], "https"),
        (vec![format!("http://{address}{CONTACTS}")], "http"),
        // A caller's own comes before Spin's.
        (
            vec![format!("https://{address}/"), format!("http://{address}/")],
            "http",
        ),
        (vec!["https://elsewhere.example/".to_owned()], "http"),
        (vec![format!("https://{address}.example/")], "http"),
        (vec!["nonsense".to_owned()], "http"),
    ] {
        let mut request = call(&gateway, "GET", CONTACTS);
        for url in &urls {
            request = request.header("spin-full-url", url);
        }
        let context = request.send().json()["@odata.context"].as_str().unwrap().to_owned();
        assert!(
            context.starts_with(&format!("{scheme}://{address}/")),
            "{urls:?}: {context}"
        );
    }
}
