//! Batches.

use embedded_host::types::{
    Batch, BatchItem, BatchRequest, BatchResult, DataverseError, Error, Method, Options, OutageCause, Request, Response,
};
use embedded_host::{DEFAULT_OPTIONS, Reply};
use sandbox::{Fault, FaultKind, Privileges, Service};

use crate::support::{
    Client, Tenant, answer, contoso, json, outage, request, request_faults, with_body, with_header, with_options,
};

pub fn alone(request: Request) -> BatchItem {
    BatchItem::Request(BatchRequest {
        request,
        content_id: None,
    })
}

fn named(id: &str, request: Request) -> BatchRequest {
    BatchRequest {
        request,
        content_id: Some(id.to_owned()),
    }
}

fn create(lastname: &str) -> Request {
    let body = serde_json::json!({ "lastname": lastname });
    with_body(request(Method::Post, "contacts"), body.to_string())
}

/// A request that fails, because the column does not exist.
fn wrong() -> Request {
    with_body(request(Method::Post, "contacts"), r#"{"nonsense":1}"#)
}

pub fn send(client: &mut Client, items: Vec<BatchItem>, continue_on_error: bool) -> Result<Vec<BatchResult>, Error> {
    let batch = Batch {
        items,
        continue_on_error,
    };
    client.instance.odata_batch(Some(client.connection), &batch).unwrap()
}

#[track_caller]
pub fn done(result: &BatchResult) -> &Response {
    match result {
        BatchResult::Done(response) => response,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(result: &BatchResult) -> &DataverseError {
    match result {
        BatchResult::Refused(error) => error,
        other => panic!("{other:?}"),
    }
}

/// The number of contacts with this name.
fn count(client: &mut Client, lastname: &str) -> usize {
    let found = client
        .get(&format!("contacts?$filter=lastname eq '{lastname}'"))
        .unwrap();
    json(&found)["value"].as_array().unwrap().len()
}

#[test]
fn each_request_of_a_batch_gets_its_answer() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let paged = with_header(
        request(Method::Get, "contacts?$select=lastname"),
        "Prefer",
        "odata.maxpagesize=2",
    );
    let whole = with_header(create("Łódź & Söhne\r\n--batch"), "Prefer", "return=representation");
    let items = vec![alone(create("Batched")), alone(paged.clone()), alone(whole)];
    let results = send(&mut client, items, false).unwrap();
    assert_eq!(results.len(), 3);

    let created = done(&results[0]);
    let id = created.entity_id.as_deref().unwrap();
    let row = json(&client.get(&format!("contacts({id})")).unwrap());
    assert_eq!((created.status, row["lastname"].as_str()), (204, Some("Batched")));

    let page = done(&results[1]);
    assert_eq!(json(page)["value"].as_array().unwrap().len(), 2);
    let next = with_header(
        request(Method::Get, page.next_link.as_deref().unwrap()),
        "Prefer",
        "odata.maxpagesize=2",
    );
    let results_of_next = send(&mut client, vec![alone(next.clone())], false).unwrap();
    assert_eq!(done(&results_of_next[0]).body, client.send(&next).unwrap().body);

    let representation = done(&results[2]);
    assert_eq!(representation.status, 201);
    assert_eq!(json(representation)["lastname"], "Łódź & Söhne\r\n--batch");
    assert!(representation.etag.as_deref().unwrap().starts_with("W/"));
}

#[test]
fn a_change_set_refers_to_the_rows_it_creates() {
    let tenant = Tenant::with(|config| {
        let user = config.applications[0].user.as_mut().unwrap();
        user.privileges = Privileges::all();
    });
    let mut client = tenant.client();
    let bound = r#"{"lastname":"Bound","parentcustomerid_account@odata.bind":"$company"}"#;
    let set = vec![
        named(
            "company",
            with_body(request(Method::Post, "accounts"), r#"{"name":"Referred"}"#),
        ),
        named("1", with_body(request(Method::Post, "contacts"), bound)),
        BatchRequest {
            request: with_body(request(Method::Patch, "$1"), r#"{"firstname":"Both"}"#),
            content_id: None,
        },
        BatchRequest {
            request: with_body(
                request(Method::Put, "$company/primarycontactid/$ref"),
                r#"{"@odata.id":"$1"}"#,
            ),
            content_id: None,
        },
    ];
    let results = send(&mut client, vec![BatchItem::ChangeSet(set)], false).unwrap();
    let statuses: Vec<_> = results.iter().map(|result| done(result).status).collect();
    assert_eq!(statuses, [204; 4]);
    let (account, contact) = (
        done(&results[0]).entity_id.clone().unwrap(),
        done(&results[1]).entity_id.clone().unwrap(),
    );
    let row = json(&client.get(&format!("contacts({contact})")).unwrap());
    assert_eq!(row["firstname"], "Both");
    assert_eq!(row["_parentcustomerid_value"], account);
    let row = json(&client.get(&format!("accounts({account})")).unwrap());
    assert_eq!(row["_primarycontactid_value"], contact);
}

#[test]
fn a_change_set_is_done_as_a_whole_or_not_at_all() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let set = vec![
        named("1", create("Undone")),
        named("2", wrong()),
        named("3", create("Undone")),
    ];
    let items = || {
        vec![
            alone(create("Before")),
            BatchItem::ChangeSet(set.clone()),
            alone(create("After")),
        ]
    };
    let stopped = send(&mut client, items(), false).unwrap();
    assert_eq!((stopped.len(), done(&stopped[0]).status), (5, 204));
    for result in &stopped[1..4] {
        let error = refused(result);
        assert_eq!((error.status, error.may_have_taken_effect), (400, false));
        assert!(error.message.contains("nonsense"), "{error:?}");
        assert!(error.request_id.is_some());
    }
    assert!(matches!(stopped[4], BatchResult::NotRun));
    assert_eq!(
        (
            count(&mut client, "Before"),
            count(&mut client, "Undone"),
            count(&mut client, "After")
        ),
        (1, 0, 0)
    );

    let went_on = send(&mut client, items(), true).unwrap();
    for result in &went_on[1..4] {
        assert_eq!(refused(result).status, 400);
    }
    assert_eq!((done(&went_on[0]).status, done(&went_on[4]).status), (204, 204));
    assert_eq!(
        (
            count(&mut client, "Before"),
            count(&mut client, "Undone"),
            count(&mut client, "After")
        ),
        (2, 0, 1)
    );
}

#[test]
fn every_request_has_its_own_headers_and_conditions() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let created = client.send(&create("Condition")).unwrap();
    let path = format!("contacts({})", created.entity_id.unwrap());
    let update = |etag: &str| {
        let update = with_body(request(Method::Patch, &path), r#"{"firstname":"New"}"#);
        alone(with_header(update, "If-Match", etag))
    };
    let etag = client.get(&path).unwrap().etag.unwrap();
    let items = vec![update(&etag), update(&etag), alone(request(Method::Delete, &path))];
    let results = send(&mut client, items, true).unwrap();
    assert_eq!(done(&results[0]).status, 204);
    assert_eq!(refused(&results[1]).status, 412);
    assert_eq!(done(&results[2]).status, 204);
}

#[test]
fn a_thousand_requests_fit() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let one = BatchRequest {
        request: create("Many"),
        content_id: None,
    };
    let set = |count: usize| vec![one.clone(); count];
    let results = send(&mut client, vec![BatchItem::ChangeSet(set(1000))], false).unwrap();
    assert_eq!(results.len(), 1000);
    assert!(results.iter().all(|result| done(result).status == 204));
    let faults = request_faults(send(&mut client, vec![BatchItem::ChangeSet(set(1001))], false).unwrap_err());
    assert_eq!(faults[0].0, "items");
}

#[test]
fn what_is_wrong_with_a_batch_is_told_at_once_and_not_sent() {
    let (mut client, requests) = contoso(|| panic!("nothing is sent"));
    let set = vec![
        named("1", request(Method::Get, "contacts")),
        named("1", request(Method::Delete, "$2")),
        named("2", with_header(create("x"), "Host", "evil.example")),
    ];
    let items = vec![
        alone(request(Method::Get, "https://evil.example/api/data/v9.2/contacts")),
        BatchItem::ChangeSet(set),
        BatchItem::ChangeSet(Vec::new()),
        alone(request(Method::Post, "$batch")),
        alone(request(Method::Get, &"x".repeat(65_536))),
    ];
    let faults = request_faults(send(&mut client, items, false).unwrap_err());
    let places: Vec<_> = faults.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(
        places,
        [
            "items[0].request.path",
            "items[1].change-set[0].request.method",
            "items[1].change-set[0].content-id",
            "items[1].change-set[1].content-id",
            "items[1].change-set[1].request.path",
            "items[1].change-set[2].request.headers.host",
            "items[2].change-set",
            "items[3].request.path",
            "items[4].request.path",
        ]
    );
    assert!(faults[4].1.contains("$2"), "{faults:?}");
    assert_eq!(
        request_faults(send(&mut client, Vec::new(), false).unwrap_err())[0].0,
        "items"
    );
    assert!(requests.lock().unwrap().is_empty());
}

#[test]
fn the_settings_bound_the_whole_batch() {
    let tenant = Tenant::start();
    let settings = with_options(
        tenant.settings(),
        Options {
            max_request_bytes: Some(2000),
            ..DEFAULT_OPTIONS
        },
    );
    let mut client = Client::open(&settings, embedded_host::Network::Machine);
    let items = |count: usize| (0..count).map(|_| alone(create(&"x".repeat(100)))).collect();
    assert_eq!(send(&mut client, items(1), false).unwrap().len(), 1);
    assert_eq!(
        request_faults(send(&mut client, items(20), false).unwrap_err())[0].0,
        "items"
    );
}

#[test]
fn a_batch_that_is_cut_or_throttled_is_never_half_a_result() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let items = || {
        vec![
            alone(create("Uncertain")),
            alone(request(Method::Get, "contacts?$top=1")),
        ]
    };
    let reads = || vec![alone(request(Method::Get, "contacts?$top=1"))];
    send(&mut client, reads(), false).unwrap();
    let fault = |kind| {
        let fault = Fault::new(Service::Dataverse, kind).on("POST", "/api/data/v9.2/$batch");
        tenant.sandbox.misbehave(fault);
    };
    fault(FaultKind::CutBody { after: 300 });
    assert!(outage(send(&mut client, items(), false).unwrap_err()).may_have_taken_effect);
    fault(FaultKind::CutBody { after: 300 });
    assert!(!outage(send(&mut client, reads(), false).unwrap_err()).may_have_taken_effect);
    tenant.sandbox.misbehave(Fault::throttle("0x80072322", 100_000));
    match send(&mut client, items(), false).unwrap_err() {
        Error::Throttled(throttling) => assert_eq!(throttling.retry_after_seconds, Some(100_000)),
        other => panic!("{other:?}"),
    }
    assert_eq!(count(&mut client, "Uncertain"), 1, "the one that was cut");
}

/// The results of a batch of a write and a read with this answer.
fn answered(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Result<Vec<BatchResult>, Error> {
    let body = body.into();
    let (mut client, requests) =
        contoso(move || Reply::Answer(answer(status, &[("content-type", content_type)], body.clone())));
    let items = vec![alone(create("x")), alone(request(Method::Get, "contacts"))];
    let results = send(&mut client, items, false);
    assert_eq!(requests.lock().unwrap().len(), 2, "not sent again");
    results
}

#[test]
fn what_servers_make_of_multipart_is_read() {
    let body = "preamble\n--=_x:1/2\nContent-Type: application/http\n\nHTTP/1.1 204\nODATA-ENTITYID: \
                https://x/contacts(00000000-0000-0000-0000-00000000000a)\n\n--=_x:1/2\ncontent-type: \
                APPLICATION/HTTP;msgtype=response\n\nHTTP/1.1 200 OK\nContent-Type: application/octet-stream\n\
                Content-Length: 16\n\n\n--=_x:1/2--\n\0\n\0\n--=_x:1/2--\nepilogue";
    let results = answered(200, "Multipart/Mixed; charset=utf-8; BOUNDARY=\"=_x:1/2\"", body).unwrap();
    assert_eq!(
        done(&results[0]).entity_id.as_deref(),
        Some("00000000-0000-0000-0000-00000000000a")
    );
    assert_eq!(done(&results[1]).body, b"\n--=_x:1/2--\n\0\n\0");
}

#[test]
fn an_answer_that_cannot_be_used_is_not_taken_for_success() {
    let created = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n";
    for (body, cause) in [
        (format!("{created}{created}"), OutageCause::CutOff),
        (format!("{created}--b--"), OutageCause::UnusableAnswer),
        (format!("{created}{created}{created}--b--"), OutageCause::UnusableAnswer),
        ("--b\r\n\r\nnonsense\r\n--b--".to_owned(), OutageCause::UnusableAnswer),
        ("{}".to_owned(), OutageCause::CutOff),
    ] {
        let outage = outage(answered(200, "multipart/mixed; boundary=b", body.as_str()).unwrap_err());
        assert_eq!((outage.cause, outage.status), (cause, Some(200)), "{body}");
        assert!(outage.may_have_taken_effect, "{body}");
    }
    for content_type in ["application/json", "multipart/mixed"] {
        let outage = outage(answered(200, content_type, "{}").unwrap_err());
        assert_eq!(outage.cause, OutageCause::UnusableAnswer, "{content_type}");
    }
}

#[test]
fn a_batch_that_is_refused_whole_is_refused_in_each_part() {
    let body = r#"{"error":{"code":"0x80072560","message":"The user is not a member of the organization."}}"#;
    let results = answered(403, "application/json", body).unwrap();
    for result in &results {
        let error = refused(result);
        assert_eq!((error.status, error.code.as_str()), (403, "0x80072560"));
        assert!(!error.may_have_taken_effect);
    }
    assert_eq!(results.len(), 2);
}
