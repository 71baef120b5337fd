//! Misbehaviour, records, and the server itself.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::{error, exchange, raw, refusal, start};
use sandbox::{Fault, FaultKind, Service};
use serde_json::Value;

#[test]
fn dataverse_throttles() {
    let local = start();
    for code in ["0x80072322", "0x80072321", "0x80072326"] {
        local.sandbox.misbehave(Fault::throttle(code, 17).times(2));
        for _ in 0..2 {
            let answer = local.get("contacts");
            assert_eq!(error(&answer), (429, code.into()));
            assert_eq!(answer.header("retry-after"), Some("17"));
            assert_eq!(answer.all("x-ms-service-request-id").len(), 2);
        }
        assert_eq!(local.get("contacts").status, 200);
    }
}

#[test]
fn entra_throttles_in_plain_text() {
    let local = start();
    let kind = FaultKind::Throttle {
        code: String::new(),
        retry_after_secs: 60,
    };
    local.sandbox.misbehave(Fault::new(Service::Entra, kind));
    let answer = local.post(&local.secret_form());
    assert_eq!((answer.status, answer.text()), (429, "Too Many Requests"));
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(local.post(&local.secret_form()).status, 200);
}

#[test]
fn entra_refuses_what_it_is_told_to() {
    let local = start();
    let cases = [
        (50_196, 400, "invalid_grant"),
        (53_003, 400, "invalid_grant"),
        (90_002, 400, "invalid_tenant"),
        (90_033, 503, "temporarily_unavailable"),
        (90_038, 400, "invalid_request"),
        (90_055, 429, "temporarily_unavailable"),
        (900_382, 400, "invalid_request"),
    ];
    for (code, status, error) in cases {
        local.sandbox.misbehave(Fault::entra_error(code));
        let answer = local.post(&local.secret_form());
        assert_eq!(refusal(&answer), (status, error.into(), code.into()));
        let body = answer.json();
        assert_eq!(body.get("claims").is_some(), code == 53_003, "{body}");
        assert_eq!(body.get("suberror").is_some(), code == 53_003, "{body}");
    }
    local.sandbox.misbehave(Fault::entra_error(53_003));
    let body = local.post(&local.secret_form()).json();
    assert_eq!(body["suberror"], "message_only");
    let claims: Value = serde_json::from_str(body["claims"].as_str().unwrap()).unwrap();
    assert_eq!(claims["access_token"]["capolids"]["essential"], true);

    local.sandbox.misbehave(Fault::entra_error(1));
    assert_eq!(local.post(&local.secret_form()).status, 501);
    assert_eq!(local.post(&local.secret_form()).status, 200);
}

#[test]
fn entra_may_answer_with_a_page_or_nothing() {
    let local = start();
    local.sandbox.misbehave(Fault::status(Service::Entra, 502, ""));
    local
        .sandbox
        .misbehave(Fault::status(Service::Entra, 503, "<html>down</html>"));
    let answer = local.post(&local.secret_form());
    assert_eq!((answer.status, answer.text()), (502, ""));
    let answer = local.post(&local.secret_form());
    assert_eq!((answer.status, answer.text()), (503, "<html>down</html>"));
}

#[test]
fn a_fault_waits_for_its_request() {
    let local = start();
    local
        .sandbox
        .misbehave(Fault::status(Service::Dataverse, 503, "down").on("POST", "/api/data/v9.2/contacts"));
    assert_eq!(local.get("contacts").status, 200);
    assert_eq!(local.call("POST", "accounts", &[], "{}").status, 403);
    let answer = local.call("POST", "contacts", &[], "{}");
    assert_eq!((answer.status, answer.text()), (503, "down"));
    assert_eq!(local.call("POST", "contacts", &[], "{}").status, 204);

    local.sandbox.misbehave(Fault::status(Service::Entra, 500, "down"));
    local.sandbox.behave();
    assert_eq!(local.post(&local.secret_form()).status, 200);
}

#[test]
fn a_body_is_cut() {
    let local = start();
    local
        .sandbox
        .misbehave(Fault::new(Service::Dataverse, FaultKind::CutBody { after: 10 }));
    let answer = local.get("contacts");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.len(), 10);
    let promised: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert!(promised > 1000);
}

#[test]
fn a_connection_breaks_before_or_after_the_write() {
    let local = start();
    let token = format!("Bearer {}", local.token());
    let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
    let count = || local.get("contacts?$select=contactid").rows().len();
    let before = count();
    for (carry_out, more) in [(false, 0), (true, 1)] {
        let fault = Fault::new(Service::Dataverse, FaultKind::Disconnect { carry_out });
        local.sandbox.misbehave(fault);
        assert!(exchange(&local.origin, "POST", "/api/data/v9.2/contacts", &headers, b"{}").is_none());
        assert_eq!(count(), before + more);
    }
}

#[test]
fn an_answer_is_late() {
    let local = start();
    let token = local.token();
    let authorization = format!("Bearer {token}");
    local.sandbox.misbehave(Fault::new(
        Service::Dataverse,
        FaultKind::Delay(Duration::from_millis(300)),
    ));
    let began = Instant::now();
    let headers = [("Authorization", authorization.as_str())];
    assert_eq!(
        exchange(&local.origin, "GET", "/api/data/v9.2/WhoAmI", &headers, b"")
            .unwrap()
            .status,
        200
    );
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[test]
fn requests_are_recorded() {
    let local = start();
    local.get("contacts?$top=1");
    let requests = local.sandbox.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(
        (requests[0].method.as_str(), requests[0].path_and_query.as_str()),
        ("POST", &*local.token_path())
    );
    assert!(String::from_utf8_lossy(&requests[0].body).contains("grant_type=client_credentials"));
    assert_eq!(requests[1].path_and_query, "/api/data/v9.2/contacts?$top=1");
    assert!(requests[1].header("Authorization").unwrap().starts_with("Bearer ey"));
    let shown = format!("{requests:?}");
    assert!(
        !shown.contains("Bearer") && !shown.contains(&local.client_secret),
        "{shown}"
    );
    local.sandbox.clear_requests();
    assert!(local.sandbox.requests().is_empty());
}

#[test]
fn a_request_needs_a_host() {
    let local = start();
    let answer = raw(
        &local.origin,
        b"GET /api/data/v9.2/WhoAmI HTTP/1.1\r\nConnection: close\r\n\r\n",
    );
    assert!(
        answer.starts_with(b"HTTP/1.1 400 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[test]
fn chunks_and_kept_connections_are_fine() {
    let local = start();
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(local.secret_form())
        .finish();
    let post = |connection: &str| {
        format!(
            "POST {} HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Transfer-Encoding: chunked\r\nConnection: {connection}\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            local.token_path(),
            body.len()
        )
    };
    let answers = raw(&local.origin, (post("keep-alive") + &post("close")).as_bytes());
    assert_eq!(String::from_utf8_lossy(&answers).matches("HTTP/1.1 200 OK").count(), 2);
}

#[test]
fn the_date_follows_the_clock() {
    let local = start();
    let year = |answer: common::Answer| answer.header("date").unwrap()[12..16].parse::<i32>().unwrap();
    let now = year(local.post(&local.secret_form()));
    local.sandbox.shift_clock(10 * 366 * 86_400);
    let answer = local.post(&local.secret_form());
    assert_eq!(answer.all("date").len(), 1);
    assert_eq!(year(answer), now + 10);
}

#[test]
fn dropping_it_stops_it() {
    let local = start();
    let address = local.origin.strip_prefix("http://").unwrap().to_string();
    let open = std::net::TcpStream::connect(&address).unwrap();
    drop(local);
    assert!(std::net::TcpStream::connect(&address).is_err());
    drop(open);
}
