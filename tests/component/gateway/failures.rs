//! Throttling, failure and hostility.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use embedded_host::{HttpError, Network, Reply, client};
use sandbox::{Fault, FaultKind, Service};

use super::http_client::Reply as Answer;
use super::{KEY, call, contoso, gateway, get, post, sandboxed, sandboxed_with};
use crate::support::{SECRET, Server, TOKEN, Tenant, answer, read_body, token_answer};

const CONTACTS: &str = "/api/data/v9.2/contacts";

on_each_face!(throttling_passes_through);
fn throttling_passes_through() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    for method in ["GET", "POST"] {
        tenant.sandbox.clear_requests();
        tenant.sandbox.misbehave(Fault::throttle("0x80072322", 37));
        let reply = call(&gateway, method, CONTACTS).json("{}").send();
        assert_eq!(
            (reply.status, reply.header("retry-after")),
            (429, Some("37")),
            "{method}"
        );
        assert_eq!(reply.json()["error"]["code"], "0x80072322");
        assert_eq!(tenant.counts().1, 1, "not sent again");
    }
}

on_each_face!(throttling_by_entra_id_is_503_with_the_wait);
fn throttling_by_entra_id_is_503_with_the_wait() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let throttle = FaultKind::Throttle {
        code: String::new(),
        retry_after_secs: 31,
    };
    tenant.sandbox.misbehave(Fault::new(Service::Entra, throttle));
    let reply = get(&gateway, CONTACTS);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("31")));
    assert_eq!(reply.error()["service"], "entra-id");
}

on_each_face!(a_read_whose_answer_has_not_begun_is_sent_again);
fn a_read_whose_answer_has_not_begun_is_sent_again() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let broken = || Fault::new(Service::Dataverse, FaultKind::Disconnect { carry_out: false });
    tenant.sandbox.misbehave(broken());
    assert_eq!(get(&gateway, CONTACTS).status, 200);
    assert_eq!(tenant.counts().1, 2);

    // As often as every other request, and no more.
    tenant.sandbox.misbehave(broken().times(3));
    assert_eq!(get(&gateway, CONTACTS).status, 200);
    assert_eq!(tenant.counts().1, 6);
    tenant.sandbox.misbehave(broken().times(4));
    let reply = get(&gateway, CONTACTS);
    assert_eq!((reply.status, reply.error()["attempts"].as_u64()), (502, Some(4)));
    assert_eq!(tenant.counts().1, 10);
}

on_each_face!(a_write_is_never_sent_again);
fn a_write_is_never_sent_again() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    for (method, path) in [
        ("POST", CONTACTS.to_owned()),
        ("PATCH", format!("{CONTACTS}({})", sandbox::seed::contact(1))),
        ("DELETE", format!("{CONTACTS}({})", sandbox::seed::contact(2))),
    ] {
        tenant.sandbox.clear_requests();
        let fault = Fault::new(Service::Dataverse, FaultKind::Disconnect { carry_out: true });
        tenant.sandbox.misbehave(fault);
        let reply = call(&gateway, method, &path).json(r#"{"lastname":"x"}"#).send();
        assert_eq!(reply.status, 502, "{method}");
        assert!(
            reply.error()["message"]
                .as_str()
                .unwrap()
                .contains("may have taken effect"),
            "{method}"
        );
        assert_eq!(tenant.counts().1, 1, "{method}");
    }
}

on_each_face!(a_stale_token_is_replaced_unseen);
fn a_stale_token_is_replaced_unseen() {
    let tenant = Tenant::start();
    let gateway = sandboxed_with(&tenant, &[], 100);
    assert_eq!(get(&gateway, CONTACTS).status, 200);
    tenant.sandbox.revoke_tokens();
    assert_eq!(post(&gateway, CONTACTS, r#"{"lastname":"Once"}"#).status, 204);
    assert_eq!(tenant.counts(), (2, 3));
    let found = get(&gateway, "/api/data/v9.2/contacts?$filter=lastname%20eq%20'Once'");
    assert_eq!(found.json()["value"].as_array().unwrap().len(), 1);
}

on_each_face!(a_token_that_dataverse_never_accepts_is_not_the_callers_fault);
fn a_token_that_dataverse_never_accepts_is_not_the_callers_fault() {
    let server = Server::start(|head, stream| {
        read_body(head, stream);
        let _ =
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer x\r\ncontent-length: 0\r\n\r\n");
    });
    let gateway = gateway(&server.origin(), &[]);
    let reply = get(&gateway, CONTACTS);
    assert_eq!(
        (reply.status, reply.header("www-authenticate")),
        (502, None),
        "a 401 would ask for another key"
    );
    assert_eq!(reply.error()["service"], "dataverse");
    assert!(reply.error()["advice"].as_str().unwrap().contains("tenant"));
}

on_each_face!(a_missing_application_user_comes_with_advice);
fn a_missing_application_user_comes_with_advice() {
    let tenant = Tenant::with(|config| config.applications[0].user = None);
    let reply = get(&sandboxed(&tenant, &[]), "/whoami");
    assert_eq!(
        (reply.status, reply.error()["code"].as_str()),
        (403, Some("0x80072560"))
    );
    assert!(reply.error()["advice"].as_str().unwrap().contains("New app user"));
}

on_each_face!(a_budget_of_nothing_sends_no_read_again);
fn a_budget_of_nothing_sends_no_read_again() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[("DATAVERSE_RETRY_BUDGET_MS", "0")]);
    let broken = FaultKind::Disconnect { carry_out: false };
    tenant.sandbox.misbehave(Fault::new(Service::Dataverse, broken));
    assert_eq!(get(&gateway, CONTACTS).status, 502);
    assert_eq!(tenant.counts().1, 1);
}

on_each_face!(an_upstream_that_cannot_be_reached_is_502);
fn an_upstream_that_cannot_be_reached_is_502() {
    let authority = Server::start(|_, _| {});
    let environment = format!(
        "http://{}",
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    );
    let reply = get(
        &gateway(&environment, &[("AZURE_AUTHORITY_HOST", &authority.origin())]),
        CONTACTS,
    );
    assert_eq!(reply.status, 502);
    assert_eq!(reply.error()["service"], "dataverse");
}

on_each_face!(an_upstream_that_is_too_slow_is_504);
fn an_upstream_that_is_too_slow_is_504() {
    let server = Server::start(|head, stream| {
        read_body(head, stream);
        let _ = stream.read(&mut [0]);
    });
    let gateway = gateway(&server.origin(), &[("DATAVERSE_FIRST_BYTE_TIMEOUT_MS", "200")]);
    let start = Instant::now();
    assert_eq!(post(&gateway, CONTACTS, "{}").status, 504);
    assert!(start.elapsed() < Duration::from_secs(5));
}

on_each_face!(a_refusal_by_entra_id_is_502_and_says_which);
fn a_refusal_by_entra_id_is_502_and_says_which() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[("AZURE_CLIENT_SECRET", "wrong")]);
    let reply = get(&gateway, CONTACTS);
    assert_eq!(reply.status, 502);
    let error = reply.error();
    assert_eq!(
        (error["service"].as_str(), error["code"].as_str()),
        (Some("entra-id"), Some("invalid_client"))
    );
    assert!(error["message"].as_str().unwrap().contains("AADSTS7000215"));
}

on_each_face!(a_host_that_denies_the_address_is_502_and_says_what_to_allow);
fn a_host_that_denies_the_address_is_502_and_says_what_to_allow() {
    let network = Network::answered(|request| {
        if request.uri().path().contains("/oauth2/") {
            Reply::Answer(token_answer())
        } else {
            Reply::Fails(|| HttpError::HttpRequestDenied)
        }
    });
    let reply = get(&contoso(&[], network), CONTACTS);
    assert_eq!(reply.status, 502);
    assert!(
        reply.error()["message"]
            .as_str()
            .unwrap()
            .contains("allowed_outbound_hosts")
    );
}

on_each_face!(paths_that_climb_are_400);
fn paths_that_climb_are_400() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    for path in [
        "/api/data/v9.2/../../../main.aspx",
        "/api/data/v9.2/%2e%2e/%2e%2e/%2e%2e/main.aspx",
        "/api/data/v9.2/..%2f..%2fmain.aspx",
        "/api/data/v9.2/..%5c..%5cmain.aspx",
        "/api/data/v9.2/%252e%252e%252fmain.aspx",
        "/api/data/v9.2/./contacts",
    ] {
        let reply = get(&gateway, path);
        assert_eq!(reply.status, 400, "{path}");
        assert_eq!(reply.error()["service"], "gateway");
    }
    assert_eq!(tenant.counts(), (0, 0));
}

on_each_face!(headers_cannot_be_smuggled_into_the_upstream_request);
fn headers_cannot_be_smuggled_into_the_upstream_request() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    // A bare line feed, a folded line and a second length are what proxies and servers disagree on.
    for head in [
        "prefer: a\nx-evil: 1\r\n",
        "prefer: a\r\n x-evil: 1\r\n",
        "content-length: 0\r\ncontent-length: 5\r\n",
    ] {
        let mut stream = std::net::TcpStream::connect(gateway.origin().strip_prefix("http://").unwrap()).unwrap();
        let request =
            format!("GET {CONTACTS} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\nconnection: close\r\n{head}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        for sent in tenant.sandbox.requests() {
            assert_eq!(sent.header("x-evil"), None, "{head:?}");
        }
    }
    let odd_id = call(&gateway, "GET", CONTACTS)
        .header("client-request-id", "a b\tc")
        .send();
    assert_ne!(odd_id.header("client-request-id"), Some("a b\tc"));
}

on_each_face!(headers_too_large_for_a_host_do_not_trap);
fn headers_too_large_for_a_host_do_not_trap() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    for size in [60_000, 90_000, 120_000] {
        let reply = call(&gateway, "GET", CONTACTS)
            .header("prefer", &"x".repeat(size))
            .send();
        assert_eq!(reply.status, if size < 80_000 { 200 } else { 431 }, "{size}");
    }
    for size in [60_000, 90_000, 120_000] {
        let server = Server::start(move |_, stream| {
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nx-large: {}\r\ncontent-length: 0\r\n\r\n",
                "x".repeat(size)
            );
        });
        let reply = get(&super::gateway(&server.origin(), &[]), CONTACTS);
        assert_eq!(reply.status, if size < 80_000 { 200 } else { 502 }, "{size}");
    }
}

on_each_face!(an_upstream_that_dies_in_the_middle_breaks_the_answer);
fn an_upstream_that_dies_in_the_middle_breaks_the_answer() {
    for (content_type, head) in [
        ("application/octet-stream", "content-length: 1000000"),
        ("application/octet-stream", "transfer-encoding: chunked"),
        ("application/json", "content-length: 1000000"),
        ("application/json", "transfer-encoding: chunked"),
    ] {
        let server = Server::start(move |_, stream| {
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n{head}\r\n\r\n"
            );
            let beginning = r#"{"value":[{"lastname":"so far"}"#;
            let _ = if head.starts_with('t') {
                write!(stream, "{:x}\r\n{beginning}\r\n", beginning.len())
            } else {
                write!(stream, "{beginning}")
            };
            sleep(Duration::from_millis(50));
        });
        let reply = get(&gateway(&server.origin(), &[]), CONTACTS);
        assert_eq!(reply.status, 200);
        assert!(!reply.whole, "{content_type}, {head}: a short good answer");
        assert!(reply.text().contains("so far"));
    }
}

on_each_face!(an_answer_that_is_shorter_than_announced_breaks);
fn an_answer_that_is_shorter_than_announced_breaks() {
    // JSON is sent on without its length, so nobody else could tell.
    for (announced, whole) in [("10", true), ("11", false)] {
        let network = Network::answered(move |request| {
            Reply::Answer(if request.uri().path().contains("/oauth2/") {
                token_answer()
            } else {
                let headers = [("content-type", "application/json"), ("content-length", announced)];
                answer(200, &headers, r#"{"a":"bc"}"#)
            })
        });
        let gateway = contoso(&[], network);
        let call = client::Call::new(&gateway.origin(), "GET", CONTACTS).header("x-api-key", KEY);
        // The host may hang up before it has sent the head.
        let reply = call.send();
        assert_eq!(
            reply.as_ref().is_ok_and(|reply| reply.whole),
            whole,
            "{announced}: {reply:?}"
        );
    }
}

on_each_face!(a_caller_that_leaves_in_the_middle_ends_the_upload);
fn a_caller_that_leaves_in_the_middle_ends_the_upload() {
    let ended = Arc::new(AtomicUsize::new(usize::MAX));
    let seen = Arc::clone(&ended);
    let server = Server::start(move |_, stream| {
        let mut total = 0;
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            total += read;
        }
        seen.store(total, Ordering::SeqCst);
    });
    let gateway = gateway(&server.origin(), &[]);
    let upload = call(&gateway, "PATCH", "/api/data/v9.2/file")
        .header("content-type", "application/octet-stream")
        .header("content-length", "10000000");
    let mut stream = upload.begin();
    stream.write_all(&[7; 1_000_000]).unwrap();
    stream.shutdown(Shutdown::Both).unwrap();
    drop(stream);
    let start = Instant::now();
    while ended.load(Ordering::SeqCst) == usize::MAX {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the upstream still waits for the upload"
        );
        sleep(Duration::from_millis(20));
    }
    assert!(ended.load(Ordering::SeqCst) < 10_000_000);
    assert_eq!(get(&gateway, "/healthz").status, 200, "the gateway continues");
}

on_each_face!(a_caller_that_leaves_in_the_middle_of_an_answer_does_no_harm);
fn a_caller_that_leaves_in_the_middle_of_an_answer_does_no_harm() {
    let tenant = Tenant::start();
    tenant.sandbox.serve_large("/api/data/v9.2/large", 50 << 20);
    let gateway = sandboxed_with(&tenant, &[], 100);
    for _ in 0..3 {
        let mut stream = call(&gateway, "GET", "/api/data/v9.2/large").begin();
        stream.read_exact(&mut [0; 10_000]).unwrap();
    }
    assert_eq!(get(&gateway, CONTACTS).status, 200);
}

on_each_face!(an_early_refusal_of_a_large_upload_reaches_the_caller);
fn an_early_refusal_of_a_large_upload_reaches_the_caller() {
    let server = Server::start(|_, stream| {
        let body = r#"{"error":{"code":"0x80060890","message":"too large"}}"#;
        let head = "HTTP/1.1 413 Payload Too Large\r\ncontent-type: application/json";
        let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        sleep(Duration::from_secs(2));
    });
    let gateway = gateway(&server.origin(), &[]);
    let upload = call(&gateway, "PATCH", "/api/data/v9.2/file")
        .header("content-type", "application/octet-stream")
        .header("content-length", "100000000");
    let mut stream = upload.begin();
    let mut writer = stream.try_clone().unwrap();
    // As clients do: they send on until they see the answer.
    let sending = std::thread::spawn(move || {
        for _ in 0..100 {
            if writer.write_all(&[7; 1_000_000]).is_err() {
                return;
            }
        }
    });
    let start = Instant::now();
    let reply = Answer::read(&mut stream);
    assert_eq!(reply.status, 413, "{reply:?}");
    assert_eq!(reply.json()["error"]["code"], "0x80060890");
    assert!(start.elapsed() < Duration::from_secs(10));
    drop(stream);
    let _ = sending.join();
}

on_each_face!(no_secret_is_in_any_answer_or_in_the_log);
fn no_secret_is_in_any_answer_or_in_the_log() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let mut said = String::new();
    for path in [
        "/",
        "/whoami",
        "/readyz",
        "/healthz",
        CONTACTS,
        "/api/data/v9.2/opportunities",
        "/api/data/v9.2/../x",
    ] {
        said += &format!("{:?}", get(&gateway, path));
        said += &format!(
            "{:?}",
            super::http_client::Call::new(&gateway.origin(), "GET", path).send()
        );
    }
    tenant.sandbox.misbehave(Fault::status(Service::Entra, 400, "broken"));
    said += &format!("{:?}", get(&gateway, CONTACTS));
    said += &gateway.output();
    let mut secrets = vec![
        KEY.to_owned(),
        tenant.demo.client_secret.clone(),
        SECRET.to_owned(),
        TOKEN.to_owned(),
    ];
    for request in tenant.sandbox.requests() {
        secrets.extend(
            request
                .header("authorization")
                .map(|header| header.replace("Bearer ", "")),
        );
    }
    assert!(secrets.len() > 5);
    for secret in secrets {
        assert!(!said.contains(&secret), "{secret} was revealed");
    }
}

/// Answers requests in turn, those for a token from the first list, and counts the others.
fn in_turn(
    token: impl Fn(usize) -> http::Response<Vec<u8>> + Send + Sync + 'static,
    dataverse: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> (Network, Arc<[AtomicUsize; 2]>) {
    let counts = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let counted = Arc::clone(&counts);
    let network = Network::answered(move |request| {
        if request.uri().path().ends_with("/oauth2/v2.0/token") {
            Reply::Answer(token(counted[0].fetch_add(1, Ordering::SeqCst)))
        } else {
            dataverse(counted[1].fetch_add(1, Ordering::SeqCst))
        }
    });
    (network, counts)
}

on_each_face!(a_read_that_the_host_denies_is_not_sent_again);
fn a_read_that_the_host_denies_is_not_sent_again() {
    let denied = || Reply::Fails(|| HttpError::HttpRequestDenied);
    let (network, counts) = in_turn(|_| token_answer(), move |_| denied());
    let reply = get(&contoso(&[], network), CONTACTS);
    assert_eq!(reply.status, 502);
    assert_eq!(reply.error()["cause"], "denied-by-host");
    assert_eq!(counts[1].load(Ordering::SeqCst), 1);
}

on_each_face!(what_entra_id_refuses_is_told_with_all_its_ids);
fn what_entra_id_refuses_is_told_with_all_its_ids() {
    let refused = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: t",
        "error_codes":[7000215],"timestamp":"2026-01-01 00:00:00Z","trace_id":"the-trace","correlation_id":"the-correlation",
        "error_uri":"https://login.microsoftonline.com/error?code=7000215","suberror":"sub"}"#;
    let (network, _) = in_turn(
        move |_| answer(401, &[("content-type", "application/json")], refused),
        |_| Reply::Never,
    );
    let gateway = contoso(&[], network);
    let reply = get(&gateway, CONTACTS);
    assert_eq!(reply.status, 502);
    let error = reply.error();
    for (field, value) in [
        ("code", "invalid_client"),
        ("service", "entra-id"),
        ("traceId", "the-trace"),
        ("correlationId", "the-correlation"),
        ("timestamp", "2026-01-01 00:00:00Z"),
        ("suberror", "sub"),
        ("errorUri", "https://login.microsoftonline.com/error?code=7000215"),
        ("credential", "AZURE_CLIENT_SECRET"),
    ] {
        assert_eq!(error[field], value, "{field}");
    }
    assert_eq!(error["errorCodes"], serde_json::json!([7_000_215]));
    assert_eq!(
        (error["serviceStatus"].as_u64(), error["attempts"].as_u64()),
        (Some(401), Some(1))
    );
    assert!(
        error["advice"]
            .as_str()
            .unwrap()
            .contains("is not a secret of application"),
        "{error}"
    );

    let log = gateway.output();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("dynamics365: ")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains("AADSTS7000215") && lines[0].contains("the-trace"),
        "{log}"
    );
    assert!(!log.contains(SECRET), "{log}");
    // A caller without a key gets no more information than before.
    let stranger = super::http_client::Call::new(&gateway.origin(), "GET", "/readyz").send();
    assert!(!stranger.text().contains("AADSTS"), "{}", stranger.text());
}

on_each_face!(an_outage_of_entra_id_passes_the_wait_and_the_id_on);
fn an_outage_of_entra_id_passes_the_wait_and_the_id_on() {
    let headers = [("retry-after", "77"), ("x-ms-request-id", "the-request")];
    let (network, _) = in_turn(move |_| answer(503, &headers, "down"), |_| Reply::Never);
    let reply = get(&contoso(&[], network), CONTACTS);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("77")));
    let error = reply.error();
    assert_eq!(
        (&error["requestId"], &error["retryAfterSeconds"]),
        (&"the-request".into(), &77.into())
    );
    assert_eq!(error["service"], "entra-id");
}

on_each_face!(a_token_repeated_by_the_refusal_of_it_reaches_neither_caller_nor_log);
fn a_token_repeated_by_the_refusal_of_it_reaches_neither_caller_nor_log() {
    let (network, _) = in_turn(
        |_| token_answer(),
        |_| Reply::Answer(answer(401, &[("req_id", TOKEN)], TOKEN)),
    );
    let gateway = contoso(&[], network);
    let reply = get(&gateway, CONTACTS);
    assert_eq!(reply.status, 502);
    assert_eq!(reply.error()["requestId"], "*".repeat(TOKEN.len()));
    assert!(!reply.text().contains(TOKEN) && !gateway.output().contains(TOKEN));
}
