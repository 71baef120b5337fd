//! What is retried, what is not, and the errors for writes that may have happened.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use embedded_host::types::{Condition, DataverseError, Error, Method, Options, OutageCause, Request, Service};
use embedded_host::{DEFAULT_OPTIONS, HttpError, NO_REQUEST_OPTIONS, Network, Reply};
use sandbox::{Fault, FaultKind, seed};

use crate::support::{
    Client, Server, Tenant, answer, answered, dataverse_error, json, json_answer, outage, read_body, request,
    settings_for, throttling, token_answer, with_body, with_header, with_options, with_request_options,
};

const ROW: &str = r#"{"lastname":"Once"}"#;

fn dataverse(kind: FaultKind) -> Fault {
    Fault::new(sandbox::Service::Dataverse, kind)
}

fn disconnect(carry_out: bool) -> Fault {
    dataverse(FaultKind::Disconnect { carry_out })
}

fn down(status: u16) -> Fault {
    Fault::status(sandbox::Service::Dataverse, status, "down")
}

/// A client with a token, so that faults affect the next request.
fn signed_in(tenant: &Tenant) -> Client {
    let mut client = within(tenant, 30_000);
    client.token().unwrap();
    client
}

fn within(tenant: &Tenant, budget_ms: u32) -> Client {
    let options = Options {
        retry_budget_ms: Some(budget_ms),
        ..DEFAULT_OPTIONS
    };
    Client::open(&with_options(tenant.settings(), options), Network::Machine)
}

/// The number of rows with that name.
fn rows(client: &mut Client, lastname: &str) -> usize {
    let found = client
        .get(&format!("contacts?$select=lastname&$filter=lastname eq '{lastname}'"))
        .unwrap();
    json(&found)["value"].as_array().unwrap().len()
}

fn lastname(client: &mut Client, id: &str) -> String {
    let row = client.get(&format!("contacts({id})?$select=lastname")).unwrap();
    json(&row)["lastname"].as_str().unwrap().to_owned()
}

fn under(condition: Condition, request: Request) -> Request {
    let options = embedded_host::types::RequestOptions {
        condition: Some(condition),
        ..NO_REQUEST_OPTIONS
    };
    with_request_options(request, options)
}

fn rename(id: &str) -> Request {
    with_body(request(Method::Patch, &format!("contacts({id})")), ROW)
}

#[test]
fn throttling_by_any_limit_is_waited_out_for_any_request() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    for (n, code) in ["0x80072322", "0x80072321", "0x80072326"].into_iter().enumerate() {
        tenant.sandbox.misbehave(Fault::throttle(code, 1));
        let start = Instant::now();
        let created = client.post("contacts", ROW).unwrap();
        assert_eq!((created.status, created.attempts), (204, 2), "{code}");
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(rows(&mut client, "Once"), n + 1, "created once for each request");
    }
    tenant.sandbox.misbehave(Fault::throttle("0x80072322", 0).times(2));
    assert_eq!(client.get("contacts").unwrap().attempts, 3);
    tenant.sandbox.misbehave(Fault::throttle("0x80072322", 0));
    client.whoami().unwrap();
}

#[test]
fn a_date_in_retry_after_is_waited_for() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    tenant.sandbox.misbehave(dataverse(FaultKind::Status {
        status: 429,
        body: b"slow down".to_vec(),
        content_type: "text/plain".to_owned(),
        headers: vec![("retry-after".to_owned(), date)],
    }));
    let start = Instant::now();
    assert_eq!(client.get("contacts").unwrap().attempts, 2);
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn a_wait_beyond_the_budget_is_the_callers() {
    let tenant = Tenant::start();
    let mut client = within(&tenant, 5_000);
    client.token().unwrap();
    let start = Instant::now();
    for wait in [6, 300] {
        tenant.sandbox.clear_requests();
        tenant.sandbox.misbehave(Fault::throttle("0x80072321", wait));
        let throttling = throttling(client.post("contacts", ROW).unwrap_err());
        assert_eq!(throttling.service, Service::Dataverse);
        assert_eq!(throttling.retry_after_seconds, Some(u32::try_from(wait).unwrap()));
        assert_eq!((throttling.code.as_str(), throttling.attempts), ("0x80072321", 1));
        assert!(!throttling.may_have_taken_effect);
        assert!(throttling.advice.unwrap().contains("took too much time"));
        assert_eq!(tenant.counts().1, 1);
    }
    assert!(start.elapsed() < Duration::from_secs(3), "unnecessary wait");
    assert_eq!(rows(&mut client, "Once"), 0);
}

#[test]
fn without_a_budget_nothing_is_sent_again() {
    let tenant = Tenant::start();
    let mut client = within(&tenant, 0);
    client.token().unwrap();
    for fault in [down(503), disconnect(false), Fault::throttle("0x80072322", 0)] {
        tenant.sandbox.clear_requests();
        tenant.sandbox.misbehave(fault);
        client.get("contacts").unwrap_err();
        assert_eq!(tenant.counts().1, 1);
    }
}

#[test]
fn reads_are_sent_again_until_a_whole_answer_comes() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    let whole = client.get("contacts?$select=lastname").unwrap();
    let cut = || dataverse(FaultKind::CutBody { after: 20 });
    for fault in [
        down(502),
        down(503),
        down(504),
        disconnect(false),
        disconnect(true),
        cut(),
    ] {
        let shown = format!("{fault:?}");
        tenant.sandbox.misbehave(fault);
        let again = client.get("contacts?$select=lastname").unwrap();
        assert_eq!((again.attempts, again.body == whole.body), (2, true), "{shown}");
    }
    tenant.sandbox.misbehave(cut());
    client.whoami().unwrap();
}

#[test]
fn waits_grow_and_what_stays_down_is_given_up() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    tenant.sandbox.misbehave(down(503).times(10));
    let start = Instant::now();
    let outage = outage(client.get("contacts").unwrap_err());
    assert_eq!(
        (outage.cause, outage.status, outage.attempts),
        (OutageCause::ServiceUnavailable, Some(503), 4)
    );
    // Three waits, of 0.25, 0.5 and 1 s at least.
    assert!(start.elapsed() >= Duration::from_millis(1750), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_create_is_never_sent_twice() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    for (fault, happened) in [
        (disconnect(true), 1),
        (disconnect(false), 1),
        (down(503), 1),
        (down(502), 1),
    ] {
        tenant.sandbox.clear_requests();
        tenant.sandbox.misbehave(fault);
        let outage = outage(client.post("contacts", ROW).unwrap_err());
        assert_eq!((outage.may_have_taken_effect, outage.attempts), (true, 1));
        assert_eq!(tenant.counts().1, 1);
        assert_eq!(rows(&mut client, "Once"), happened);
    }
    let cut = dataverse(FaultKind::CutBody { after: 5 });
    tenant.sandbox.misbehave(cut);
    let create = with_header(
        with_body(request(Method::Post, "contacts"), ROW),
        "Prefer",
        "return=representation",
    );
    let outage = outage(client.send(&create).unwrap_err());
    assert_eq!((outage.status, outage.may_have_taken_effect), (Some(201), true));
    assert_eq!(rows(&mut client, "Once"), 2);
}

#[test]
fn an_upsert_is_never_sent_twice() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    let id = seed::contact(1);
    let before = lastname(&mut client, &id);
    for (carry_out, after) in [(false, before.as_str()), (true, "Once")] {
        tenant.sandbox.clear_requests();
        tenant.sandbox.misbehave(disconnect(carry_out));
        assert!(outage(client.send(&rename(&id)).unwrap_err()).may_have_taken_effect);
        assert_eq!(tenant.counts().1, 1);
        assert_eq!(lastname(&mut client, &id), after);
    }
}

/// A refusal that an earlier attempt may have caused, as the caller receives it.
fn unsure(error: Error) -> DataverseError {
    let error = dataverse_error(error);
    assert_eq!((error.may_have_taken_effect, error.attempts), (true, 2), "{error:?}");
    let advice = error.advice.as_deref().unwrap_or_default();
    assert!(advice.contains("an earlier attempt"), "{advice}");
    error
}

#[test]
fn a_delete_is_sent_again_and_its_404_is_not_taken_at_its_word() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    let delete = |n| request(Method::Delete, &format!("contacts({})", seed::contact(n)));
    for fault in [disconnect(false), down(504)] {
        tenant.sandbox.misbehave(fault);
        let n = tenant.counts().1 + 1;
        let deleted = client.send(&delete(n)).unwrap();
        assert_eq!((deleted.status, deleted.attempts), (204, 2));
    }
    tenant.sandbox.misbehave(disconnect(true));
    assert_eq!(unsure(client.send(&delete(9)).unwrap_err()).status, 404);
    let plain = dataverse_error(client.send(&delete(9)).unwrap_err());
    assert_eq!(
        (plain.status, plain.may_have_taken_effect, plain.attempts),
        (404, false, 1)
    );
}

#[test]
fn an_update_of_a_version_is_sent_again_and_its_412_is_not_taken_at_its_word() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    let id = seed::contact(1);
    let path = format!("contacts({id})?$select=lastname");
    let etag = client.get(&path).unwrap().etag.unwrap();
    tenant.sandbox.misbehave(disconnect(false));
    let updated = client.send(&under(Condition::IfMatch(etag), rename(&id))).unwrap();
    assert_eq!((updated.status, updated.attempts), (204, 2));

    let etag = client.get(&path).unwrap().etag.unwrap();
    tenant.sandbox.misbehave(disconnect(true));
    let again = under(Condition::IfMatch(etag), rename(&id));
    let error = unsure(client.send(&again).unwrap_err());
    assert_eq!((error.status, error.code.as_str()), (412, "0x80060882"));
    let plain = dataverse_error(client.send(&again).unwrap_err());
    assert!(!plain.may_have_taken_effect);
}

#[test]
fn an_update_of_what_must_exist_is_sent_again() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    let id = seed::contact(1);
    tenant.sandbox.misbehave(disconnect(true));
    let updated = client.send(&under(Condition::MustExist, rename(&id))).unwrap();
    assert_eq!((updated.status, updated.attempts), (204, 2));
    assert_eq!(lastname(&mut client, &id), "Once");
    let missing = under(Condition::MustExist, rename("00000000-0000-0000-0000-00000000dead"));
    tenant.sandbox.misbehave(disconnect(true));
    assert_eq!(unsure(client.send(&missing).unwrap_err()).status, 404);
    assert_eq!(rows(&mut client, "Once"), 1);
}

#[test]
fn a_create_under_an_id_of_ones_own_is_sent_again() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    let id = "00000000-0000-0000-0000-00000000beef";
    tenant.sandbox.misbehave(disconnect(true));
    let error = unsure(client.send(&under(Condition::MustNotExist, rename(id))).unwrap_err());
    assert_eq!(error.status, 412);
    assert_eq!(rows(&mut client, "Once"), 1);
}

#[test]
fn an_unknown_end_is_remembered_through_throttling() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    tenant.sandbox.misbehave(disconnect(true));
    tenant.sandbox.misbehave(Fault::throttle("0x80072322", 600));
    let update = under(Condition::MustExist, rename(&seed::contact(1)));
    let throttling = throttling(client.send(&update).unwrap_err());
    assert_eq!(
        (
            throttling.may_have_taken_effect,
            throttling.attempts,
            throttling.retry_after_seconds
        ),
        (true, 2, Some(600))
    );
}

#[test]
fn a_revoked_token_is_replaced_once_even_for_a_create() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    tenant.sandbox.revoke_tokens();
    assert_eq!(client.post("contacts", ROW).unwrap().attempts, 2);
    assert_eq!(rows(&mut client, "Once"), 1);
    tenant.sandbox.misbehave(down(401).times(2));
    let error = dataverse_error(client.post("contacts", ROW).unwrap_err());
    assert_eq!(
        (error.status, error.attempts, error.may_have_taken_effect),
        (401, 2, false)
    );
    assert!(error.advice.unwrap().contains("tenant"));
    assert_eq!(rows(&mut client, "Once"), 1);
}

#[test]
fn a_request_that_was_not_sent_is_sent_again_whatever_it_is() {
    let turn = AtomicUsize::new(0);
    let settings = settings_for("https://contoso.crm.dynamics.com");
    let (mut client, requests) = answered(&with_options(settings, DEFAULT_OPTIONS), move |request| {
        if request.uri().path().contains("/oauth2/") {
            return Reply::Answer(token_answer());
        }
        match turn.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::Fails(|| HttpError::ConnectionRefused),
            1 => Reply::Answer(answer(204, &[], "")),
            // After an attempt that may have acted.
            2 => Reply::Fails(|| HttpError::ConnectionTerminated),
            _ => Reply::Fails(|| HttpError::ConnectionRefused),
        }
    });
    assert_eq!(client.post("contacts", ROW).unwrap().attempts, 2);
    let put = with_body(request(Method::Put, "contacts(1)/lastname"), "{}");
    let outage = outage(client.send(&put).unwrap_err());
    assert_eq!(
        (outage.cause, outage.attempts, outage.may_have_taken_effect),
        (OutageCause::NoConnection, 4, true)
    );
    assert!(
        outage.detail.ends_with("an earlier attempt may have been carried out"),
        "{outage:?}"
    );
    // Each attempt contains the body.
    let requests = requests.lock().unwrap();
    let bodies: Vec<_> = requests
        .iter()
        .filter(|request| request.method() == "PUT")
        .map(|r| r.body())
        .collect();
    assert_eq!(bodies, [b"{}"; 4]);
}

#[test]
fn every_attempt_carries_the_same_id() {
    let tenant = Tenant::start();
    let mut client = signed_in(&tenant);
    tenant.sandbox.misbehave(down(503));
    tenant.sandbox.clear_requests();
    client.get("contacts").unwrap();
    let requests = tenant.sandbox.requests();
    let ids: Vec<_> = requests
        .iter()
        .map(|request| request.header("x-ms-client-request-id"))
        .collect();
    assert_eq!(ids.len(), 2);
    assert!(ids[0].is_some() && ids[0] == ids[1]);
}

#[test]
fn an_answer_says_what_is_left_of_the_limits() {
    let (mut client, _) = crate::support::contoso(|| {
        let mut reply = json_answer(200, "{}");
        for (name, value) in [
            ("x-ms-ratelimit-time-remaining-xrm-requests", "1,199.97"),
            ("x-ms-ratelimit-burst-remaining-xrm-requests", "7,998"),
            ("x-ms-dop-hint", "48"),
        ] {
            reply.headers_mut().insert(name, value.parse().unwrap());
        }
        Reply::Answer(reply)
    });
    let limit = client.get("contacts").unwrap().rate_limit.unwrap();
    assert_eq!(limit.remaining_requests, Some(7998));
    assert_eq!(limit.remaining_seconds, Some(1199));
    assert_eq!(limit.recommended_parallelism, Some(48));
    assert!(Tenant::start().client().get("contacts").unwrap().rate_limit.is_some());
    let (mut silent, _) = crate::support::contoso(|| Reply::Answer(json_answer(200, "{}")));
    assert!(silent.get("contacts").unwrap().rate_limit.is_none());
}

#[test]
fn a_server_that_never_relents_is_given_up_within_the_budget() {
    for (answer, cause) in [
        ("429 Too Many Requests\r\nretry-after: 0", None),
        ("429 Too Many Requests\r\nretry-after: soon", None),
        (
            "503 Service Unavailable\r\nretry-after: 1",
            Some(OutageCause::ServiceUnavailable),
        ),
        ("200 OK\r\ncontent-length: 9", Some(OutageCause::CutOff)),
    ] {
        let server = Server::start(move |head, stream| {
            read_body(head, stream);
            let length = if answer.contains("length") {
                ""
            } else {
                "content-length: 3\r\n"
            };
            let _ = write!(stream, "HTTP/1.1 {answer}\r\n{length}connection: close\r\n\r\ncut");
        });
        let options = Options {
            retry_budget_ms: Some(2_000),
            ..DEFAULT_OPTIONS
        };
        let settings = with_options(settings_for(&server.origin()), options);
        let mut client = Client::open(&settings, Network::Machine);
        let start = Instant::now();
        match client.get("contacts").unwrap_err() {
            Error::Throttled(throttling) => assert_eq!((cause, throttling.may_have_taken_effect), (None, false)),
            Error::Unavailable(outage) => assert_eq!((cause, outage.attempts > 1), (Some(outage.cause), true)),
            other => panic!("{other:?}"),
        }
        assert!(
            start.elapsed() < Duration::from_secs(4),
            "{answer}: {:?}",
            start.elapsed()
        );
    }
}
