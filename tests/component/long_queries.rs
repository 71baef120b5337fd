//! Queries that are too long for a plain request.

use embedded_host::Reply;
use embedded_host::types::{Error, Method, Response};

use crate::support::{Tenant, answer, contoso, json_answer, outage, request, request_faults, with_header};

/// A query of this many characters, for the sandbox's contacts.
fn query(origin: &str, length: usize) -> String {
    let start = "contacts?$select=lastname&$top=2&$filter=lastname ne '";
    // Three of the characters are spaces, which become %20.
    let rest = length - origin.len() - "/api/data/v9.2/".len() - start.len() - 2 * start.matches(' ').count() - 1;
    format!("{start}{}'", "x".repeat(rest))
}

#[test]
fn a_query_too_long_for_a_url_goes_in_a_batch_and_nobody_notices() {
    let tenant = Tenant::start();
    let origin = tenant.sandbox.origin();
    let mut client = tenant.client();
    let plain = client.get("contacts?$select=lastname&$top=2").unwrap();
    for (length, in_batch) in [(32_768, false), (32_769, true), (65_536, true)] {
        let response = client.get(&query(&origin, length)).unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.body, plain.body, "{length}");
        let header = |response: &Response, name: &str| {
            let found = response.headers.iter().find(|(given, _)| given == name);
            found.map(|(_, value)| value.clone())
        };
        for name in ["content-type", "odata-version"] {
            assert_eq!(header(&response, name), header(&plain, name), "{name}");
        }
        let last = tenant.sandbox.requests().pop().unwrap();
        assert_eq!(last.path_and_query.ends_with("$batch"), in_batch, "{length}");
    }
    let before = tenant.counts();
    let faults = request_faults(client.get(&query(&origin, 65_537)).unwrap_err());
    assert_eq!(faults[0].0, "path");
    let long = request(Method::Delete, &query(&origin, 32_769));
    assert_eq!(
        request_faults(client.send(&long).unwrap_err())[0].0,
        "path",
        "only a read"
    );
    assert_eq!(tenant.counts(), before, "nothing was sent");
}

#[test]
fn a_long_query_fails_as_a_short_one_does() {
    let part = |status: u16, head: &str, body: &str| {
        let part = format!(
            "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {status}\r\nContent-Type: application/json\r\n{head}\r\n{body}\r\n--b--"
        );
        answer(
            status,
            &[("content-type", "multipart/mixed; boundary=b"), ("x-left", "7")],
            part,
        )
    };
    let read = |answer: http::Response<Vec<u8>>| {
        let (mut client, _) = contoso(move || Reply::Answer(answer.clone()));
        let long = with_header(
            request(Method::Get, &format!("contacts?$filter={}", "x".repeat(40_000))),
            "x-ms-client-request-id",
            "mine",
        );
        client.send(&long)
    };
    let page = read(part(
        200,
        "ETag: W/\"1\"\r\n",
        r#"{"@odata.nextLink":"next","@odata.deltaLink":"delta"}"#,
    ))
    .unwrap();
    assert_eq!(
        (page.next_link.as_deref(), page.delta_link.as_deref()),
        (
            Some("https://contoso.crm.dynamics.com/api/data/v9.2/next"),
            Some("https://contoso.crm.dynamics.com/api/data/v9.2/delta")
        )
    );
    assert_eq!(page.etag.as_deref(), Some("W/\"1\""));
    assert!(page.headers.contains(&("x-left".to_owned(), "7".to_owned())));

    let body = r#"{"error":{"code":"0x80060888","message":"what?"}}"#;
    for answer in [part(400, "REQ_ID: r\r\n", body), json_answer(400, body)] {
        match read(answer).unwrap_err() {
            Error::Dataverse(error) => {
                assert_eq!((error.status, error.code.as_str()), (400, "0x80060888"));
                assert_eq!(error.client_request_id, "mine");
                assert!(!error.may_have_taken_effect);
            }
            other => panic!("{other:?}"),
        }
    }
    match read(part(429, "Retry-After: 9999\r\n", body)).unwrap_err() {
        Error::Throttled(throttling) => assert_eq!(throttling.retry_after_seconds, Some(9999)),
        other => panic!("{other:?}"),
    }
    for unusable in [
        answer(200, &[("content-type", "multipart/mixed; boundary=b")], "--b--"),
        answer(200, &[("content-type", "multipart/mixed; boundary=b")], "--b\r\n"),
        answer(400, &[("content-type", "multipart/mixed")], "--b--"),
        json_answer(200, "{}"),
    ] {
        let outage = outage(read(unusable).unwrap_err());
        assert!(!outage.may_have_taken_effect);
    }
}
