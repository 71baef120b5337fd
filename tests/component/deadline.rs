//! How long a call takes as a whole: services that drip, hang or fail again and again, against `call-timeout-ms`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use embedded_host::types::{Error, Method, Options, Outage, OutageCause, Service, Settings};
use embedded_host::{DEFAULT_OPTIONS, Network};

use crate::support::{Client, Server, outage, read_body, request, settings_for, throttling, with_options};

const LIMIT_MS: u32 = 800;
/// Below it, no other limit ends a call in these tests.
const SOON: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

fn options() -> Options {
    Options {
        call_timeout_ms: Some(LIMIT_MS),
        ..DEFAULT_OPTIONS
    }
}

fn client(settings: Settings) -> Client {
    Client::open(&with_options(settings, options()), Network::Machine)
}

fn client_of(server: &Server) -> Client {
    client(settings_for(&server.origin()))
}

/// Writes byte after byte until nobody reads any more.
fn drip(stream: &mut TcpStream, mut bytes: impl Iterator<Item = u8>) {
    while bytes.next().is_some_and(|byte| stream.write_all(&[byte]).is_ok()) {
        sleep(PAUSE);
    }
}

/// Asserts that a call fails for its length as a whole, and tells so.
fn assert_over<T: std::fmt::Debug>(mut client: Client, call: impl FnOnce(&mut Client) -> Result<T, Error>) -> Outage {
    let start = Instant::now();
    let outage = outage(call(&mut client).unwrap_err());
    assert!(
        (Duration::from_millis(LIMIT_MS.into())..SOON).contains(&start.elapsed()),
        "{:?}: {outage:?}",
        start.elapsed()
    );
    assert_eq!(outage.cause, OutageCause::TimedOut, "{outage:?}");
    assert!(
        outage.detail.contains("800 ms") && outage.detail.contains("options.call-timeout-ms"),
        "{outage:?}"
    );
    outage
}

#[test]
fn a_head_that_drips_ends_with_the_call() {
    let server = Server::start(|head, stream| {
        read_body(head, stream);
        drip(
            stream,
            b"HTTP/1.1 200 OK\r\nx: ".iter().copied().chain(std::iter::repeat(b'x')),
        );
    });
    let read = assert_over(client_of(&server), |client| client.get("contacts"));
    assert_eq!((read.attempts, read.may_have_taken_effect), (1, false));
    let write = assert_over(client_of(&server), |client| client.post("contacts", "{}"));
    assert_eq!((write.attempts, write.may_have_taken_effect), (1, true));
}

#[test]
fn a_body_that_drips_ends_with_the_call() {
    for head in ["content-length: 1000000", "connection: close"] {
        let server = Server::start(move |request, stream| {
            read_body(request, stream);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{head}\r\n\r\n"
            );
            drip(stream, std::iter::repeat(b' '));
        });
        let write = assert_over(client_of(&server), |client| client.post("contacts", "{}"));
        assert_eq!((write.status, write.may_have_taken_effect), (Some(200), true));
        assert_over(client_of(&server), Client::whoami);
    }
}

#[test]
fn a_token_answer_that_drips_ends_with_the_call() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
                drip(&mut stream, std::iter::repeat(b' '));
            });
        }
    });
    let server = Server::start(|_, _| {});
    let mut settings = settings_for(&server.origin());
    if let Some(options) = &mut settings.options {
        options.authority = Some(authority);
    }
    let token = assert_over(client(settings.clone()), Client::token);
    let write = assert_over(client(settings), |client| client.post("contacts", "{}"));
    for outage in [token, write] {
        assert_eq!(
            (outage.service, outage.may_have_taken_effect),
            (Service::EntraId, false)
        );
    }
}

#[test]
fn the_search_for_the_tenant_ends_with_the_call() {
    let server = Server::start(|_, stream| drip(stream, std::iter::repeat(b'H')));
    let settings = Settings {
        tenant_id: None,
        ..settings_for(&server.origin())
    };
    let outage = assert_over(client(settings), Client::token);
    assert_eq!(outage.service, Service::Dataverse);
}

#[test]
fn a_transfer_that_flows_takes_as_long_as_it_takes() {
    const SIZE: usize = 40 * 40_000;
    let server = Server::start(|request, stream| {
        if request.starts_with("POST") {
            read_body(request, stream);
        }
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n");
        for _ in 0..40 {
            let _ = stream.write_all(&[b'x'; 40_000]);
            sleep(PAUSE);
        }
    });
    let mut client = client_of(&server);
    let start = Instant::now();
    assert_eq!(client.get("contacts").unwrap().body.len(), SIZE);
    assert!(start.elapsed() > 2 * Duration::from_millis(LIMIT_MS.into()));
}

#[test]
fn retries_end_with_the_call_whatever_is_left_of_their_budget() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = Server::start(move |request, stream| {
        read_body(request, stream);
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let options = Options {
        retry_budget_ms: Some(60_000),
        ..options()
    };
    let settings = with_options(settings_for(&server.origin()), options);
    let mut client = Client::open(&settings, Network::Machine);
    let start = Instant::now();
    let failure = outage(client.get("contacts").unwrap_err());
    assert!(
        start.elapsed() <= Duration::from_millis(LIMIT_MS.into()) + PAUSE,
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        failure.cause,
        OutageCause::CutOff,
        "what really happened is told: {failure:?}"
    );
    assert_eq!(failure.attempts as usize, count.load(Ordering::SeqCst));
    assert!((2..4).contains(&failure.attempts), "{failure:?}");
}

#[test]
fn a_wait_that_the_call_has_no_time_for_is_not_begun() {
    let server = Server::start(|request, stream| {
        read_body(request, stream);
        let _ = stream.write_all(b"HTTP/1.1 429 Slow down\r\nretry-after: 5\r\ncontent-length: 0\r\n\r\n");
    });
    let mut client = client_of(&server);
    let start = Instant::now();
    let throttled = throttling(client.post("contacts", "{}").unwrap_err());
    assert!(start.elapsed() < Duration::from_millis(LIMIT_MS.into()));
    assert_eq!((throttled.retry_after_seconds, throttled.attempts), (Some(5), 1));
}

#[test]
fn an_earlier_attempt_that_may_have_been_carried_out_is_told() {
    let turn = AtomicUsize::new(0);
    let server = Server::start(move |request, stream| {
        read_body(request, stream);
        if turn.fetch_add(1, Ordering::SeqCst) > 0 {
            drip(stream, std::iter::repeat(b'H'));
        }
    });
    let delete = request(Method::Delete, "contacts(1)");
    let outage = assert_over(client_of(&server), |client| client.send(&delete));
    assert_eq!((outage.attempts, outage.may_have_taken_effect), (2, true), "{outage:?}");
}
