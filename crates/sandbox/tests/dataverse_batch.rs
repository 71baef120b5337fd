//! `$batch` over HTTP.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, Local, all, error, start};
use sandbox::seed;
use serde_json::{Value, json};

const MISSING: &str = "99999999-0000-4000-8000-000000000000";

/// A part with one request.
fn part(boundary: &str, content_id: Option<&str>, request: &str) -> String {
    let id = content_id.map_or(String::new(), |id| format!("Content-ID: {id}\r\n"));
    format!(
        "--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{id}\r\n{request}\r\n"
    )
}

fn get(url: &str) -> String {
    part("b", None, &format!("GET {url} HTTP/1.1\r\n\r\n"))
}

fn write(method: &str, url: &str, body: Value) -> String {
    format!("{method} {url} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}")
}

fn one(method: &str, url: &str, body: Value) -> String {
    part("b", None, &write(method, url, body))
}

/// A change set whose requests have the content ids 1, 2, ...
fn change_set(requests: &[String]) -> String {
    let parts: String = (1..)
        .zip(requests)
        .map(|(id, request)| part("cs", Some(&format!("{id}")), request))
        .collect();
    format!("--b\r\nContent-Type: multipart/mixed; boundary=\"cs\"\r\n\r\n{parts}--cs--\r\n\r\n")
}

fn send_with(local: &Local, headers: &[(&str, &str)], parts: &[String]) -> Answer {
    local.batch(headers, &(parts.concat() + "--b--\r\n"))
}

fn send(local: &Local, parts: &[String]) -> Answer {
    send_with(local, &[], parts)
}

#[derive(Debug)]
struct Inner {
    content_id: Option<String>,
    status: u16,
    head: String,
    body: String,
}

impl Inner {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// The responses; those of a change set in a separate list.
#[track_caller]
fn inner(content_type: &str, body: &str) -> Vec<Vec<Inner>> {
    let boundary = content_type.strip_prefix("multipart/mixed; boundary=").unwrap();
    let body = body.strip_prefix(&format!("--{boundary}\r\n")).unwrap();
    let body = body.strip_suffix(&format!("\r\n--{boundary}--\r\n")).unwrap();
    body.split(&format!("\r\n--{boundary}\r\n"))
        .map(|part| {
            let (head, rest) = part.split_once("\r\n\r\n").unwrap();
            let head_line = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name));
            let content_type = head_line("Content-Type: ").unwrap();
            if content_type.starts_with("multipart/") {
                assert!(content_type.contains("=changesetresponse_"), "{content_type}");
                // The nested closing line is followed by the delimiter's line end.
                return inner(content_type, &format!("{rest}\r\n"))
                    .into_iter()
                    .flatten()
                    .collect();
            }
            assert_eq!(content_type, "application/http");
            assert_eq!(head_line("Content-Transfer-Encoding: "), Some("binary"));
            let (head, body) = rest.split_once("\r\n\r\n").unwrap();
            vec![Inner {
                content_id: head_line("Content-ID: ").map(Into::into),
                status: head.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap(),
                head: head.into(),
                body: body.into(),
            }]
        })
        .collect()
}

#[track_caller]
fn responses(answer: &Answer) -> Vec<Vec<Inner>> {
    let content_type = answer.header("content-type").unwrap();
    assert!(
        content_type.starts_with("multipart/mixed; boundary=batchresponse_"),
        "{content_type}: {}",
        answer.text()
    );
    inner(content_type, answer.text())
}

#[track_caller]
fn statuses(answer: &Answer) -> Vec<Vec<u16>> {
    let statuses = |group: &Vec<Inner>| group.iter().map(|inner| inner.status).collect();
    responses(answer).iter().map(statuses).collect()
}

/// Every row of every table, as sent.
fn everything(local: &Local) -> Vec<Vec<u8>> {
    ["accounts", "contacts", "leads", "opportunities"]
        .map(|set| local.get(set).body)
        .into()
}

#[test]
fn requests_are_carried_out_in_order() {
    let local = start();
    let url = format!("contacts({MISSING})");
    let answer = send(
        &local,
        &[
            one("POST", "contacts", json!({"contactid": MISSING, "lastname": "Batch"})),
            get(&format!("{url}?$select=lastname")),
            get(&format!("/api/data/v9.2/{url}?$select=lastname")),
            get(&format!("{}/api/data/v9.0/{url}?$select=lastname", local.origin)),
            part("b", Some("x"), &format!("DELETE {url} HTTP/1.1\r\n")),
            get("WhoAmI"),
        ],
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("odata-version"), Some("4.0"));
    let inner: Vec<Inner> = responses(&answer).into_iter().flatten().collect();
    let statuses: Vec<u16> = inner.iter().map(|inner| inner.status).collect();
    assert_eq!(statuses, [204, 200, 200, 200, 204, 200]);
    let entity = format!("{}/api/data/v9.2/{url}", local.origin);
    assert!(inner[0].head.starts_with("HTTP/1.1 204 No Content\r\n"), "{inner:?}");
    assert_eq!(inner[0].header("OData-EntityId"), Some(&*entity));
    assert_eq!(inner[0].header("Location"), Some(&*entity));
    assert_eq!(inner[0].header("OData-Version"), Some("4.0"));
    assert_eq!(inner[1].json()["lastname"], "Batch");
    assert_eq!(
        inner[1].header("Content-Type"),
        Some("application/json; odata.metadata=minimal")
    );
    let context = inner[3].json()["@odata.context"].as_str().unwrap().to_string();
    assert!(
        context.starts_with(&format!("{}/api/data/v9.0/$metadata", local.origin)),
        "{context}"
    );
    assert_eq!(inner[4].content_id.as_deref(), Some("x"));
    assert_eq!(local.get(&url).status, 404);
}

#[test]
fn the_first_failure_ends_it() {
    let local = start();
    let parts = [
        one("POST", "contacts", json!({"lastname": "before"})),
        one("POST", "contacts", json!({"lastname": "x".repeat(51)})),
        one("POST", "contacts", json!({"lastname": "behind"})),
    ];
    let named = |name: &str| {
        local
            .get(&format!("contacts?$filter=lastname%20eq%20'{name}'"))
            .rows()
            .len()
    };
    let answer = send(&local, &parts);
    assert_eq!(answer.status, 400);
    assert_eq!(statuses(&answer), [[204], [400]]);
    let failed = responses(&answer).remove(1).remove(0);
    assert_eq!(failed.json()["error"]["code"], "0x80044331");
    assert!(uuid::Uuid::try_parse(failed.header("REQ_ID").unwrap()).is_ok());
    assert_eq!((named("before"), named("behind")), (1, 0));

    let prefer = [("Prefer", "return=representation, odata.continue-on-error")];
    let answer = send_with(&local, &prefer, &parts);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("preference-applied"), Some("odata.continue-on-error"));
    assert_eq!(
        statuses(&answer),
        [[204], [400], [204]],
        "the batch's own preferences stay outside"
    );
    assert_eq!((named("before"), named("behind")), (2, 1));
}

#[test]
fn a_request_in_a_batch_has_its_own_rights_and_headers() {
    let local = start();
    let answer = send(&local, &[get("accounts"), get("opportunities")]);
    assert_eq!((answer.status, statuses(&answer)), (403, vec![vec![200], vec![403]]));
    let answer = send(&local, &[one("POST", "accounts", json!({"name": "x"}))]);
    assert_eq!(responses(&answer)[0][0].json()["error"]["code"], "0x80040220");

    // Without its own Content-Type.
    let answer = send(
        &local,
        &[part("b", None, "POST contacts HTTP/1.1\r\n\r\n{\"lastname\":\"x\"}")],
    );
    assert_eq!((answer.status, statuses(&answer)), (400, vec![vec![400]]));
    let request = "POST contacts HTTP/1.1\r\nContent-Type: application/json;type=entry\r\nPrefer: return=representation\r\n\
                   \r\n{\"lastname\":\"x\"}";
    let answer = send(&local, &[part("b", None, request)]);
    assert_eq!(statuses(&answer), [[201]]);
    assert_eq!(responses(&answer)[0][0].json()["lastname"], "x");

    let paged = part(
        "b",
        None,
        "GET contacts?$select=lastname HTTP/1.1\r\nPrefer: odata.maxpagesize=5\r\n\r\n",
    );
    let page = responses(&send(&local, &[paged])).remove(0).remove(0).json();
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(
        next.starts_with(&format!("{}/api/data/v9.2/contacts?", local.origin)),
        "{next}"
    );
}

#[test]
fn a_change_set_is_all_or_nothing() {
    let local = all();
    let before = everything(&local);
    let good = [
        write("POST", "contacts", json!({"lastname": "one"})),
        write(
            "PATCH",
            &format!("accounts({})", seed::account(1)),
            json!({"name": "two"}),
        ),
        write("DELETE", &format!("contacts({})", seed::contact(2)), json!({})),
        write("POST", "leads", json!({"subject": "three"})),
    ];
    let mut bad = good.to_vec();
    bad.push(write("PATCH", &format!("contacts({MISSING})"), json!({"nope": 1})));

    let answer = send(&local, &[change_set(&bad), get("contacts")]);
    assert_eq!((answer.status, statuses(&answer)), (400, vec![vec![400]]));
    assert_eq!(everything(&local), before);

    let proceed = [("Prefer", "odata.continue-on-error")];
    let answer = send_with(
        &local,
        &proceed,
        &[change_set(&bad), get("contacts?$top=1"), change_set(&bad)],
    );
    assert_eq!(
        (answer.status, statuses(&answer)),
        (200, vec![vec![400], vec![200], vec![400]])
    );
    assert_eq!(everything(&local), before);

    let answer = send(&local, &[change_set(&good), get("contacts?$top=1")]);
    assert_eq!((answer.status, statuses(&answer)), (200, vec![vec![204; 4], vec![200]]));
    let ids: Vec<_> = responses(&answer)
        .remove(0)
        .into_iter()
        .map(|inner| inner.content_id)
        .collect();
    assert_eq!(ids, ["1", "2", "3", "4"].map(|id| Some(id.to_string())));
    let now = everything(&local);
    assert!((0..3).all(|table| now[table] != before[table]));
}

#[test]
fn a_rolled_back_version_is_given_again() {
    let [with, without] = [true, false].map(|detour| {
        let local = start();
        if detour {
            let bad = [
                write("POST", "contacts", json!({"lastname": "x"})),
                write("POST", "contacts", json!({"nope": "x"})),
            ];
            assert_eq!(send(&local, &[change_set(&bad)]).status, 400);
        }
        let body = json!({"contactid": MISSING}).to_string();
        local
            .call("POST", "contacts", &[("Prefer", "return=representation")], &body)
            .json()["@odata.etag"]
            .clone()
    });
    assert_eq!(with, without);
}

#[test]
fn requests_of_a_change_set_refer_to_rows_before_them() {
    let local = all();
    let answer = send(
        &local,
        &[
            change_set(&[
                write("POST", "accounts", json!({"name": "Account name"})),
                write(
                    "POST",
                    "contacts",
                    json!({"firstname": "First", "parentcustomerid_account@odata.bind": "$1"}),
                ),
                write("PATCH", "$1", json!({"primarycontactid@odata.bind": "$2"})),
                write(
                    "PATCH",
                    "/api/data/v9.2/$2?$select=fullname",
                    json!({"lastname": "Last"}),
                ),
            ]),
            get("accounts?$filter=name%20eq%20'Account%20name'&$expand=primarycontactid($select=fullname)"),
        ],
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    let responses = responses(&answer);
    let rows = responses[1][0].json()["value"].clone();
    assert_eq!(rows[0]["primarycontactid"]["fullname"], "First Last");
    let entity = responses[0][2].header("OData-EntityId").unwrap();
    assert_eq!(responses[0][0].header("OData-EntityId"), Some(entity));

    // The example of
    // https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api.
    let answer = send(
        &local,
        &[change_set(&[
            write("POST", "accounts", json!({"name": "Linked"})),
            write("POST", "contacts", json!({"firstname": "Contact first name"})),
            write("PUT", "$1/primarycontactid/$ref", json!({"@odata.id": "$2"})),
        ])],
    );
    assert_eq!(statuses(&answer), [[204, 204, 204]]);
    let inner = &self::responses(&answer)[0];
    let id = |inner: &Inner| {
        inner
            .header("OData-EntityId")
            .map(|url| url[url.len() - 37..url.len() - 1].to_string())
    };
    let linked = local.get(&format!(
        "accounts({})?$select=_primarycontactid_value",
        id(&inner[0]).unwrap()
    ));
    assert_eq!(linked.json()["_primarycontactid_value"], json!(id(&inner[1])));
    assert_eq!(inner[2].header("Location"), None);

    let before = everything(&local);
    let forward = [
        write("POST", "contacts", json!({"parentcustomerid_account@odata.bind": "$2"})),
        write("POST", "accounts", json!({"name": "too late"})),
    ];
    let refused = |part: String, reference: &str| {
        let answer = send(&local, &[part]);
        let inner = &self::responses(&answer)[0][0];
        let message = format!("Content-ID Reference: '{reference}' does not exist in the batch context.");
        assert_eq!(
            (answer.status, &inner.json()["error"]["message"]),
            (400, &json!(message))
        );
    };
    refused(change_set(&forward), "$2");
    refused(change_set(&[write("PATCH", "$1", json!({}))]), "$1");
    let company = format!("contacts({})/parentcustomerid_account/$ref", seed::contact(1));
    refused(change_set(&[write("PUT", &company, json!({"@odata.id": "$7"}))]), "$7");
    refused(get("$1"), "$1");
    // A deleted row has no URL to refer to.
    let gone = format!("contacts({})", seed::contact(1));
    refused(
        change_set(&[write("DELETE", &gone, json!({})), write("PATCH", "$1", json!({}))]),
        "$1",
    );
    assert_eq!(everything(&local), before);
}

#[test]
fn other_origins_are_refused() {
    let local = all();
    let id = seed::contact(1);
    let port = local.origin.rsplit(':').next().unwrap();
    let foreign = [
        format!("https://evil.example/api/data/v9.2/contacts({id})"),
        format!("http://localhost:{port}/api/data/v9.2/contacts({id})"),
        format!("{}.evil.example/api/data/v9.2/contacts({id})", local.origin),
        format!("{}@evil.example/api/data/v9.2/contacts({id})", local.origin),
        format!("//evil.example/api/data/v9.2/contacts({id})"),
        "javascript:alert(1)".to_string(),
    ];
    for url in foreign {
        let answer = send(&local, &[get(&url)]);
        assert_eq!((answer.status, statuses(&answer)), (400, vec![vec![400]]), "{url}");
        let bind = json!({"primarycontactid@odata.bind": url});
        let account = format!("accounts({})", seed::account(1));
        assert_eq!(
            error(&local.call("PATCH", &account, &[], &bind.to_string())).0,
            400,
            "{url}"
        );
    }
}

#[test]
fn what_is_no_batch_is_refused_whole() {
    let local = start();
    let before = everything(&local);
    let token = format!("Bearer {}", local.token());
    let refused = |content_type: &str, body: &str| {
        let headers = [("Authorization", token.as_str()), ("Content-Type", content_type)];
        let path = "/api/data/v9.2/$batch";
        let answer = common::exchange(&local.origin, "POST", path, &headers, body.as_bytes()).unwrap();
        assert!(answer.header("content-type").unwrap().starts_with("application/json"));
        assert_eq!(error(&answer).0, 400, "{content_type} {body}");
    };
    let create = one("POST", "contacts", json!({"lastname": "x"}));
    let whole = format!("{create}--b--\r\n");
    for content_type in ["application/json", "multipart/mixed", "multipart/form-data; boundary=b"] {
        refused(content_type, &whole);
    }
    let in_set = |request: &str, id: Option<&str>| {
        let part = part("cs", id, request);
        format!("{create}--b\r\nContent-Type: multipart/mixed; boundary=cs\r\n\r\n{part}--cs--\r\n--b--\r\n")
    };
    let nested = format!(
        "--b\r\nContent-Type: multipart/mixed; boundary=cs\r\n\r\n--cs\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n{}",
        "--d--\r\n--cs--\r\n--b--\r\n"
    );
    let post = write("POST", "contacts", json!({}));
    let twice = change_set(&[post.clone(), post.clone()]).replace("Content-ID: 2", "Content-ID: 1");
    for body in [
        "",
        "{}",
        "--b--\r\n",
        create.as_str(),
        &whole.replace("\r\n", "\n"),
        &whole.replace("--b\r\n", "--b\n"),
        &whole.replace("HTTP/1.1\r\n", "HTTP/1.1\n"),
        &whole.replace("binary\r\n", "binary\n"),
        &whole.replace("\r\n--b--", "\n--b--"),
        &whole.replace("application/http", "text/plain"),
        &whole.replace("Transfer-Encoding: binary", "Transfer-Encoding: base64"),
        &whole.replace("contacts HTTP", "contacts\tx HTTP"),
        &whole.replace("HTTP/1.1", "HTTP/1.0"),
        &whole.replace("Content-Type: application/json", "Content Type: application/json"),
        &in_set("GET contacts HTTP/1.1\r\n\r\n", Some("1")),
        &in_set(&post, None),
        &nested,
        &format!("{twice}--b--\r\n"),
    ] {
        refused("multipart/mixed; boundary=b", body);
    }
    assert_eq!(everything(&local), before, "nothing was carried out");

    // A line feed inside a body belongs to the body.
    let lines = "POST contacts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\n  \"lastname\": \"x\"\n}\n";
    assert_eq!(send(&local, &[part("b", None, lines)]).status, 200);

    assert_eq!(error(&local.get("$batch")).0, 405);
    let nested = send(&local, &[one("POST", "$batch", json!({}))]);
    assert_eq!((nested.status, statuses(&nested)), (400, vec![vec![400]]));
}

#[test]
fn a_batch_has_a_thousand_requests() {
    let local = start();
    let mut parts = vec![get("WhoAmI"); 998];
    parts.push(change_set(&[
        write("POST", "contacts", json!({})),
        write("POST", "contacts", json!({})),
    ]));
    assert_eq!(send(&local, &parts).status, 200);
    parts.push(get("WhoAmI"));
    assert_eq!(error(&send(&local, &parts)).0, 400);
    assert_eq!(local.get("contacts").rows().len(), seed::CONTACTS + 2);
}

#[test]
fn a_url_has_64_kb_in_a_batch() {
    let local = start();
    let names = "lastname,".repeat(8000);
    let status = |length: usize| {
        let room = length - local.origin.len() - "/api/data/v9.2/contacts?$select=".len();
        let whole = room / 9 * 9;
        let padding = "+".repeat(room - whole + 1);
        send(
            &local,
            &[get(&format!("contacts?$select={}{padding}", &names[..whole - 1]))],
        )
        .status
    };
    assert_eq!((status(65_536), status(65_537)), (200, 414));
}
