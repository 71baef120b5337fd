//! Web API requests on the wire: URL, headers and body; and requests that are refused before anything is
//! sent.

use embedded_host::types::{Method, Options};
use embedded_host::{DEFAULT_OPTIONS, Network, Reply};

use crate::support::{
    Client, Requests, TOKEN, answer, answered, contoso, contoso_settings, json_answer, request, request_faults,
    token_answer, with_body, with_header, with_options,
};

fn fine() -> Reply {
    Reply::Answer(json_answer(200, "{}"))
}

/// The request to Dataverse, after the one for the token.
fn sent(requests: &Requests) -> http::Request<Vec<u8>> {
    let mut requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 2);
    requests.pop().unwrap()
}

#[test]
fn a_read_carries_the_standard_headers_and_no_body() {
    let (mut client, requests) = contoso(fine);
    client.get("contacts?$top=1").unwrap();
    let sent = sent(&requests);
    assert_eq!(sent.method(), "GET");
    assert_eq!(
        sent.uri(),
        "https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$top=1"
    );
    let headers = sent.headers();
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(headers["accept"], "application/json");
    assert_eq!(headers["odata-version"], "4.0");
    assert_eq!(headers["odata-maxversion"], "4.0");
    assert_eq!(headers["x-ms-client-request-id"].len(), 36);
    assert!(headers["user-agent"].to_str().unwrap().starts_with("raia-dynamics365/"));
    assert!(!headers.contains_key("content-length") && !headers.contains_key("content-type"));
    assert!(sent.body().is_empty());
}

#[test]
fn queries_go_out_as_they_are_documented() {
    for (path, target) in [
        (
            "accounts?$filter=Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',PropertyValues=[\"5\",\"2000\"])",
            "accounts?$filter=Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',PropertyValues=%5B%225%22,%222000%22%5D)",
        ),
        (
            "accounts?$filter=createdon ge 2024-01-01T00:00:00+01:00",
            "accounts?$filter=createdon%20ge%202024-01-01T00:00:00%2B01:00",
        ),
    ] {
        let (mut client, requests) = contoso(fine);
        client.get(path).unwrap();
        assert_eq!(
            sent(&requests).uri(),
            format!("https://contoso.crm.dynamics.com/api/data/v9.2/{target}").as_str()
        );
    }
}

#[test]
fn a_write_carries_its_length_and_type() {
    for (method, name) in [(Method::Post, "POST"), (Method::Patch, "PATCH"), (Method::Put, "PUT")] {
        let (mut client, requests) = contoso(fine);
        client
            .send(&with_body(request(method, "contacts"), r#"{"lastname":"Müller"}"#))
            .unwrap();
        let sent = sent(&requests);
        assert_eq!(sent.method(), name);
        assert_eq!(sent.headers()["content-type"], "application/json");
        assert_eq!(sent.headers()["content-length"], "22");
        assert_eq!(sent.body(), r#"{"lastname":"Müller"}"#.as_bytes());
    }
}

#[test]
fn a_write_without_a_body_says_so() {
    let (mut client, requests) = contoso(fine);
    client.send(&request(Method::Post, "Do()")).unwrap();
    assert_eq!(sent(&requests).headers()["content-length"], "0");
}

#[test]
fn the_callers_headers_are_sent() {
    let (mut client, requests) = contoso(fine);
    let asked = with_header(request(Method::Get, "contacts"), "Prefer", "odata.maxpagesize=5");
    let asked = with_header(asked, "CallerObjectId", "00000000-0000-0000-0000-000000000009");
    let asked = with_header(asked, "x-ms-client-request-id", "mine");
    client.send(&asked).unwrap();
    let sent = sent(&requests);
    assert_eq!(sent.headers()["prefer"], "odata.maxpagesize=5");
    assert_eq!(sent.headers()["callerobjectid"], "00000000-0000-0000-0000-000000000009");
    assert_eq!(sent.headers()["x-ms-client-request-id"], "mine");
    assert_eq!(sent.headers().get_all("x-ms-client-request-id").iter().count(), 1);
}

#[test]
fn paths_are_encoded_once() {
    for (path, sent_as) in [
        (
            "contacts?$filter=lastname eq 'O''Brien'",
            "contacts?$filter=lastname%20eq%20'O''Brien'",
        ),
        (
            "contacts?$filter=lastname%20eq%20'O''Brien'",
            "contacts?$filter=lastname%20eq%20'O''Brien'",
        ),
        (
            "accounts?$filter=name eq 'Łódź & Söhne'",
            "accounts?$filter=name%20eq%20'%C5%81%C3%B3d%C5%BA%20%26%20S%C3%B6hne'",
        ),
        ("", ""),
    ] {
        let (mut client, requests) = contoso(fine);
        client.get(path).unwrap();
        let expected = format!("https://contoso.crm.dynamics.com/api/data/v9.2/{sent_as}");
        assert_eq!(sent(&requests).uri().to_string(), expected);
    }
}

#[test]
fn a_link_of_the_environment_is_followed_as_it_is() {
    let link = "https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$skiptoken=%3Ccookie%20pagenumber=%222%22%20x=%22%253c%2522%22/%3E";
    let (mut client, requests) = contoso(fine);
    client.get(link).unwrap();
    assert_eq!(sent(&requests).uri().to_string(), link);
}

#[test]
fn what_is_wrong_is_refused_before_anything_is_sent() {
    let get = |path: &str| request(Method::Get, path);
    let cases = [
        (get("../../main.aspx"), "path", "dot segment"),
        (get("contacts/%2e%2e/%2e%2e/%2e%2e/x"), "path", "dot segment"),
        (get("/api/data/v9.2/contacts"), "path", "slash"),
        (get("contacts?$filter=lastname eq 'O'Brien'"), "path", "unpaired"),
        (get("contacts?x=1 HTTP/1.1\r\nX-Evil: 1"), "path", "line break"),
        (
            get("https://evil.example/api/data/v9.2/contacts"),
            "path",
            "points to https://evil.example",
        ),
        (
            get("https://contoso.crm.dynamics.com.evil.example/api/data/v9.2/x"),
            "path",
            "points to",
        ),
        (
            get("http://contoso.crm.dynamics.com/api/data/v9.2/contacts"),
            "path",
            "is http",
        ),
        (get("https://contoso.crm.dynamics.com/main.aspx"), "path", "/api/data/"),
        (
            with_header(get("x"), "Authorization", "Bearer mine"),
            "headers.authorization",
            "cannot be set by the caller",
        ),
        (
            with_header(get("x"), "Host", "evil.example"),
            "headers.host",
            "cannot be set by the caller",
        ),
        (
            with_header(get("x"), "Prefer", "a\r\nX-Evil: 1"),
            "headers.prefer",
            "line break",
        ),
        (with_header(get("x"), "X-Evil: 1\r\nX", "a"), "headers", "name"),
        (with_body(get("x"), "{}"), "body", "GET has no body"),
        (
            with_body(request(Method::Delete, "x"), "{}"),
            "body",
            "DELETE has no body",
        ),
        (
            with_body(request(Method::Post, "x"), vec![b' '; 1001]),
            "body",
            "1001 bytes, more than the 1000",
        ),
    ];
    let settings = with_options(
        contoso_settings(),
        Options {
            max_request_bytes: Some(1000),
            ..DEFAULT_OPTIONS
        },
    );
    let network = Network::answered(|request| panic!("sent {} {}", request.method(), request.uri()));
    let mut client = Client::open(&settings, network);
    for (request, field, reason) in cases {
        let faults = request_faults(client.send(&request).unwrap_err());
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].0, field);
        assert!(faults[0].1.contains(reason), "{faults:?}");
    }
    let mut many = get("x");
    many.headers = (0..30_000).map(|n| (format!("x-{n}"), "a".to_owned())).collect();
    assert_eq!(request_faults(client.send(&many).unwrap_err())[0].0, "headers");
    let deep = get(&format!("%{}2e", "25".repeat(500_000)));
    assert_eq!(request_faults(client.send(&deep).unwrap_err())[0].0, "path");

    let several = with_header(with_body(get("../x"), "{}"), "Host", "x");
    assert_eq!(
        request_faults(client.send(&several).unwrap_err()).len(),
        3,
        "all at once"
    );
}

#[test]
fn bodies_of_any_size_arrive_whole() {
    for size in [
        0,
        1,
        4095,
        4096,
        4097,
        65_536,
        65_537,
        1 << 20,
        (1 << 20) + 1,
        3_000_000,
    ] {
        let (mut client, requests) = contoso(fine);
        let body: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        client
            .send(&with_body(request(Method::Post, "contacts"), body.clone()))
            .unwrap();
        let sent = sent(&requests);
        assert_eq!(sent.headers()["content-length"], size.to_string());
        assert!(*sent.body() == body, "{size} bytes");
    }
}

#[test]
fn a_body_of_exactly_the_limit_is_sent() {
    let settings = with_options(
        contoso_settings(),
        Options {
            max_request_bytes: Some(1000),
            ..DEFAULT_OPTIONS
        },
    );
    let (mut client, requests) = answered(&settings, |request| {
        let is_token = request.uri().path().contains("/oauth2/");
        Reply::Answer(if is_token { token_answer() } else { answer(204, &[], "") })
    });
    client
        .send(&with_body(request(Method::Post, "contacts"), vec![b' '; 1000]))
        .unwrap();
    assert_eq!(sent(&requests).body().len(), 1000);
}
