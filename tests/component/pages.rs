//! The pages of a query.

use std::sync::atomic::{AtomicUsize, Ordering};

use embedded_host::types::{Error, Method, OutageCause, Request, Response};
use embedded_host::{Network, Pages, Reply};
use sandbox::{Fault, Service};

use crate::support::{
    Client, Tenant, answer, answered, contoso, contoso_settings, dataverse_error, json, json_answer, outage, request,
    request_faults, token_answer, with_body, with_header,
};

const ROOT: &str = "https://contoso.crm.dynamics.com/api/data/v9.2";

fn fives(path: &str) -> Request {
    with_header(request(Method::Get, path), "Prefer", "odata.maxpagesize=5")
}

impl Client {
    pub fn pages(&mut self, request: &Request) -> Pages {
        self.instance
            .odata_pages(Some(self.connection), request)
            .unwrap()
            .unwrap()
    }

    pub fn next(&mut self, pages: Pages) -> Result<Option<Response>, Error> {
        self.instance.next_page(pages).unwrap()
    }
}

/// The `lastname`s of a page.
pub fn names(page: &Response) -> Vec<String> {
    let rows = json(page)["value"].as_array().unwrap().clone();
    rows.iter()
        .map(|row| row["lastname"].as_str().unwrap().to_owned())
        .collect()
}

/// Pages with these answers in turn; the last one is repeated.
fn answering(bodies: &'static [&'static str]) -> (Client, crate::support::Requests) {
    let at = AtomicUsize::new(0);
    contoso(move || {
        let at = at.fetch_add(1, Ordering::SeqCst).min(bodies.len() - 1);
        Reply::Answer(json_answer(200, bodies[at]))
    })
}

fn broken(error: Error, part: &str) {
    let outage = outage(error);
    assert_eq!(outage.cause, OutageCause::UnusableAnswer);
    assert!(outage.detail.contains(part), "{}", outage.detail);
    assert!(!outage.may_have_taken_effect);
    assert_eq!(outage.client_request_id.len(), 36);
}

#[test]
fn every_page_comes_once_and_then_none_for_ever() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let whole = client.get("contacts?$select=lastname&$orderby=lastname").unwrap();
    let pages = client.pages(&fives("contacts?$select=lastname&$orderby=lastname"));
    let mut all = Vec::new();
    let mut count = 0;
    while let Some(page) = client.next(pages).unwrap() {
        assert!(names(&page).len() <= 5);
        all.extend(names(&page));
        count += 1;
    }
    assert_eq!((count, all), (4, names(&whole)));
    let sent = tenant.counts();
    for _ in 0..2 {
        assert!(client.next(pages).unwrap().is_none());
    }
    assert_eq!(tenant.counts(), sent, "nothing is requested after the last page");
    assert_eq!(client.instance.delta_link(pages).unwrap(), None);
}

#[test]
fn nothing_is_sent_before_the_first_page_is_asked_for() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    client.pages(&fives("contacts"));
    assert_eq!(tenant.counts(), (0, 0));
}

#[test]
fn links_are_followed_as_they_are_with_the_same_headers() {
    let (mut client, requests) = answering(&[
        r#"{"@odata.nextLink":"https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$select=a&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie%2522/%3E","value":[]}"#,
        r#"{"value":[]}"#,
    ]);
    let query = with_header(fives("contacts?$select=a"), "CallerObjectId", "1");
    let pages = client.pages(&query);
    assert!(client.next(pages).unwrap().unwrap().next_link.is_some());
    assert!(client.next(pages).unwrap().unwrap().next_link.is_none());
    let requests = requests.lock().unwrap();
    let [_, first, second] = requests.as_slice() else {
        panic!("{} requests", requests.len())
    };
    assert_eq!(
        second.uri().to_string(),
        format!(
            "{ROOT}/contacts?$select=a&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie%2522/%3E"
        )
    );
    for request in [first, second] {
        assert_eq!(request.headers()["prefer"], "odata.maxpagesize=5");
        assert_eq!(request.headers()["callerobjectid"], "1");
    }
    assert_ne!(
        first.headers()["x-ms-client-request-id"],
        second.headers()["x-ms-client-request-id"]
    );
}

#[test]
fn a_page_that_fails_can_be_asked_for_again() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let pages = client.pages(&fives("contacts?$select=lastname&$orderby=lastname"));
    let mut all = names(&client.next(pages).unwrap().unwrap());
    tenant.sandbox.misbehave(Fault::status(Service::Dataverse, 500, "oops"));
    assert_eq!(dataverse_error(client.next(pages).unwrap_err()).status, 500);
    while let Some(page) = client.next(pages).unwrap() {
        all.extend(names(&page));
    }
    let whole = client.get("contacts?$select=lastname&$orderby=lastname").unwrap();
    assert_eq!(all, names(&whole));
}

#[test]
fn pages_outlive_the_handle_of_their_connection() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let pages = client.pages(&fives("contacts"));
    client.instance.close(client.connection).unwrap();
    for _ in 0..4 {
        assert!(client.next(pages).unwrap().is_some());
    }
    assert!(client.next(pages).unwrap().is_none());
}

#[test]
fn the_connection_of_the_variables_has_pages_too() {
    let mut instance = crate::support::COMPONENT.instance(&[], Network::Machine).unwrap();
    match instance.odata_pages(None, &fives("contacts")).unwrap() {
        Err(Error::InvalidSettings(faults)) => assert!(faults.iter().any(|fault| fault.field == "DATAVERSE_URL")),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("there are no settings"),
    }
}

#[test]
fn a_link_that_repeats_is_an_error_and_no_endless_loop() {
    const TO_A: &str =
        r#"{"value":[],"@odata.nextLink":"https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$skiptoken=a"}"#;
    const TO_B: &str =
        r#"{"value":[],"@odata.nextLink":"https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$skiptoken=b"}"#;
    const TO_START: &str =
        r#"{"value":[],"@odata.nextLink":"https://contoso.crm.dynamics.com/api/data/v9.2/contacts"}"#;
    for (bodies, good) in [
        (&[TO_A, TO_A] as &[&str], 2),
        (&[TO_A, TO_B, TO_A], 3),
        (&[TO_START], 1),
    ] {
        let (mut client, requests) = answering(bodies);
        let pages = client.pages(&request(Method::Get, "contacts"));
        for _ in 0..good {
            assert!(client.next(pages).unwrap().is_some());
        }
        for _ in 0..2 {
            broken(client.next(pages).unwrap_err(), "one that an earlier page had");
        }
        assert_eq!(requests.lock().unwrap().len(), 1 + good);
    }
}

#[test]
fn a_link_that_leaves_the_environment_gets_nothing() {
    for link in [
        "https://evil.example/api/data/v9.2/contacts?$skiptoken=a",
        "https://contoso.crm.dynamics.com.evil.example/api/data/v9.2/contacts",
        "https://contoso.crm.dynamics.com@evil.example/api/data/v9.2/contacts",
        "http://contoso.crm.dynamics.com/api/data/v9.2/contacts",
        "https://contoso.crm.dynamics.com/main.aspx",
        "https://contoso.crm.dynamics.com/api/data/../../main.aspx",
        "//evil.example/api/data/v9.2/contacts",
        "../../../main.aspx",
        "",
        "\r\n",
    ] {
        let body = serde_json::json!({ "@odata.nextLink": link, "value": [] }).to_string();
        let (mut client, requests) = contoso(move || Reply::Answer(json_answer(200, &body)));
        let pages = client.pages(&request(Method::Get, "contacts"));
        assert!(client.next(pages).unwrap().is_some(), "the page itself is fine");
        for _ in 0..2 {
            broken(client.next(pages).unwrap_err(), "the link to the next page");
        }
        assert_eq!(requests.lock().unwrap().len(), 2, "{link}");
    }
}

#[test]
fn the_delta_link_comes_with_the_last_page() {
    let delta = format!("{ROOT}/contacts?$deltatoken=919042%2108%2f22%2f2017");
    let (mut client, requests) = answered(&contoso_settings(), move |request| {
        Reply::Answer(match request.uri().query() {
            None if request.uri().path().ends_with("/token") => token_answer(),
            None => json_answer(
                200,
                &format!(r#"{{"value":[],"@odata.nextLink":"{ROOT}/contacts?$skiptoken=2"}}"#),
            ),
            Some("$skiptoken=2") => json_answer(200, &format!(r#"{{"value":[],"@odata.deltaLink":"{delta}"}}"#)),
            Some(_) => json_answer(200, &format!(r#"{{"value":[],"@odata.deltaLink":"{delta}1"}}"#)),
        })
    });
    let query = with_header(request(Method::Get, "contacts"), "Prefer", "odata.track-changes");
    let pages = client.pages(&query);
    client.next(pages).unwrap().unwrap();
    assert_eq!(client.instance.delta_link(pages).unwrap(), None);
    client.next(pages).unwrap().unwrap();
    assert!(client.next(pages).unwrap().is_none());
    let link = client.instance.delta_link(pages).unwrap().unwrap();
    assert_eq!(link, format!("{ROOT}/contacts?$deltatoken=919042%2108%2f22%2f2017"));

    let changes = client.pages(&request(Method::Get, &link));
    client.next(changes).unwrap().unwrap();
    assert_eq!(client.instance.delta_link(changes).unwrap(), Some(format!("{link}1")));
    assert_eq!(requests.lock().unwrap().last().unwrap().uri().to_string(), link);
}

#[test]
fn only_a_get_has_pages() {
    let (mut client, requests) = answering(&["{}"]);
    let post = with_body(request(Method::Post, "contacts"), "{}");
    let refused = client.instance.odata_pages(Some(client.connection), &post).unwrap();
    let fields: Vec<_> = request_faults(refused.err().unwrap())
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(fields, ["method", "body"]);
    let evil = request(Method::Get, "https://evil.example/api/data/v9.2/contacts");
    let refused = client.instance.odata_pages(Some(client.connection), &evil).unwrap();
    assert_eq!(request_faults(refused.err().unwrap())[0].0, "path");
    assert!(requests.lock().unwrap().is_empty());
}

#[test]
fn changes_are_read_from_where_the_last_page_left_off() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let tracked = with_header(
        request(Method::Get, "contacts?$select=lastname"),
        "Prefer",
        "odata.track-changes,odata.maxpagesize=5",
    );
    let pages = client.pages(&tracked);
    while client.next(pages).unwrap().is_some() {}
    let link = client.instance.delta_link(pages).unwrap().unwrap();
    client.post("contacts", r#"{"lastname":"since then"}"#).unwrap();

    let changes = client.pages(&with_header(
        request(Method::Get, &link),
        "Prefer",
        "odata.maxpagesize=5",
    ));
    assert_eq!(names(&client.next(changes).unwrap().unwrap()), ["since then"]);
    assert!(client.next(changes).unwrap().is_none());
    assert!(client.instance.delta_link(changes).unwrap().is_some());
}

#[test]
fn memory_does_not_grow_with_the_pages() {
    const PAGES: usize = 200;
    const PAGE: usize = 1 << 20;
    const MEMORY: usize = 16 << 20;
    let at = AtomicUsize::new(0);
    let (mut client, _) = contoso(move || {
        let next = at.fetch_add(1, Ordering::SeqCst) + 1;
        let link = format!(r#","@odata.nextLink":"{ROOT}/contacts?$skiptoken={next}""#);
        let row = "x".repeat(PAGE);
        let link = if next < PAGES { link.as_str() } else { "" };
        Reply::Answer(json_answer(200, &format!(r#"{{"value":["{row}"]{link}}}"#)))
    });
    let pages = client.pages(&request(Method::Get, "contacts"));
    let mut count = 0;
    while client.next(pages).unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, PAGES);
    let memory = client.instance.peak_memory();
    assert!(memory <= MEMORY, "{memory} bytes");
}

#[test]
fn an_answer_that_is_no_page_does_not_end_the_query() {
    let login = "<html><body>Sign in</body></html>";
    for (status, content_type, body) in [
        (200, "text/html", login),
        (200, "application/json", login),
        (200, "text/plain", "down for maintenance"),
        (200, "", "?"),
        (200, "application/json", ""),
        (204, "application/json", ""),
        (200, "application/json", "[{}]"),
        (200, "application/json", r#"{"error":{"code":"0x0","message":"no"}}"#),
    ] {
        let turn = AtomicUsize::new(0);
        let (mut client, _) = contoso(move || {
            let json = [("content-type", "application/json")];
            Reply::Answer(match turn.fetch_add(1, Ordering::SeqCst) {
                0 => {
                    let link = "https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$skiptoken=2";
                    answer(200, &json, format!(r#"{{"value":[],"@odata.nextLink":"{link}"}}"#))
                }
                1 => answer(
                    status,
                    &[("content-type", content_type)][..usize::from(!content_type.is_empty())],
                    body,
                ),
                // The byte order mark that some servers put before JSON, and no type.
                _ => answer(200, &[], "\u{feff}{\"value\":[]}"),
            })
        });
        let pages = client.pages(&request(Method::Get, "contacts"));
        assert!(client.next(pages).unwrap().is_some());
        match client.next(pages).unwrap_err() {
            Error::Unavailable(outage) => assert_eq!(outage.cause, OutageCause::UnusableAnswer, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
        assert!(client.next(pages).unwrap().is_some(), "it is requested again: {body}");
        assert!(client.next(pages).unwrap().is_none());
    }
}
