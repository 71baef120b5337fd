//! What is sent, and what is refused before sending.

use super::*;
use http::Method;

use crate::dataverse::options::Options;
use crate::host::fake::FakeHost;
use crate::settings::tests::contoso;

pub(super) fn request(method: Method, path: &str, body: Option<&str>) -> DraftPart {
    DraftPart {
        request: Draft {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: body.map(|body| body.as_bytes().to_vec()),
            options: Options::default(),
        },
        content_id: None,
    }
}

pub(super) fn named(id: &str, request: DraftPart) -> DraftPart {
    DraftPart {
        content_id: Some(id.to_owned()),
        ..request
    }
}

pub(super) fn batch(items: Vec<Item<DraftPart>>, continue_on_error: bool) -> Result<Batch, Error> {
    Batch::new(&FakeHost::new([]), &contoso(), items, continue_on_error)
}

fn with_header(mut request: DraftPart, name: &str, value: &str) -> DraftPart {
    request.request.headers.push((name.to_owned(), value.to_owned()));
    request
}

fn get(path: &str) -> DraftPart {
    request(Method::GET, path, None)
}

fn post(path: &str, body: &str) -> DraftPart {
    request(Method::POST, path, Some(body))
}

/// The fields of the faults.
fn faults(items: Vec<Item<DraftPart>>) -> Vec<String> {
    match batch(items, false).map(|_| ()) {
        Err(Error::InvalidRequest(faults)) => faults.into_iter().map(|fault| fault.field).collect(),
        Ok(()) => Vec::new(),
        Err(other) => panic!("{other:?}"),
    }
}

fn text(items: Vec<Item<DraftPart>>) -> String {
    let batch = batch(items, false).unwrap();
    String::from_utf8(batch.request().body().unwrap().to_vec()).unwrap()
}

#[test]
fn a_batch_is_written_with_all_its_parts_headers() {
    let items = vec![
        Item::Request(with_header(
            get("contacts?$filter=lastname eq 'Ł'"),
            "Prefer",
            "odata.maxpagesize=1",
        )),
        Item::ChangeSet(vec![
            named("2", post("contacts", r#"{"lastname":"Müller"}"#)),
            request(Method::PATCH, "$2", Some(r#"{"x@odata.bind":"$2"}"#)),
            request(Method::DELETE, "$2/x/$ref", None),
        ]),
    ];
    let batch = batch(items, true).unwrap();
    let outer = batch.request();
    let guid = "02020202-0202-4202-8202-020202020202";
    assert_eq!(outer.method(), "POST");
    assert_eq!(outer.uri(), "https://contoso.crm.dynamics.com/api/data/v9.2/$batch");
    assert_eq!(
        outer.headers()["content-type"],
        format!("multipart/mixed; boundary=\"batch_{guid}\"")
    );
    assert_eq!(outer.headers()["prefer"], "odata.continue-on-error");
    assert_eq!(outer.headers()["odata-version"], "4.0");
    assert!(outer.writes());
    let json = "accept: application/json\r\nodata-version: 4.0\r\nodata-maxversion: 4.0\r\n";
    let in_set = |id: &str, request: &str| {
        format!(
            "--changeset_1_{guid}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n\
             {request}\r\n"
        )
    };
    let content = format!("{json}content-type: application/json\r\n");
    assert_eq!(
        std::str::from_utf8(outer.body().unwrap()).unwrap(),
        [
            format!(
                "--batch_{guid}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
                 GET https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$filter=lastname%20eq%20'%C5%81' HTTP/1.1\r\n\
                 prefer: odata.maxpagesize=1\r\n{json}\r\n\r\n\
                 --batch_{guid}\r\nContent-Type: multipart/mixed; boundary=\"changeset_1_{guid}\"\r\n\r\n"
            ),
            in_set(
                "2",
                &format!(
                    "POST https://contoso.crm.dynamics.com/api/data/v9.2/contacts HTTP/1.1\r\n{content}\r\n{{\"lastname\":\"Müller\"}}"
                )
            ),
            in_set("1", &format!("PATCH $2 HTTP/1.1\r\n{content}\r\n{{\"x@odata.bind\":\"$2\"}}")),
            in_set("3", &format!("DELETE $2/x/$ref HTTP/1.1\r\n{json}\r\n")),
            format!("--changeset_1_{guid}--\r\n--batch_{guid}--\r\n"),
        ]
        .concat()
    );
}

#[test]
fn a_batch_of_reads_is_a_read() {
    let batch = batch(vec![Item::Request(get("contacts"))], false).unwrap();
    assert!(!batch.request().writes());
    assert!(!batch.request().headers().contains_key("prefer"));
}

#[test]
fn no_body_holds_a_boundary() {
    let guid = "02020202-0202-4202-8202-020202020202";
    let body = format!("\r\n--batch_{guid}--\r\n{guid}0");
    let text = text(vec![Item::Request(post("contacts", &body))]);
    assert!(text.starts_with(&format!("--batch_{guid}00\r\n")), "{text}");
}

#[test]
fn an_id_of_the_callers_own_is_sent_in_its_part() {
    let text = text(vec![Item::Request(with_header(
        get("x"),
        "x-ms-client-request-id",
        "mine",
    ))]);
    assert!(text.contains("\r\nx-ms-client-request-id: mine\r\n"), "{text}");
    assert!(!text.contains("user-agent"), "{text}");
}

#[test]
fn every_fault_is_named_with_its_place() {
    let items = vec![
        Item::Request(get("/contacts")),
        Item::ChangeSet(Vec::new()),
        Item::ChangeSet(vec![
            named("1", post("contacts", "{}")),
            get("contacts"),
            named("1", with_header(post("contacts", "{}"), "Authorization", "x")),
            named("a b", post("contacts", "{}")),
            post("$4/x", r#"{"x@odata.bind":"$5"}"#),
            named("4", post("contacts", "{}")),
        ]),
        Item::Request(request(Method::POST, "$batch", Some("x"))),
        Item::Request(named("batch", request(Method::GET, "$1", Some("{}")))),
        Item::Request(with_header(
            with_header(post("contacts", r#"{"x@odata.bind":["$1"]}"#), "Content-ID", "7"),
            "Prefer",
            "a\r\nb",
        )),
    ];
    assert_eq!(
        faults(items),
        [
            "items[0].request.path",
            "items[1].change-set",
            "items[2].change-set[0].content-id",
            "items[2].change-set[1].request.method",
            "items[2].change-set[2].content-id",
            "items[2].change-set[2].request.headers.authorization",
            "items[2].change-set[3].content-id",
            "items[2].change-set[4].request.path",
            "items[2].change-set[4].request.body",
            "items[3].request.path",
            "items[4].content-id",
            "items[4].request.path",
            "items[4].request.body",
            "items[5].request.headers.content-id",
            "items[5].request.body",
            "items[5].request.headers.prefer",
        ]
    );
}

#[test]
fn a_reference_is_found_however_it_is_written() {
    for path in [
        "%249",
        "%249/primarycontactid/$ref",
        "https://contoso.crm.dynamics.com/api/data/v9.2/$9",
        "https://contoso.crm.dynamics.com/api/data/v9.1/%249?$select=name",
    ] {
        let alone = vec![Item::Request(get(path))];
        assert_eq!(faults(alone), ["items[0].request.path"], "{path}");
        let set = |id| {
            vec![Item::ChangeSet(vec![
                named(id, post("contacts", "{}")),
                post(path, "{}"),
            ])]
        };
        assert_eq!(faults(set("1")), ["items[0].change-set[1].request.path"], "{path}");
        assert_eq!(faults(set("9")), [""; 0], "{path}");
    }
}

#[test]
fn only_a_batch_of_one_to_a_thousand_is_sent() {
    let many = |count: usize| vec![Item::ChangeSet(vec![post("contacts", "{}"); count])];
    assert_eq!(faults(Vec::new()), ["items"]);
    assert_eq!(faults(many(1000)), [""; 0]);
    assert_eq!(faults(many(1001)), ["items"]);
}

#[test]
fn the_whole_has_to_fit_the_settings() {
    let mut settings = contoso();
    settings.max_request_bytes = 1000;
    let items = |length: usize| vec![Item::Request(post("contacts", &"x".repeat(length)))];
    let sent = |length| Batch::new(&FakeHost::new([]), &settings, items(length), false);
    assert!(sent(100).is_ok());
    match sent(999).map(|_| ()).unwrap_err() {
        Error::InvalidRequest(faults) => assert_eq!(faults.iter().next().unwrap().field, "items"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn system_resources_are_no_references() {
    assert_eq!(
        faults(vec![
            Item::Request(get("$metadata")),
            Item::Request(get("$crossjoin(accounts,contacts)")),
            Item::Request(get("accounts(name='$batch')")),
        ]),
        [""; 0]
    );
    for path in [
        "$batch",
        "%24batch",
        "%24Batch/",
        "https://contoso.crm.dynamics.com/api/data/v9.2/$batch",
    ] {
        assert_eq!(
            faults(vec![Item::Request(post(path, ""))]),
            ["items[0].request.path"],
            "{path}"
        );
    }
}
