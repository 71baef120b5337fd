//! How long a call takes as a whole: callers and environments that drip hold no place beyond it.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use embedded_host::Server as Gateway;

use super::http_client::Reply;
use super::{call, gateway, get};
use crate::support::{Server, read_body};

const PATH: &str = "/api/data/v9.2/contacts";
const LIMIT: Duration = Duration::from_millis(800);
/// Below it, no other limit ends a call in these tests.
const SOON: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

fn limited(server: &Server) -> Gateway {
    let gateway = gateway(&server.origin(), &[("DATAVERSE_CALL_TIMEOUT_MS", "800")]);
    // The first instance takes its time.
    assert_eq!(get(&gateway, "/healthz").status, 200);
    gateway
}

fn wait_for(what: &str, happened: impl Fn() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < SOON, "not {what}");
        sleep(Duration::from_millis(5));
    }
}

on_each_face!(a_body_that_the_caller_drips_is_408_and_frees_its_place);
fn a_body_that_the_caller_drips_is_408_and_frees_its_place() {
    let server = Server::start(|_, stream| while let Ok(1..) = stream.read(&mut [0; 1024]) {});
    let gateway = limited(&server);
    for (method, content_type, path, length) in [
        ("POST", "application/json", PATH, "content-length: 1000\r\n"),
        ("POST", "application/json", PATH, "transfer-encoding: chunked\r\n"),
        ("PATCH", "application/octet-stream", PATH, "content-length: 1000\r\n"),
        (
            "PATCH",
            "application/octet-stream",
            PATH,
            "transfer-encoding: chunked\r\n",
        ),
        (
            "DELETE",
            "application/octet-stream",
            PATH,
            "transfer-encoding: chunked\r\n",
        ),
        ("POST", "application/json", "/validate", "content-length: 1000\r\n"),
    ] {
        let (name, value) = length.trim().split_once(": ").unwrap();
        let request = call(&gateway, method, path)
            .header("content-type", content_type)
            .header(name, value);
        let mut stream = request.begin();
        let mut writer = stream.try_clone().unwrap();
        let start = Instant::now();
        let dripping = std::thread::spawn(move || {
            let piece: &[u8] = if value_is_chunked(length) { b"1\r\n \r\n" } else { b" " };
            while writer.write_all(piece).is_ok() && start.elapsed() < SOON {
                sleep(PAUSE);
            }
        });
        let reply = Reply::read(&mut stream);
        assert!(
            (LIMIT..SOON).contains(&start.elapsed()),
            "{length}: {:?}",
            start.elapsed()
        );
        assert_eq!(reply.status, 408, "{method} {content_type} {length}: {reply:?}");
        let message = reply.error()["message"].as_str().unwrap().to_owned();
        for part in ["the request's body", "800 ms", "DATAVERSE_CALL_TIMEOUT_MS"] {
            assert!(message.contains(part), "{message}");
        }
        drop(stream);
        let _ = dripping.join();
        wait_for("free", || gateway.in_flight() == 0);
    }
    assert_eq!(gateway.traps(), [""; 0]);
}

fn value_is_chunked(length: &str) -> bool {
    length.contains("chunked")
}

on_each_face!(an_environment_that_drips_its_head_is_504);
fn an_environment_that_drips_its_head_is_504() {
    let server = Server::start(|head, stream| {
        read_body(head, stream);
        while stream.write_all(b"H").is_ok() {
            sleep(PAUSE);
        }
    });
    let gateway = limited(&server);
    for method in ["GET", "POST"] {
        let start = Instant::now();
        let reply = call(&gateway, method, PATH).json("{}").send();
        assert!((LIMIT..SOON).contains(&start.elapsed()), "{:?}", start.elapsed());
        assert_eq!(reply.status, 504);
        let error = reply.error();
        assert!(
            error["message"].as_str().unwrap().contains("DATAVERSE_CALL_TIMEOUT_MS"),
            "{error}"
        );
        assert_eq!(
            error["mayHaveTakenEffect"].as_bool().unwrap_or_default(),
            method == "POST"
        );
    }
}

on_each_face!(an_environment_that_drips_its_answer_is_cut_off);
fn an_environment_that_drips_its_answer_is_cut_off() {
    let ended = Arc::new(AtomicBool::new(false));
    let ending = Arc::clone(&ended);
    let server = Server::start(move |_, stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            sleep(PAUSE);
        }
        ending.store(true, Ordering::SeqCst);
    });
    let gateway = limited(&server);
    let start = Instant::now();
    let reply = get(&gateway, PATH);
    assert!((LIMIT..SOON).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!((reply.status, reply.whole), (200, false));
    wait_for("free", || gateway.in_flight() == 0);
    wait_for("hung up on", || ended.load(Ordering::SeqCst));
    let log = gateway.output();
    assert!(
        log.contains("an answer broke off") && log.contains("DATAVERSE_CALL_TIMEOUT_MS"),
        "{log}"
    );
}

on_each_face!(transfers_that_flow_take_as_long_as_they_take);
fn transfers_that_flow_take_as_long_as_they_take() {
    const PIECES: usize = 40;
    const PIECE: usize = 40_000;
    let server = Server::start(|head, stream| {
        let body = read_body(head, stream);
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nx-length: {}\r\ncontent-length: {}\r\n\r\n",
            body.len(),
            PIECES * PIECE
        );
        for _ in 0..PIECES {
            let _ = stream.write_all(&[b'x'; PIECE]);
            sleep(PAUSE);
        }
    });
    let gateway = limited(&server);
    let upload = call(&gateway, "PATCH", PATH)
        .header("content-type", "application/octet-stream")
        .header("content-length", &(PIECES * PIECE).to_string());
    let start = Instant::now();
    let mut stream = upload.begin();
    for _ in 0..PIECES {
        stream.write_all(&[b'y'; PIECE]).unwrap();
        sleep(PAUSE);
    }
    let reply = Reply::read(&mut stream);
    assert!(start.elapsed() > 4 * LIMIT);
    assert_eq!(
        (reply.status, reply.whole, reply.body.len()),
        (200, true, PIECES * PIECE)
    );
    assert_eq!(reply.header("x-length"), Some((PIECES * PIECE).to_string().as_str()));
}
