//! `$batch`: the rules for requests apply to each part.

use std::time::{Duration, Instant};

use super::relay::recorded_with;
use super::{KEY, call, gateway};
use crate::support::{Server, answer};

const BATCH: &str = "/api/data/v9.2/$batch";

/// A batch of a read, and of a change set with two writes, with these lines in the head of each.
fn batch(lines: &str) -> String {
    let lines = lines.replace('\n', "\r\n");
    [
        "--b",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        "GET /api/data/v9.2/contacts HTTP/1.1",
        &lines,
        "",
        "",
        "--b",
        "Content-Type: multipart/mixed; boundary=c",
        "",
        "--c",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "Content-ID: 1",
        "",
        "POST /api/data/v9.2/contacts HTTP/1.1",
        "Content-Type: application/json",
        &lines,
        "",
        "{\"lastname\":\"x\"}",
        "--c",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "Content-ID: 2",
        "",
        "PATCH /api/data/v9.2/contacts(1) HTTP/1.1",
        "Content-Type: application/json",
        &lines,
        "",
        "{\"lastname\":\"y\"}",
        "--c--",
        "--b--",
        "",
    ]
    .join("\r\n")
}

fn send(gateway: &embedded_host::Server, body: impl Into<Vec<u8>>) -> super::Reply {
    call(gateway, "POST", BATCH)
        .header("content-type", "multipart/mixed; boundary=b")
        .body(body)
        .send()
}

on_each_face!(a_part_carries_the_headers_that_a_request_may_carry);
fn a_part_carries_the_headers_that_a_request_may_carry() {
    let (gateway, requests) = recorded_with(&[], || answer(200, &[], ""));
    let lines = format!(
        "Accept: application/json\nPrefer: return=representation\nIf-Match: *\nIf-None-Match: null\nOData-Version: 4.0\n\
         Authorization: Bearer {KEY}\nx-api-key: {KEY}\nCookie: a={KEY}\nProxy-Authorization: {KEY}\n\
         X-HTTP-Method-Override: DELETE\nX-HTTP-Method: MERGE\nX-Forwarded-For: 10.0.0.1\nauthorization : {KEY}\n\
         Host: gateway.example\nContent-Length: 3\nTransfer-Encoding: chunked\nConnection: close\n\
         X-Folded: a\n {KEY}\n\tb\nClient-Request-Id: mine\nMSCRM.SuppressDuplicateDetection: false"
    );
    assert_eq!(send(&gateway, batch(&lines)).status, 200);
    let sent = String::from_utf8(requests.lock().unwrap().pop().unwrap().into_body()).unwrap();
    assert_eq!(
        sent,
        batch(
            "Accept: application/json\nPrefer: return=representation\nIf-Match: *\nIf-None-Match: null\n\
             OData-Version: 4.0\nClient-Request-Id: mine\nMSCRM.SuppressDuplicateDetection: false"
        )
    );
}

on_each_face!(a_part_may_not_do_what_a_request_may_not);
fn a_part_may_not_do_what_a_request_may_not() {
    let (gateway, requests) = recorded_with(&[], || answer(200, &[], ""));
    for line in [
        "CallerObjectId: 00000000-0000-0000-0000-000000000001",
        "MSCRMCallerID : 00000000-0000-0000-0000-000000000001",
        "mscrm.bypassbusinesslogicexecution: CustomSync",
        "MSCRM.SuppressCallbackRegistrationExpanderJob:\n true",
    ] {
        let reply = send(&gateway, batch(line));
        assert_eq!(reply.status, 403, "{line}");
        assert!(reply.text().contains("GATEWAY_PASS_HEADERS"), "{}", reply.text());
        assert_eq!(reply.error()["service"], "gateway");
    }
    let tagged = batch("").replace("v9.2/contacts HTTP", "v9.2/contacts?tag=x HTTP");
    assert_eq!(send(&gateway, tagged).status, 403);
    let climbing = batch("").replace("v9.2/contacts HTTP", "v9.2/..;/..%00/main.aspx HTTP");
    assert_eq!(send(&gateway, climbing).status, 400);
    assert!(requests.lock().unwrap().is_empty(), "nothing was sent");

    let (opened, requests) = recorded_with(&[("GATEWAY_PASS_HEADERS", "CallerObjectId")], || answer(200, &[], ""));
    let named = batch("CallerObjectId: 00000000-0000-0000-0000-000000000001");
    assert_eq!(send(&opened, named.as_str()).status, 200);
    assert_eq!(requests.lock().unwrap().pop().unwrap().into_body(), named.as_bytes());
}

on_each_face!(a_late_part_is_refused_too_and_the_batch_does_not_end);
fn a_late_part_is_refused_too_and_the_batch_does_not_end() {
    let (gateway, requests) = recorded_with(&[], || answer(200, &[], ""));
    let part = "--b\r\nContent-Type: application/http\r\n\r\nPOST /api/data/v9.2/contacts HTTP/1.1\r\n\
                Content-Type: application/json\r\n\r\n{\"lastname\":\"x\"}\r\n";
    let mut body = part.repeat((2 << 20) / part.len());
    body.push_str(&batch("MSCRMCallerID: 00000000-0000-0000-0000-000000000001"));
    let reply = send(&gateway, body);
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(reply.text().contains("GATEWAY_PASS_HEADERS"), "{}", reply.text());
    assert!(requests.lock().unwrap().is_empty(), "what did not end was not taken");
}

on_each_face!(what_can_be_read_in_two_ways_is_refused);
fn what_can_be_read_in_two_ways_is_refused() {
    let (gateway, requests) = recorded_with(&[], || answer(200, &[], ""));
    let plain = batch("Accept: application/json");
    let smuggled = format!("Authorization: Bearer {KEY}");
    for body in [
        // Microsoft's own parser accepts a single carriage return as a line end.
        plain.replace("Accept: application/json", &format!("Accept: a\r{smuggled}")),
        plain.replace(
            "\"x\"}",
            "\"x\"}\r--c\rContent-Type: application/http\r\rGET x HTTP/1.1\r\r",
        ),
        plain.replace(
            "--b\r\nContent-Type: application/http",
            "--b\rX: y\r\nContent-Type: application/http",
        ),
        plain.replace("Accept: application/json", "no colon"),
        plain.replace("Accept: application/json", "--b"),
        plain.replace("Accept: application/json", "a b: c"),
        plain.replace("Accept: application/json", "Accept: a\0b"),
        plain.replace("Content-ID: 1", "Content-Type: multipart/mixed; boundary=d"),
        plain.replace("boundary=c", "boundary=c; boundary=d"),
        plain.replace("boundary=c", "boundary=bc"),
        plain.replace("boundary=c", &format!("boundary={}", "c".repeat(71))),
        plain.replace("\"x\"}", "\"x\"}\r\n--bc"),
    ] {
        let reply = send(&gateway, body.as_str());
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.error()["service"], "gateway");
    }
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-type", "multipart/mixed"),
        ("content-type", "multipart/mixed; boundary=b; Boundary=c"),
    ] {
        let reply = call(&gateway, "POST", BATCH)
            .header(name, value)
            .body(plain.as_str())
            .send();
        assert_eq!(reply.status, 400, "{name}: {value}");
    }
    for (name, value, status) in [("content-encoding", "gzip", 415), ("content-type", "text/plain", 400)] {
        let reply = call(&gateway, "POST", BATCH)
            .header("content-type", "multipart/mixed; boundary=b")
            .header(name, value)
            .body(plain.as_str())
            .send();
        assert_eq!(reply.status, status, "{name}: {value}");
    }
    assert!(requests.lock().unwrap().is_empty(), "nothing was sent");
}

on_each_face!(no_header_and_no_spelling_of_the_path_makes_a_batch_something_else);
fn no_header_and_no_spelling_of_the_path_makes_a_batch_something_else() {
    let (gateway, requests) = recorded_with(&[], || answer(200, &[], ""));
    for (path, name) in [
        (BATCH, "x-ms-file-name"),
        (BATCH, "content-range"),
        (BATCH, "x-ms-transfer-mode"),
        ("/api/data/v9.2/%24batch", "accept"),
        ("/api/data/v9.2/$Batch", "x-ms-file-name"),
        ("/api/data/v9.2/$batch/", "x-ms-file-name"),
        ("/api/data/v9.2/%2524batch;x", "x-ms-file-name"),
    ] {
        let reply = call(&gateway, "POST", path)
            .header("content-type", "multipart/mixed; boundary=b")
            .header(name, "x")
            .body(batch(&format!("Authorization: Bearer {KEY}")))
            .send();
        assert_eq!(reply.status, 200, "{path} {name}");
        let sent = String::from_utf8(requests.lock().unwrap().pop().unwrap().into_body()).unwrap();
        assert!(
            !sent.contains(KEY) && sent.contains("Content-ID: 2"),
            "{path} {name}: {sent}"
        );
    }
}

on_each_face!(a_boundary_is_short_and_a_batch_costs_what_its_length_costs);
fn a_boundary_is_short_and_a_batch_costs_what_its_length_costs() {
    let long = "b".repeat(60_000);
    let near_misses = format!("--{}x\r\n", "b".repeat(30_000)).repeat(35);
    let (gateway_of_requests, requests) = recorded_with(&[], || answer(200, &[], ""));
    let begun = Instant::now();
    let reply = call(&gateway_of_requests, "POST", BATCH)
        .header("content-type", &format!("multipart/mixed; boundary={long}"))
        .body(near_misses.as_str())
        .send();
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(requests.lock().unwrap().is_empty(), "nothing was sent");

    // In an answer it passes unchanged.
    let server = Server::start(move |_, stream| {
        use std::io::Write;
        let near_misses = format!("--{}x\r\n", "b".repeat(30_000)).repeat(35);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: multipart/mixed; boundary={}\r\nconnection: close\r\n\r\n",
            "b".repeat(60_000)
        );
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(near_misses.as_bytes());
    });
    let reply = call(&gateway(&server.origin(), &[]), "GET", "/api/data/v9.2/contacts").send();
    assert_eq!((reply.status, reply.text() == near_misses), (200, true));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
