//! Relayed requests and answers.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use embedded_host::{Network, Reply};

use super::http_client::{Call, Reply as Answer};
use super::{Face, KEY, call, contoso, gateway, get, sandboxed, sandboxed_with};
use crate::support::{Requests, Server, TOKEN, Tenant, answer, json_answer, token_answer};

/// A gateway to contoso, whose Dataverse answers `reply`; records its requests, except token requests.
fn recorded(reply: impl Fn() -> http::Response<Vec<u8>> + Send + Sync + 'static) -> (embedded_host::Server, Requests) {
    recorded_with(&[], reply)
}

/// The same with further variables.
pub fn recorded_with(
    variables: &[(&str, &str)],
    reply: impl Fn() -> http::Response<Vec<u8>> + Send + Sync + 'static,
) -> (embedded_host::Server, Requests) {
    let requests: Requests = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&requests);
    let network = Network::answered(move |request| {
        if request.uri().path().contains("/oauth2/") {
            return Reply::Answer(token_answer());
        }
        kept.lock().unwrap().push(request.map(Vec::from));
        Reply::Answer(reply())
    });
    (contoso(variables, network), requests)
}

on_each_face!(path_query_and_body_arrive_unchanged);
fn path_query_and_body_arrive_unchanged() {
    let (gateway, requests) = recorded(|| answer(204, &[], ""));
    for (method, target) in [
        (
            "GET",
            "/api/data/v9.2/contacts?$filter=lastname%20eq%20'O''Brien'&$top=1",
        ),
        ("GET", "/api/data/v9.1/contacts(emailaddress1='a%2Fb')?x=%27+%252f"),
        ("GET", "/api/data/v9.2/"),
        (
            "DELETE",
            "/api/data/v9.2/contacts(00000000-0000-0000-0000-000000000001)",
        ),
        ("OPTIONS", "/api/data/v9.2/contacts"),
        ("MERGE", "/api/data/v9.2/contacts"),
    ] {
        assert_eq!(call(&gateway, method, target).send().status, 204, "{method} {target}");
        let sent = requests.lock().unwrap().pop().unwrap();
        assert_eq!(sent.method(), method);
        assert_eq!(
            sent.uri().to_string(),
            format!("https://contoso.crm.dynamics.com{target}")
        );
        assert_eq!(sent.headers()["authorization"], format!("Bearer {TOKEN}"));
    }
    let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for method in ["POST", "PATCH", "PUT"] {
        let octets = call(&gateway, method, "/api/data/v9.2/x").header("content-type", "application/octet-stream");
        assert_eq!(octets.body(body.clone()).send().status, 204);
        let sent = requests.lock().unwrap().pop().unwrap();
        assert!(*sent.body() == body);
        assert_eq!(sent.headers()["content-length"], body.len().to_string());
        assert_eq!(sent.headers()["content-type"], "application/octet-stream");
    }
}

on_each_face!(only_what_concerns_dataverse_is_passed_on);
fn only_what_concerns_dataverse_is_passed_on() {
    let (gateway, requests) = recorded(|| answer(204, &[], ""));
    call(&gateway, "GET", "/api/data/v9.2/contacts")
        .header("prefer", "odata.maxpagesize=5")
        .header("if-none-match", "W/\"1\"")
        .header("odata-version", "4.0")
        .header("MSCRM.SuppressDuplicateDetection", "false")
        .header("authorization", "Bearer of-the-caller")
        .header("cookie", "session=1")
        .header("x-forwarded-for", "10.0.0.1")
        .header("forwarded", "for=10.0.0.1")
        .header("via", "1.1 proxy")
        .header("referer", "https://me.example")
        .header("origin", "https://me.example")
        .header("user-agent", "me")
        .header("accept-encoding", "gzip")
        .header("te", "trailers")
        .send();
    let sent = requests.lock().unwrap().pop().unwrap();
    let mut names: Vec<_> = sent.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept-encoding",
            "authorization",
            "client-request-id",
            "host",
            "if-none-match",
            "mscrm.suppressduplicatedetection",
            "odata-version",
            "prefer",
            "user-agent",
            "x-ms-client-request-id",
        ]
    );
    let all = format!("{:?}", sent.headers());
    for private in [KEY, "of-the-caller", "10.0.0.1", "me.example", "session"] {
        assert!(!all.contains(private), "{private}: {all}");
    }
    assert_eq!(sent.headers()["host"], "contoso.crm.dynamics.com");
}

on_each_face!(a_segment_of_dots_is_refused_in_every_spelling);
fn a_segment_of_dots_is_refused_in_every_spelling() {
    let (gateway, requests) = recorded(|| answer(204, &[], ""));
    for segment in [
        "..",
        ".",
        "%2e%2e",
        "..;",
        "..;x=y",
        "..%3b",
        "..%00",
        "..%00x",
        "..%09",
        ".%09.",
        "..%0a",
        "..%20",
        "..%2500",
        "..%23",
        "..%3fx",
        "%c0%ae%c0%ae",
        "%C0%2E",
        "%e0%80%ae%e0%80%ae",
        "%25c0%25ae",
        "..%c0%af",
        "%u002e%u002e",
        "%ef%bc%8e%ef%bc%8e",
        "..%e2%80%8b",
    ] {
        for path in ["/api/data/v9.2/SEGMENT/main.aspx", "/api/data/v9.2/contacts(1)/SEGMENT"] {
            let path = path.replace("SEGMENT", segment);
            assert_eq!(get(&gateway, &path).status, 400, "{path}");
        }
    }
    assert!(requests.lock().unwrap().is_empty());
    let dots = "/api/data/v9.2/accounts(name='..%3B')/Microsoft.Dynamics.CRM.Foo()";
    assert_eq!(get(&gateway, dots).status, 204);
}

on_each_face!(only_what_concerns_the_caller_is_passed_back);
fn only_what_concerns_the_caller_is_passed_back() {
    let (gateway, _) = recorded(|| {
        let mut answer = json_answer(200, r#"{"value":[]}"#);
        for (name, value) in [
            ("set-cookie", "ARRAffinity=x; secure"),
            ("set-cookie", "orgId=y"),
            ("www-authenticate", "Bearer authorization_uri=x"),
            ("strict-transport-security", "max-age=1"),
            ("x-ms-service-request-id", "one"),
            ("x-ms-service-request-id", "two"),
            ("etag", "W/\"1\""),
            ("preference-applied", "odata.maxpagesize=5"),
            ("x-ms-ratelimit-time-remaining-xrm-requests", "1,200.00"),
        ] {
            answer.headers_mut().append(name, value.parse().unwrap());
        }
        answer
    });
    let reply = get(&gateway, "/api/data/v9.2/contacts");
    for kept_back in ["set-cookie", "www-authenticate", "strict-transport-security"] {
        assert_eq!(reply.header(kept_back), None);
    }
    assert_eq!(reply.header("etag"), Some("W/\"1\""));
    assert_eq!(reply.header("preference-applied"), Some("odata.maxpagesize=5"));
    assert_eq!(
        reply.header("x-ms-ratelimit-time-remaining-xrm-requests"),
        Some("1,200.00")
    );
    assert_eq!(
        reply
            .headers
            .iter()
            .filter(|(name, _)| name == "x-ms-service-request-id")
            .count(),
        2
    );
    assert!(!format!("{reply:?}").contains(TOKEN));
}

on_each_face!(dataverses_own_errors_pass_as_they_are);
fn dataverses_own_errors_pass_as_they_are() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let closed = get(&gateway, "/api/data/v9.2/opportunities");
    assert_eq!(
        (closed.status, closed.json()["error"]["code"].as_str()),
        (403, Some("0x80040220"))
    );
    let missing = get(
        &gateway,
        "/api/data/v9.2/contacts(00000000-0000-0000-0000-000000000001)",
    );
    assert_eq!(
        (missing.status, missing.json()["error"]["code"].as_str()),
        (404, Some("0x80040217"))
    );
}

on_each_face!(an_answer_of_no_json_keeps_its_length);
fn an_answer_of_no_json_keeps_its_length() {
    let (gateway, _) = recorded(|| {
        let headers = [
            ("content-type", "application/octet-stream"),
            ("content-length", "100000"),
        ];
        answer(200, &headers, vec![7; 100_000])
    });
    let reply = get(&gateway, "/api/data/v9.2/contacts(1)/file/$value");
    assert_eq!(reply.header("content-length"), Some("100000"));
    assert!(reply.body == [7; 100_000]);
}

on_each_face!(a_request_without_a_host_is_told_what_to_set);
fn a_request_without_a_host_is_told_what_to_set() {
    let (gateway, _) = recorded(|| answer(204, &[], ""));
    let without_host = |path: &str| {
        let mut stream = std::net::TcpStream::connect(gateway.origin().strip_prefix("http://").unwrap()).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nx-api-key: {KEY}\r\n\r\n").unwrap();
        Answer::read(&mut stream)
    };
    if Face::of_this_test() == Face::Wasi02 {
        // The host cannot ask a component of WASI 0.2 about it.
        assert_eq!(without_host("/healthz").status, 400);
        return;
    }
    assert_eq!(without_host("/healthz").status, 200);
    let reply = without_host("/api/data/v9.2/contacts");
    assert_eq!(reply.status, 400);
    let message = reply.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("GATEWAY_PUBLIC_URL"), "{message}");
}

on_each_face!(links_lead_to_the_public_url_that_is_set);
fn links_lead_to_the_public_url_that_is_set() {
    let body = r#"{"@odata.id":"https://contoso.crm.dynamics.com/api/data/v9.2/contacts(1)"}"#;
    let network = Network::answered(move |request| {
        Reply::Answer(if request.uri().path().contains("/oauth2/") {
            token_answer()
        } else {
            json_answer(200, body)
        })
    });
    let gateway = contoso(&[("GATEWAY_PUBLIC_URL", "https://crm.example/")], network);
    let reply = call(&gateway, "GET", "/api/data/v9.2/contacts(1)")
        .header("x-forwarded-host", "other.example")
        .send();
    assert_eq!(
        reply.json()["@odata.id"],
        "https://crm.example/api/data/v9.2/contacts(1)"
    );
    if Face::of_this_test() == Face::Wasi03 {
        let mut stream = std::net::TcpStream::connect(gateway.origin().strip_prefix("http://").unwrap()).unwrap();
        write!(
            stream,
            "GET /api/data/v9.2/contacts(1) HTTP/1.0\r\nx-api-key: {KEY}\r\n\r\n"
        )
        .unwrap();
        assert_eq!(Answer::read(&mut stream).status, 200, "no host is needed then");
    }
}

on_each_face!(head_brings_the_head_alone);
fn head_brings_the_head_alone() {
    let server = Server::start(|head, stream| {
        assert!(head.starts_with("HEAD "), "{head}");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 17\r\n\r\n");
    });
    let reply = call(&gateway(&server.origin(), &[]), "HEAD", "/api/data/v9.2/contacts").send();
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}

on_each_face!(a_file_goes_up_and_comes_down);
fn a_file_goes_up_and_comes_down() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let path = format!("/api/data/v9.2/contacts({})/sample_contract", sandbox::seed::contact(1));
    let file: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let up = call(&gateway, "PATCH", &path)
        .header("content-type", "application/octet-stream")
        .header("x-ms-file-name", "contract.bin")
        .body(file.clone())
        .send();
    assert_eq!(up.status, 204, "{}", up.text());
    let down = get(&gateway, &format!("{path}/$value"));
    assert_eq!(
        (down.status, down.header("x-ms-file-name")),
        (200, Some("contract.bin"))
    );
    assert!(down.body == file);
    let part = call(&gateway, "GET", &format!("{path}/$value"))
        .header("range", "bytes=10-19")
        .send();
    assert_eq!((part.status, part.body.as_slice()), (206, &file[10..20]));
}

on_each_face!(a_file_goes_up_in_chunks);
fn a_file_goes_up_in_chunks() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let column = format!("/api/data/v9.2/contacts({})/sample_contract", sandbox::seed::contact(1));
    let begun = call(&gateway, "PATCH", &format!("{column}?x-ms-file-name=contract.bin"))
        .header("x-ms-transfer-mode", "chunked")
        .header("content-length", "0")
        .send();
    assert_eq!(begun.status, 200, "{}", begun.text());
    let size: usize = begun.header("x-ms-chunk-size").unwrap().parse().unwrap();
    let session = begun
        .header("location")
        .unwrap()
        .strip_prefix(&gateway.origin())
        .unwrap();
    // A size that is an exact multiple of the chunk's is where chunked uploads go wrong.
    let file: Vec<u8> = (0..=255).cycle().take(2 * size).collect();
    for (index, chunk) in file.chunks(size).enumerate() {
        let from = index * size;
        let range = format!("bytes {from}-{}/{}", from + chunk.len() - 1, file.len());
        let sent = call(&gateway, "PATCH", session)
            .header("content-type", "application/octet-stream")
            .header("content-range", &range)
            .header("x-ms-file-name", "contract.bin")
            .body(chunk)
            .send();
        assert_eq!(sent.status, if index == 0 { 206 } else { 204 }, "{}", sent.text());
    }
    assert!(get(&gateway, &format!("{column}/$value")).body == file);
}

const LARGE: u64 = 200 << 20;
/// The memory limit of an instance, independent of the traffic.
const MEMORY: usize = 8 << 20;

on_each_face!(a_large_answer_needs_no_memory);
fn a_large_answer_needs_no_memory() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    tenant.sandbox.serve_large("/api/data/v9.2/large", LARGE);
    let mut stream = call(&gateway, "GET", "/api/data/v9.2/large").begin();
    let mut total = 0_u64;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            read => total += read as u64,
        }
    }
    assert!(
        (LARGE..LARGE + 2000).contains(&total),
        "{total} bytes, the head included"
    );
    assert!(gateway.peak_memory() <= MEMORY, "{} bytes", gateway.peak_memory());
}

on_each_face!(a_large_upload_needs_no_memory);
fn a_large_upload_needs_no_memory() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    tenant.sandbox.swallow_uploads("/api/data/v9.2/large");
    let length = LARGE.to_string();
    let upload = call(&gateway, "PATCH", "/api/data/v9.2/large")
        .header("content-type", "application/octet-stream")
        .header("content-length", &length);
    let mut stream = upload.begin();
    let chunk = vec![7; 1 << 20];
    for _ in 0..LARGE >> 20 {
        stream.write_all(&chunk).unwrap();
    }
    let reply = Answer::read(&mut stream);
    assert_eq!((reply.status, tenant.sandbox.swallowed()), (204, LARGE));
    assert!(gateway.peak_memory() <= MEMORY, "{} bytes", gateway.peak_memory());
}

on_each_face!(a_large_json_answer_is_rewritten_without_memory);
fn a_large_json_answer_is_rewritten_without_memory() {
    let rows = 300_000;
    let server = Server::start(move |_, stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"value\":[");
        let row = r#"{"@odata.id":"ORIGIN/api/data/v9.2/contacts(1)","description":"ORIGIN/x and a good deal of text besides"},"#;
        let origin = format!("http://{}", stream.local_addr().unwrap());
        let rows_at_once = row.replace("ORIGIN", &origin).repeat(1000);
        for _ in 0..rows / 1000 {
            let _ = stream.write_all(rows_at_once.as_bytes());
        }
        let _ = stream.write_all(b"null]}");
    });
    let gateway = gateway(&server.origin(), &[]);
    let reply = get(&gateway, "/api/data/v9.2/contacts");
    let text = reply.text();
    assert_eq!(
        text.matches(&format!("\"@odata.id\":\"{}/", gateway.origin())).count(),
        rows
    );
    assert_eq!(
        text.matches(&format!("\"description\":\"{}/", server.origin())).count(),
        rows
    );
    assert!(gateway.peak_memory() <= MEMORY, "{} bytes", gateway.peak_memory());
}

on_each_face!(an_upload_in_chunks_is_relayed);
fn an_upload_in_chunks_is_relayed() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    for (content_type, whole) in [("application/json", true), ("application/octet-stream", false)] {
        tenant.sandbox.swallow_uploads("/api/data/v9.2/swallowed");
        let path = if whole {
            "/api/data/v9.2/contacts"
        } else {
            "/api/data/v9.2/swallowed"
        };
        let method = if whole { "POST" } else { "PUT" };
        let upload = call(&gateway, method, path)
            .header("content-type", content_type)
            .header("transfer-encoding", "chunked");
        let mut stream = upload.begin();
        stream
            .write_all(b"8\r\n{\"lastna\r\n9\r\nme\":\"In\"}\r\n0\r\n\r\n")
            .unwrap();
        assert_eq!(Answer::read(&mut stream).status, 204, "{content_type}");
    }
    let sent = tenant.sandbox.requests();
    let created = sent
        .iter()
        .find(|request| request.path_and_query.ends_with("/contacts"))
        .unwrap();
    assert_eq!(
        created.header("content-length"),
        Some("17"),
        "a body that had to be looked at has its length"
    );
}

on_each_face!(a_write_without_a_body_has_a_length_of_none);
fn a_write_without_a_body_has_a_length_of_none() {
    let (gateway, requests) = recorded(|| answer(204, &[], ""));
    for content_type in ["application/json", "application/octet-stream"] {
        let call = call(&gateway, "POST", "/api/data/v9.2/Do").header("content-type", content_type);
        assert_eq!(call.send().status, 204);
        let sent = requests.lock().unwrap().pop().unwrap();
        assert_eq!(sent.headers()["content-length"], "0", "{content_type}");
    }
}

on_each_face!(an_instance_that_serves_on_keeps_its_token);
fn an_instance_that_serves_on_keeps_its_token() {
    let tenant = Tenant::start();
    let gateway = sandboxed_with(&tenant, &[], 100);
    for _ in 0..5 {
        assert_eq!(get(&gateway, "/api/data/v9.2/contacts?$top=1").status, 200);
    }
    assert_eq!(tenant.counts(), (1, 5));
}

on_each_face!(calls_at_the_same_time_do_not_mix);
fn calls_at_the_same_time_do_not_mix() {
    let (gateway, _) = recorded(|| json_answer(200, "{}"));
    let counter = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let id = format!("call-{}", counter.fetch_add(1, Ordering::SeqCst));
                    let call = Call::new(&gateway.origin(), "GET", "/api/data/v9.2/contacts").header("x-api-key", KEY);
                    let reply = call.header("client-request-id", &id).send();
                    assert_eq!(
                        (reply.status, reply.header("client-request-id")),
                        (200, Some(id.as_str()))
                    );
                }
            });
        }
    });
}
