//! Requests that share an instance, and what becomes of them when it traps.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use embedded_host::{ServerOptions, client};
use sandbox::{Fault, FaultKind, Service};

use super::{Face, KEY, call, gateway_with, get, sandboxed_with};
use crate::support::{Server, Tenant};

const CONTACTS: &str = "/api/data/v9.2/contacts?$top=1";

#[test]
fn cold_requests_share_one_token_request() {
    Face::Wasi03.run(|| {
        let tenant = Tenant::start();
        let gateway = sandboxed_with(&tenant, &[], 1000);
        let delay = FaultKind::Delay(Duration::from_millis(500));
        tenant.sandbox.misbehave(Fault::new(Service::Entra, delay));
        thread::scope(|scope| {
            for _ in 0..128 {
                scope.spawn(|| assert_eq!(get(&gateway, CONTACTS).status, 200));
            }
        });
        assert_eq!(tenant.counts(), (1, 128));
        assert_eq!(gateway.traps(), [""; 0]);
    });
}

on_each_face!(a_trap_ends_the_requests_of_its_instance_and_no_other);
fn a_trap_ends_the_requests_of_its_instance_and_no_other() {
    let (asked, released) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (asking, release) = (Arc::clone(&asked), Arc::clone(&released));
    let server = Server::start(move |head, stream| {
        // Held whole by the gateway, and larger than its memory.
        let mut length = 2;
        if head.contains("WhoAmI") {
            length = 32 << 20;
        } else if head.contains("/slow") {
            asking.store(true, Ordering::SeqCst);
            while !release.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(5));
            }
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n");
        let _ = stream.write_all(&vec![b' '; length]);
    });
    let options = ServerOptions {
        requests_per_instance: 100,
        max_memory: 16 << 20,
        ..ServerOptions::default()
    };
    let gateway = gateway_with(&server.origin(), &[], options);
    let ask = |path: &str| {
        let call = client::Call::new(&gateway.origin(), "GET", path).header("x-api-key", KEY);
        call.send().map(|reply| reply.status).ok()
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| ask("/api/data/v9.2/slow"));
        let start = Instant::now();
        while !asked.load(Ordering::SeqCst) {
            assert!(start.elapsed() < Duration::from_secs(10), "not asked");
            sleep(Duration::from_millis(5));
        }
        assert_eq!(ask("/whoami"), None, "it traps");
        released.store(true, Ordering::SeqCst);
        let expected = match Face::of_this_test() {
            Face::Wasi02 => Some(200),
            Face::Wasi03 => None,
        };
        assert_eq!(other.join().unwrap(), expected);
    });
    assert_eq!(gateway.traps().len(), 1, "{:?}", gateway.traps());
    assert!(gateway.traps()[0].contains("bytes of memory"), "{:?}", gateway.traps());
    assert_eq!(call(&gateway, "GET", CONTACTS).send().status, 200, "there is another");
}
