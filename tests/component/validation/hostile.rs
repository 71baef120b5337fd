//! Wrong or unusable answers: uncertain findings are unknown, and unexpected effects are reported.

use std::sync::{Arc, Mutex};

use embedded_host::Reply;
use embedded_host::types::OutageCause;
use embedded_host::validation::{Outcome, Report, Verb, Verdict};
use http::{Request, Response};
use serde_json::json;

use super::{VERBS, ended, expect, line, try_run};
use crate::support::{
    Client, Requests, answer, answered, contoso_settings, dataverse_error, entra_error, json_answer, outage,
    throttling, token_answer,
};

const ID: &str = "20000000-0000-4000-8000-000000000001";

fn error(status: u16, code: &str, message: &str) -> Response<Vec<u8>> {
    json_answer(
        status,
        &json!({"error": {"code": code, "message": message}}).to_string(),
    )
}

/// An environment that knows the caller, has no other information, and answers the probes of tables with
/// this function.
fn environment(probe: impl Fn(&Request<Vec<u8>>) -> Response<Vec<u8>> + Send + Sync + 'static) -> (Client, Requests) {
    answered(&contoso_settings(), move |request| {
        let path = request.uri().path();
        Reply::Answer(if path.ends_with("/oauth2/v2.0/token") {
            token_answer()
        } else if path.ends_with("/WhoAmI") {
            let body = json!({"UserId": ID, "BusinessUnitId": ID, "OrganizationId": ID});
            json_answer(200, &body.to_string())
        } else if path.contains("contacts") || path.ends_with("$batch") {
            probe(request)
        } else {
            error(501, "0x80040216", "not here")
        })
    })
}

/// The same with answers that can be set.
struct Told {
    client: Client,
    answer: Arc<Mutex<Response<Vec<u8>>>>,
}

impl Told {
    fn new() -> Self {
        let answer = Arc::new(Mutex::new(answer(500, &[], "")));
        let told = Arc::clone(&answer);
        let (client, _) = environment(move |_| told.lock().unwrap().clone());
        Self { client, answer }
    }

    #[track_caller]
    fn probe(&mut self, verb: Verb, answer: Response<Vec<u8>>) -> Report {
        *self.answer.lock().unwrap() = answer;
        try_run(&mut self.client, &[expect("contacts", verb, true)]).unwrap()
    }
}

#[track_caller]
fn probe(verb: Verb, answer: impl Fn(&Request<Vec<u8>>) -> Response<Vec<u8>> + Send + Sync + 'static) -> Report {
    let (mut client, _) = environment(answer);
    try_run(&mut client, &[expect("contacts", verb, true)]).unwrap()
}

/// The row of a probe: in its path, or in the last part of its batch.
fn row(request: &Request<Vec<u8>>) -> String {
    let body = String::from_utf8_lossy(request.body());
    let text = format!("{} {body}", request.uri());
    let start = text.rfind("contacts(").unwrap() + "contacts(".len();
    text[start..start + 36].to_owned()
}

fn missing(request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    error(
        404,
        "0x80040217",
        &format!("contact With Id = {} Does Not Exist", row(request)),
    )
}

/// The answer to a batch whose change set failed with this error.
fn failed_set(status: u16, code: &str, message: &str) -> Response<Vec<u8>> {
    let body = json!({"error": {"code": code, "message": message}});
    let text = format!(
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 {status} X\r\n\
         Content-Type: application/json\r\n\r\n{body}\r\n--b--\r\n"
    );
    answer(status, &[("content-type", "multipart/mixed; boundary=b")], text)
}

const CHECKS: [&str; 4] = ["create contacts", "read contacts", "write contacts", "delete contacts"];

#[test]
fn what_is_not_certain_is_unknown() {
    let mut told = Told::new();
    let lacks = |privilege: &str| format!("Principal user is missing {privilege} privilege");
    for (status, code, message) in [
        (
            400,
            "0x80060888",
            "Could not find a property named 'createdon'".to_owned(),
        ),
        (400, "0x80040265", "a plug-in threw".to_owned()),
        (401, "", String::new()),
        (403, "", "Forbidden".to_owned()),
        (403, "0x80040220", "no privilege is named".to_owned()),
        (403, "0x80040220", lacks("prvAppendToAccount")),
        (403, "0x80040220", lacks("prvAssignContact")),
        (403, "0x80040220", lacks("prvActOnBehalfOfAnotherUser")),
        (
            403,
            "0x80072560",
            "The user is not a member of the organization.".to_owned(),
        ),
        (
            404,
            "0x80060888",
            "Resource not found for the segment 'contacts'.".to_owned(),
        ),
        (
            404,
            "0x80040217",
            "contact With Id = 99999999-0000-4000-8000-000000000000 Does Not Exist".to_owned(),
        ),
        (404, "0x80040217", String::new()),
        (405, "", "not allowed".to_owned()),
        (412, "0x80060882", "version".to_owned()),
        (429, "0x80072322", "slow down".to_owned()),
        (500, "0x80040216", "unexpected".to_owned()),
        (502, "", "bad gateway".to_owned()),
        (302, "", String::new()),
    ] {
        for (verb, check) in VERBS.into_iter().zip(CHECKS) {
            let report = told.probe(verb, error(status, code, &message));
            assert_eq!(
                line(&report, check).outcome,
                Outcome::Unknown,
                "{check} {status} {code} {message}"
            );
            assert!(report.observed.is_empty() && report.verdict == Verdict::Unknown);
        }
        let report = told.probe(Verb::Create, failed_set(status, code, &message));
        assert_eq!(
            line(&report, CHECKS[0]).outcome,
            Outcome::Unknown,
            "{status} {code} {message}"
        );
    }
}

#[test]
fn a_row_in_the_url_of_a_resource_that_is_not_there_says_nothing() {
    for verb in [Verb::Write, Verb::Delete, Verb::Create] {
        let report = probe(verb, |request| {
            let row = row(request);
            error(
                404,
                "",
                &format!("No HTTP resource was found that matches the request URI 'contacts({row})'."),
            )
        });
        assert_eq!(ended(&report, Outcome::Unknown).len(), 4 + 1, "{report:#?}");
    }
}

#[test]
fn what_is_no_answer_to_a_query_is_no_rows() {
    let mut told = Told::new();
    let html = || answer(200, &[("content-type", "text/html")], "<h1>Sign in</h1>");
    for (index, read) in [
        html(),
        json_answer(200, "{}"),
        json_answer(200, "[]"),
        json_answer(200, r#"{"value":{}}"#),
        json_answer(200, "{"),
        answer(204, &[], ""),
        answer(304, &[], ""),
    ]
    .into_iter()
    .enumerate()
    {
        let report = told.probe(Verb::Read, read);
        assert_eq!(line(&report, "read contacts").outcome, Outcome::Unknown, "{index}");
    }
    let report = told.probe(Verb::Read, json_answer(200, r#"{"value":[]}"#));
    assert_eq!(line(&report, "read contacts").found, "allowed");
}

#[test]
fn what_is_certain_is_told() {
    let mut told = Told::new();
    for (verb, check) in [(Verb::Write, "write contacts"), (Verb::Delete, "delete contacts")] {
        assert_eq!(line(&probe(verb, missing), check).found, "allowed");
        // The documentation's own example has an empty code.
        let empty = probe(verb, |request| {
            error(404, "", &format!("contact With Id = {} Does Not Exist", row(request)))
        });
        assert_eq!(line(&empty, check).found, "allowed");
        let access = told.probe(verb, error(403, "0x80048306", "SecLib::AccessCheckEx failed"));
        assert_eq!(line(&access, check).found, "not allowed (403 0x80048306)");
    }
    for (code, message, found) in [
        (
            "0x80040220",
            "missing prvCreateContact privilege",
            "not allowed (403 0x80040220, prvCreateContact is missing)",
        ),
        ("0x80040220", "missing prvWriteContact privilege", "allowed"),
        (
            "0x80048306",
            "does not have CreateAccess right",
            "not allowed (403 0x80048306)",
        ),
    ] {
        let report = told.probe(Verb::Create, failed_set(403, code, message));
        assert_eq!(line(&report, "create contacts").found, found);
    }
    let report = told.probe(
        Verb::Create,
        failed_set(403, "0x80048306", "does not have WriteAccess right"),
    );
    assert_eq!(line(&report, "create contacts").outcome, Outcome::Unknown);
}

#[test]
fn a_write_that_was_carried_out_is_told_loudly() {
    for (verb, check) in [(Verb::Write, "write contacts"), (Verb::Delete, "delete contacts")] {
        let report = probe(verb, |_| answer(204, &[], ""));
        let line = line(&report, check);
        // It fails although it was expected to be allowed.
        assert_eq!((line.outcome, report.verdict), (Outcome::Failed, Verdict::Failed));
        assert!(
            line.found
                .contains("carried out a request that should have failed: contacts("),
            "{line:?}"
        );
        assert!(line.advice.as_deref().unwrap().contains("data has changed"), "{line:?}");
    }
    let report = probe(Verb::Create, |_| {
        let text = format!(
            "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n\
             --c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
             HTTP/1.1 204 No Content\r\nOData-EntityId: https://contoso.crm.dynamics.com/api/data/v9.2/contacts({ID})\r\n\r\n\r\n\
             --c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
             HTTP/1.1 204 No Content\r\n\r\n\r\n--c--\r\n--b--\r\n"
        );
        answer(200, &[("content-type", "multipart/mixed; boundary=b")], text)
    });
    let line = line(&report, "create contacts");
    assert_eq!(line.outcome, Outcome::Failed, "{line:?}");
    assert!(line.found.ends_with(&format!("a row was created, {ID}")), "{line:?}");
}

#[test]
fn throttling_stops_what_would_follow() {
    let (mut client, requests) = environment(|_| error(429, "0x80072326", "too many at once"));
    let expectations = VERBS.map(|verb| expect("contacts", verb, true));
    let report = try_run(&mut client, &expectations).unwrap();
    assert_eq!(ended(&report, Outcome::Unknown).len(), 4 + 4);
    assert!(line(&report, "create contacts").found.contains("too many at once"));
    assert!(line(&report, "read contacts").found.starts_with("not checked, because"));
    let asked = requests.lock().unwrap();
    assert_eq!(
        asked
            .iter()
            .filter(|request| request.uri().path().ends_with("$batch"))
            .count(),
        1
    );
    assert!(!asked.iter().any(|request| request.uri().path().contains("contacts")));
}

#[test]
fn every_write_is_under_a_condition_and_about_a_row_of_its_own() {
    let (mut client, requests) = environment(|request| match *request.method() {
        http::Method::GET => json_answer(200, r#"{"value":[]}"#),
        _ => missing(request),
    });
    let expectations: Vec<_> = VERBS
        .into_iter()
        .cycle()
        .take(12)
        .map(|verb| expect("contacts", verb, true))
        .collect();
    try_run(&mut client, &expectations).unwrap();
    let requests = requests.lock().unwrap();
    let mut rows = Vec::new();
    for request in requests.iter() {
        let path = request.uri().path();
        if path.ends_with("$batch") {
            let body = String::from_utf8_lossy(request.body());
            assert_eq!(body.matches("multipart/mixed").count(), 1, "one change set");
            let (create, change) = body.split_once("PATCH ").unwrap();
            assert!(create.contains("POST ") && !change.contains("POST "));
            assert!(change.to_lowercase().contains("if-match: *"), "{body}");
            rows.push(row(request));
        } else if request.method() != http::Method::GET && path.contains("/api/data/") {
            assert_eq!(request.headers()["if-match"], "*");
            rows.push(row(request));
        }
    }
    assert_eq!(rows.len(), 9);
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 9, "no row twice");
}

#[test]
fn where_nothing_can_be_said_it_is_an_error() {
    let whoami = |response: fn() -> Response<Vec<u8>>| {
        let (mut client, _) = answered(&contoso_settings(), move |request| {
            Reply::Answer(if request.uri().path().ends_with("/oauth2/v2.0/token") {
                token_answer()
            } else {
                response()
            })
        });
        try_run(&mut client, &[])
    };
    assert_eq!(
        dataverse_error(whoami(|| answer(403, &[], "a proxy")).unwrap_err()).status,
        403
    );
    assert_eq!(dataverse_error(whoami(|| error(500, "", "")).unwrap_err()).status, 500);
    assert_eq!(throttling(whoami(|| error(429, "", "")).unwrap_err()).attempts, 1);
    let cause = outage(whoami(|| json_answer(200, "{}")).unwrap_err()).cause;
    assert_eq!(cause, OutageCause::UnusableAnswer);

    // A refused token means that token and environment do not match.
    let report = whoami(|| error(401, "", "")).unwrap();
    assert_eq!(ended(&report, Outcome::Failed), ["audience"]);
    assert!(line(&report, "audience").advice.as_deref().unwrap().contains("tenant"));

    let (mut client, _) = answered(&contoso_settings(), |_| {
        Reply::Answer(json_answer(
            401,
            r#"{"error":"invalid_client","error_codes":[7000215]}"#,
        ))
    });
    assert_eq!(
        entra_error(try_run(&mut client, &[]).unwrap_err()).error,
        "invalid_client"
    );
}

#[test]
fn what_the_environment_says_of_itself_is_compared() {
    let report = |detail: serde_json::Value| {
        let detail = json!({"Detail": detail}).to_string();
        let (mut client, _) = answered(&contoso_settings(), move |request| {
            let path = request.uri().path();
            Reply::Answer(if path.ends_with("/oauth2/v2.0/token") {
                token_answer()
            } else if path.ends_with("/WhoAmI") {
                let body = json!({"UserId": ID, "BusinessUnitId": ID, "OrganizationId": ID});
                json_answer(200, &body.to_string())
            } else if path.contains("RetrieveCurrentOrganization") {
                json_answer(200, &detail)
            } else {
                error(501, "0x80040216", "not here")
            })
        });
        try_run(&mut client, &[expect("contacts", Verb::Read, true)]).unwrap()
    };
    let outcomes = |report: &Report| (line(report, "tenant").outcome, line(report, "environment-url").outcome);
    let tenant = crate::support::TENANT;
    let endpoints = |url: &str| json!({"Values": ["nonsense", url]});
    for url in [
        "https://contoso.crm.dynamics.com/",
        "https://contoso.api.crm.dynamics.com/",
    ] {
        let fine = report(json!({"TenantId": tenant, "OrganizationType": 0, "Endpoints": endpoints(url)}));
        assert_eq!(outcomes(&fine), (Outcome::Passed, Outcome::Passed), "{url}");
        assert_eq!(line(&fine, "environment").found, "unnamed, 0: production");
    }
    let other =
        report(json!({"TenantId": ID, "Endpoints": endpoints("https://other.crm.dynamics.com/XRMServices/2011")}));
    assert_eq!(outcomes(&other), (Outcome::Failed, Outcome::Failed));
    for detail in [
        json!({}),
        json!({"TenantId": null, "Endpoints": {"Values": [1]}}),
        json!([]),
    ] {
        assert_eq!(outcomes(&report(detail)), (Outcome::Unknown, Outcome::Unknown));
    }
}

#[test]
fn no_secret_and_no_token_is_in_a_report() {
    let report = probe(Verb::Write, |request| {
        let token = request.headers()["authorization"].to_str().unwrap().to_owned();
        error(400, "0x1", &format!("you sent {token}"))
    });
    let text = format!("{report:?}");
    assert!(text.contains("you sent Bearer ***"), "{text}");
    assert!(!text.contains(crate::support::TOKEN) && !text.contains(crate::support::SECRET));
}
