//! Callers that disconnect early. The host does not notify the component; these tests check the
//! consequences.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use embedded_host::Server as Gateway;
use embedded_host::client::Leaving;
use sandbox::{Fault, FaultKind, Service};

use super::http_client::Call;
use super::{call, gateway_with, get, sandboxed, sandboxed_with};
use crate::support::{Server, Tenant};

const CONTACTS: &str = "/api/data/v9.2/contacts";

/// Long enough for the gateway to forward a request.
const SHORT: Duration = Duration::from_millis(500);

/// Disconnects a caller, and returns how long the gateway continues to process its request.
fn leave(gateway: &Gateway, call: &Call, at: Leaving, after: Duration) -> Duration {
    let finished = gateway.finished();
    call.leave(at, after);
    let start = Instant::now();
    while gateway.finished() == finished {
        assert!(start.elapsed() < Duration::from_secs(40), "a place is never freed");
        sleep(Duration::from_millis(5));
    }
    assert_eq!(gateway.in_flight(), 0);
    assert_eq!(gateway.traps(), [""; 0]);
    start.elapsed()
}

/// Waits for an event that happens soon.
fn soon(what: &str, happened: impl Fn() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(10), "not {what}");
        sleep(Duration::from_millis(5));
    }
}

/// An upstream that never answers, and records whether it got a request and whether the gateway closed the
/// connection.
fn hanging() -> (Server, Arc<AtomicBool>, Arc<AtomicBool>) {
    let (asked, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (asking, ending) = (Arc::clone(&asked), Arc::clone(&ended));
    let server = Server::start(move |_, stream| {
        asking.store(true, Ordering::SeqCst);
        while let Ok(1..) = stream.read(&mut [0; 1024]) {}
        ending.store(true, Ordering::SeqCst);
    });
    (server, asked, ended)
}

on_each_face!(a_place_is_held_until_the_upstream_answers_or_the_time_is_over);
fn a_place_is_held_until_the_upstream_answers_or_the_time_is_over() {
    let (server, asked, ended) = hanging();
    let options = embedded_host::ServerOptions {
        requests_per_instance: 100,
        ..Default::default()
    };
    let variables = [
        ("DATAVERSE_FIRST_BYTE_TIMEOUT_MS", "1500"),
        ("DATAVERSE_CONNECT_TIMEOUT_MS", "500"),
        ("DATAVERSE_RETRY_BUDGET_MS", "0"),
    ];
    let gateway = gateway_with(&server.origin(), &variables, options);
    let took = thread::scope(|scope| {
        let leaving = scope.spawn(|| {
            let call = call(&gateway, "GET", CONTACTS);
            leave(&gateway, &call, Leaving::BeforeAnswer, SHORT)
        });
        soon("asked", || asked.load(Ordering::SeqCst));
        sleep(SHORT + Duration::from_millis(500));
        assert_eq!(gateway.in_flight(), 1, "the host does not notify the component");
        assert!(!ended.load(Ordering::SeqCst));
        leaving.join().unwrap()
    });
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(20)).contains(&took),
        "{took:?}"
    );
    soon("hung up on", || ended.load(Ordering::SeqCst));
    assert_eq!(get(&gateway, "/healthz").status, 200, "the same instance continues");
}

on_each_face!(a_place_is_freed_at_once_when_the_answer_cannot_be_written);
fn a_place_is_freed_at_once_when_the_answer_cannot_be_written() {
    // No answer ends by itself.
    let ended = Arc::new(AtomicBool::new(false));
    let ending = Arc::clone(&ended);
    let server = Server::start(move |_, stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close\r\n\r\n");
        while stream.write_all(&[7; 64 << 10]).is_ok() {}
        ending.store(true, Ordering::SeqCst);
    });
    let gateway = gateway_with(&server.origin(), &[], Default::default());
    for read in [1, 100_000] {
        ended.store(false, Ordering::SeqCst);
        let call = call(&gateway, "GET", "/api/data/v9.2/file");
        let took = leave(&gateway, &call, Leaving::InAnswer(read), Duration::ZERO);
        assert!(took < Duration::from_secs(5), "{read} bytes: {took:?}");
        soon("hung up on", || ended.load(Ordering::SeqCst));
    }
}

on_each_face!(half_a_body_writes_nothing_and_frees_the_place_at_once);
fn half_a_body_writes_nothing_and_frees_the_place_at_once() {
    let tenant = Tenant::start();
    let gateway = sandboxed_with(&tenant, &[], 100);
    assert_eq!(get(&gateway, CONTACTS).status, 200);
    let before = tenant.sandbox.snapshot();
    let row = format!("{CONTACTS}({})", sandbox::seed::contact(1));
    let rows = format!(r#"{{"lastname":"Half","description":"{}"}}"#, "x".repeat(300_000));
    let batch =
        format!("--b\r\ncontent-type: application/http\r\n\r\nPOST {CONTACTS} HTTP/1.1\r\n\r\n{rows}\r\n--b--\r\n");
    for (method, path, content_type, body) in [
        ("POST", CONTACTS.to_owned(), "application/json", rows),
        (
            "PATCH",
            row.clone(),
            "application/json",
            r#"{"lastname":"Half"}"#.to_owned(),
        ),
        (
            "POST",
            "/api/data/v9.2/$batch".to_owned(),
            "multipart/mixed; boundary=b",
            batch,
        ),
        (
            "PATCH",
            format!("{row}/sample_contract"),
            "application/octet-stream",
            "f".repeat(300_000),
        ),
    ] {
        for part in [0, 1, body.len() / 2, body.len() - 1] {
            let call = call(&gateway, method, &path)
                .header("content-type", content_type)
                .header("x-ms-file-name", "half.txt")
                .body(body.clone());
            let took = leave(
                &gateway,
                &call,
                Leaving::InBody(part),
                Duration::from_millis(part as u64 % 20),
            );
            assert!(took < Duration::from_secs(5), "{method} {path} {part}: {took:?}");
        }
    }
    assert!(tenant.sandbox.committed_writes().is_empty());
    assert!(tenant.sandbox.snapshot() == before);
    assert_eq!(get(&gateway, CONTACTS).status, 200);
    let (tokens, _) = tenant.counts();
    assert_eq!(tokens, 1, "the instance and its token are kept");
}

on_each_face!(a_write_whose_caller_has_left_happens_once);
fn a_write_whose_caller_has_left_happens_once() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let delay = FaultKind::Delay(2 * SHORT);
    tenant.sandbox.misbehave(Fault::new(Service::Dataverse, delay));
    let call = call(&gateway, "POST", CONTACTS).json(r#"{"lastname":"Left"}"#);
    let took = leave(&gateway, &call, Leaving::BeforeAnswer, SHORT);
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(tenant.sandbox.committed_writes().len(), 1);
}
