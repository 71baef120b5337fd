//! Answers: extracted links and ids, and Dataverse's errors with all their fields. The modules play answers
//! as they come in the real world, as bytes.

mod codes;
mod echoes;
mod errors;
mod marks;
mod rows;
mod strangers;
mod wire;

use embedded_host::Reply;
use embedded_host::types::{Error, Method, OutageCause, Service};

use crate::support::{
    TOKEN, answer, answered, contoso, contoso_settings, dataverse_error, json_answer, outage, request,
};

/// The outcome of a read with this answer.
fn read(
    reply: impl Fn() -> http::Response<Vec<u8>> + Send + Sync + 'static,
) -> Result<embedded_host::types::Response, Error> {
    contoso(move || Reply::Answer(reply())).0.get("contacts")
}

#[test]
fn links_and_etag_are_dug_out() {
    let response = read(|| {
        json_answer(
            200,
            r#"{"@odata.context":"x","@odata.etag":"W/\"7\"","value":[{"@odata.nextLink":"not this one"}],
                "@odata.nextLink":"https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$skiptoken=x",
                "@odata.deltaLink":"https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$deltatoken=y"}"#,
        )
    })
    .unwrap();
    assert_eq!(
        response.next_link.as_deref(),
        Some("https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$skiptoken=x")
    );
    assert_eq!(
        response.delta_link.as_deref(),
        Some("https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$deltatoken=y")
    );
    assert_eq!(response.etag.as_deref(), Some("W/\"7\""));
    assert_eq!((response.entity_url, response.entity_id), (None, None));
}

#[test]
fn the_id_of_a_new_row_is_dug_out() {
    let url = "https://contoso.crm.dynamics.com/api/data/v9.2/contacts(00000000-0000-0000-0000-00000000000a)";
    let response = read(move || answer(204, &[("OData-EntityId", url), ("etag", "W/\"8\"")], "")).unwrap();
    assert_eq!(response.entity_url.as_deref(), Some(url));
    assert_eq!(
        response.entity_id.as_deref(),
        Some("00000000-0000-0000-0000-00000000000a")
    );
    assert_eq!(response.etag.as_deref(), Some("W/\"8\""));

    let by_key = read(|| answer(204, &[("OData-EntityId", "https://x/accounts(number='(1)')")], "")).unwrap();
    assert_eq!(by_key.entity_id, None, "an alternate key is not an id");
}

#[test]
fn headers_come_as_they_are_but_cookies_do_not() {
    let response = read(|| {
        answer(
            200,
            &[
                ("x-ms-service-request-id", "one"),
                ("Set-Cookie", "ARRAffinity=x"),
                ("x-ms-service-request-id", "two"),
                ("x-ms-ratelimit-time-remaining-xrm-requests", "1,200.00"),
            ],
            "",
        )
    })
    .unwrap();
    let ids: Vec<_> = response
        .headers
        .iter()
        .filter(|(name, _)| name == "x-ms-service-request-id")
        .collect();
    assert_eq!(
        ids.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
        ["one", "two"]
    );
    assert!(response.headers.iter().all(|(name, _)| name != "set-cookie"));
    assert!(
        response
            .headers
            .contains(&("x-ms-ratelimit-time-remaining-xrm-requests".into(), "1,200.00".into()))
    );
}

#[test]
fn bodies_that_are_not_json_objects_are_left_alone() {
    for (content_type, body) in [
        ("application/json", ""),
        ("application/json", "[1, 2]"),
        ("application/json", " null"),
        ("text/plain", "17"),
        ("application/octet-stream", "{\"@odata.nextLink\": broken"),
        ("application/xml", "<edmx/>"),
    ] {
        let response = read(move || answer(200, &[("content-type", content_type)], body)).unwrap();
        assert_eq!(response.body, body.as_bytes());
        assert_eq!(response.next_link, None);
    }
}

#[test]
fn broken_json_is_not_taken_for_a_last_page() {
    for body in [r#"{"value":[], "@odata.nextLi"#, "{]", "{\"@odata.nextLink\": 5}"] {
        let outage = outage(read(move || json_answer(200, body)).unwrap_err());
        assert_eq!(
            (outage.cause, outage.status),
            (OutageCause::UnusableAnswer, Some(200)),
            "{body}"
        );
    }
}

#[test]
fn not_modified_is_an_answer() {
    let response = read(|| answer(304, &[("etag", "W/\"1\"")], "")).unwrap();
    assert_eq!((response.status, response.etag.as_deref()), (304, Some("W/\"1\"")));
}

#[test]
fn every_size_of_answer_arrives_whole() {
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
        let body: Vec<u8> = (0..size).map(|n: usize| (n % 251) as u8).collect();
        let sent = body.clone();
        let response = read(move || answer(200, &[], sent.clone())).unwrap();
        assert!(response.body == body, "{size} bytes");
    }
}

#[test]
fn errors_come_with_all_they_say() {
    let error = dataverse_error(
        read(|| {
            let body = r#"{"error":{"code":"0x80040220","message":"missing prvReadContact","innererror":{"x":1}}}"#;
            let mut answer = json_answer(403, body);
            for (name, value) in [
                ("x-ms-service-request-id", "one"),
                ("x-ms-service-request-id", "two"),
                ("REQ_ID", "three"),
            ] {
                answer.headers_mut().append(name, value.parse().unwrap());
            }
            answer
        })
        .unwrap_err(),
    );
    assert_eq!(
        (error.status, error.code.as_str(), error.message.as_str()),
        (403, "0x80040220", "missing prvReadContact")
    );
    assert_eq!(error.request_id.as_deref(), Some("three"));
    assert_eq!(error.client_request_id.len(), 36);
}

#[test]
fn the_request_id_is_found_without_req_id() {
    for headers in [
        [("x-ms-service-request-id", "one"), ("x-ms-service-request-id", "two")].as_slice(),
        [("x-ms-service-request-id", "one, two")].as_slice(),
    ] {
        let error = dataverse_error(read(move || answer(404, headers, "")).unwrap_err());
        assert_eq!(error.request_id.as_deref(), Some("two"));
    }
}

#[test]
fn other_shapes_of_errors_are_understood() {
    for (body, code, message) in [
        (r#"{"error":{"code":"","message":"no code"}}"#, "", "no code"),
        (r#"{"error":{"message":"no code"}}"#, "", "no code"),
        (r#"{"Message":"flat","ErrorCode":"0x1"}"#, "0x1", "flat"),
        (r#"{"Message":"flat","ErrorCode":-2147220969}"#, "0x80040217", "flat"),
        (
            r#"{"Message":"An error has occurred.","ExceptionMessage":"why","ExceptionType":"x"}"#,
            "",
            "why",
        ),
    ] {
        let error = dataverse_error(read(move || json_answer(400, body)).unwrap_err());
        assert_eq!((error.code.as_str(), error.message.as_str()), (code, message), "{body}");
    }
}

#[test]
fn an_error_that_is_not_json_keeps_its_status_and_begins_to_say_why() {
    let page = "<html>\r\n  <b>Forbidden</b> by a proxy</html>";
    let error = dataverse_error(read(move || answer(403, &[("content-type", "text/html")], page)).unwrap_err());
    assert_eq!((error.status, error.code.as_str()), (403, ""));
    assert!(
        error.message.contains("text/html") && error.message.contains("<b>Forbidden</b> by a proxy"),
        "{error:?}"
    );
    // A header may repeat a part of the request, too.
    let part = &TOKEN[..12];
    let content_type = format!("text/html; charset={part}");
    let error = dataverse_error(read(move || answer(403, &[("content-type", &content_type)], "no")).unwrap_err());
    assert!(
        error.message.contains("text/html") && !error.message.contains(part),
        "{}",
        error.message
    );

    let error = dataverse_error(read(|| answer(500, &[], "")).unwrap_err());
    assert!(error.message.contains("no content type, 0 bytes"), "{error:?}");

    let error = dataverse_error(read(|| answer(500, &[], "x".repeat(100_000))).unwrap_err());
    assert!(error.message.len() < 500, "{} bytes", error.message.len());
}

#[test]
fn an_error_that_repeats_the_token_does_not_give_it_away() {
    // As long as real tokens.
    let token = "0123456789".repeat(200);
    for content_type in ["text/plain", "application/json"] {
        let body = format!(r#"{{"error":{{"code":"{token}","message":"you sent Bearer {token}"}}}}"#);
        let granted = format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{token}"}}"#);
        let (mut client, _) = answered(&contoso_settings(), move |request| {
            Reply::Answer(if request.uri().path().contains("/oauth2/") {
                json_answer(200, &granted)
            } else {
                answer(400, &[("content-type", content_type)], body.clone())
            })
        });
        let error = dataverse_error(client.get("contacts").unwrap_err());
        assert!(
            error.message.contains("***") && !format!("{error:?}").contains("0123456789"),
            "{error:?}"
        );
    }
}

#[test]
fn a_write_that_dataverse_failed_at_may_have_taken_effect() {
    for (status, may) in [
        (400, false),
        (403, false),
        (412, false),
        (408, true),
        (500, true),
        (501, true),
    ] {
        let reply = move || Reply::Answer(json_answer(status, r#"{"error":{"code":"0x80040216","message":"x"}}"#));
        let (mut client, _) = contoso(reply);
        let write = dataverse_error(client.post("contacts", "{}").unwrap_err());
        assert_eq!((write.status, write.may_have_taken_effect), (status, may));
        assert!(!dataverse_error(client.get("contacts").unwrap_err()).may_have_taken_effect);
    }
}

#[test]
fn the_answer_to_a_batch_is_handed_over_whole() {
    let body = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--b--\r\n";
    for status in [200, 400, 401, 429, 500] {
        let (mut client, requests) =
            contoso(move || Reply::Answer(answer(status, &[("content-type", "multipart/mixed; boundary=b")], body)));
        let response = client.post("$batch", "--x--").unwrap();
        assert_eq!((response.status, response.body.as_slice()), (status, body.as_bytes()));
        assert_eq!(requests.lock().unwrap().len(), 2, "not sent again");
    }
}

#[test]
fn an_outage_says_what_dataverse_said() {
    let reply = || {
        let headers = [
            ("content-type", "application/json"),
            ("retry-after", "9"),
            ("REQ_ID", "the-id"),
        ];
        Reply::Answer(answer(
            503,
            &headers,
            r#"{"error":{"code":"0x80044150","message":"SQL"}}"#,
        ))
    };
    let outage = outage(contoso(reply).0.get("contacts").unwrap_err());
    assert_eq!(
        (outage.retry_after_seconds, outage.request_id.as_deref()),
        (Some(9), Some("the-id"))
    );
    assert!(
        outage.detail.contains("0x80044150") && outage.detail.contains("contoso.crm.dynamics.com"),
        "{outage:?}"
    );
}

#[test]
fn each_service_protection_limit_is_throttling() {
    for code in ["0x80072322", "0x80072321", "0x80072326"] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"too much"}}}}"#);
        let reply = move || {
            let headers = [
                ("content-type", "application/json"),
                ("retry-after", "37"),
                ("REQ_ID", "r"),
            ];
            Reply::Answer(answer(429, &headers, body.clone()))
        };
        let (mut client, requests) = contoso(reply);
        match client.send(&request(Method::Post, "contacts")).unwrap_err() {
            Error::Throttled(throttling) => {
                assert_eq!(throttling.service, Service::Dataverse);
                assert_eq!(throttling.retry_after_seconds, Some(37));
                assert_eq!(
                    (throttling.code.as_str(), throttling.message.as_str()),
                    (code, "too much")
                );
                assert_eq!(throttling.request_id.as_deref(), Some("r"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(requests.lock().unwrap().len(), 2, "not sent again");
    }
}

#[test]
fn throttling_without_a_wait_or_json_is_still_throttling() {
    match read(|| answer(429, &[], "slow down")).unwrap_err() {
        Error::Throttled(throttling) => {
            assert_eq!(throttling.retry_after_seconds, None);
            assert!(throttling.message.contains("slow down"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_who_am_i_is_not_an_identity() {
    for body in [
        "{}",
        "[]",
        r#"{"UserId":"x","BusinessUnitId":"y","OrganizationId":"z"}"#,
        "",
    ] {
        let (mut client, _) = contoso(move || Reply::Answer(json_answer(200, body)));
        assert_eq!(
            outage(client.whoami().unwrap_err()).cause,
            OutageCause::UnusableAnswer,
            "{body}"
        );
    }
}
