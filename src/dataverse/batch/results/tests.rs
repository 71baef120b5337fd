use super::*;
use http::Method;

use crate::contract::types::{self, OutageCause};
use crate::dataverse::batch::DraftPart;
use crate::dataverse::batch::tests::{batch, named, request};
use crate::error::{Error, Failed};
use crate::http::origin::Origin;

const CREATED: &str =
    "HTTP/1.1 204 No Content\r\nOData-EntityId: https://x/contacts(00000000-0000-0000-0000-00000000000a)\r\n\r\n";
const MISSING: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nREQ_ID: the-id\r\n\r\n{\"error\":{\"code\":\"0x80040217\",\"message\":\"none\"}}";
const CREATED_ID: &str = "00000000-0000-0000-0000-00000000000a";

fn part(boundary: &str, head: &str, response: &str) -> String {
    format!("--{boundary}\r\nContent-Type: application/http\r\n{head}\r\n{response}\r\n")
}

fn one(response: &str) -> String {
    part("b", "", response)
}

fn set(responses: &[(&str, &str)]) -> String {
    let parts: String = responses
        .iter()
        .map(|(head, response)| part("c", head, response))
        .collect();
    format!("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{parts}--c--\r\n")
}

fn multipart(status: u16, parts: &[String]) -> Response<Vec<u8>> {
    let body = parts.concat() + "--b--\r\n";
    whole(status, "multipart/mixed; boundary=b", &body)
}

fn whole(status: u16, content_type: &str, body: &str) -> Response<Vec<u8>> {
    let answer = Response::builder().status(status).header("content-type", content_type);
    answer.body(body.as_bytes().to_vec()).unwrap()
}

fn get() -> Item<DraftPart> {
    Item::Request(request(Method::GET, "contacts", None))
}

fn create() -> Item<DraftPart> {
    Item::Request(request(Method::POST, "contacts", Some("{}")))
}

fn create_two() -> Item<DraftPart> {
    let create = || request(Method::POST, "contacts", Some("{}"));
    Item::ChangeSet(vec![named("first", create()), create()])
}

fn results_of(batch: &Batch, answer: Response<Vec<u8>>) -> Result<Vec<PartResult>, types::Error> {
    let origin = Origin::parse("https://contoso.crm.dynamics.com").unwrap();
    let failed = |reason| Error::from(Failed::once(batch.request().asked(&origin), reason)).into();
    batch.results(answer, "the-token", 0).map_err(failed)
}

/// A short form: the status of an answer, negative for an error, 0 for a request that was not run.
fn short(items: Vec<Item<DraftPart>>, answer: Response<Vec<u8>>) -> Result<Vec<i32>, (OutageCause, bool)> {
    let batch = batch(items, false).unwrap();
    shortened(results_of(&batch, answer))
}

fn shortened(results: Result<Vec<PartResult>, types::Error>) -> Result<Vec<i32>, (OutageCause, bool)> {
    match results {
        Ok(results) => Ok(results
            .iter()
            .map(|result| match result {
                PartResult::Done(response) => i32::from(response.status.as_u16()),
                PartResult::Refused(error) => -i32::from(error.refusal.status),
                PartResult::NotRun => 0,
            })
            .collect()),
        Err(types::Error::Unavailable(outage)) => Err((outage.cause, outage.may_have_taken_effect)),
        Err(other) => panic!("{other:?}"),
    }
}

const UNUSABLE: Result<Vec<i32>, (OutageCause, bool)> = Err((OutageCause::UnusableAnswer, true));

#[test]
fn each_request_gets_its_answer() {
    let answer = || {
        multipart(
            200,
            &[
                one(CREATED),
                set(&[("Content-ID: first\r\n", CREATED), ("Content-ID: 1\r\n", CREATED)]),
                one("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"@odata.nextLink\":\"x\"}"),
            ],
        )
    };
    let items = || vec![create(), create_two(), get()];
    assert_eq!(short(items(), answer()).unwrap(), [204, 204, 204, 200]);
    let batch = batch(items(), false).unwrap();
    let results = results_of(&batch, answer()).unwrap();
    match (&results[0], &results[3]) {
        (PartResult::Done(created), PartResult::Done(read)) => {
            assert_eq!(created.entity_id(), Some(CREATED_ID));
            assert_eq!(
                read.control.next_link.as_deref(),
                Some("https://contoso.crm.dynamics.com/api/data/v9.2/x")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_answers_to_a_change_set_may_come_in_any_order() {
    let tagged = |tag: &str| format!("HTTP/1.1 200 OK\r\nETag: {tag}\r\n\r\n");
    let etags = |heads: [&str; 2]| {
        let (a, b) = (tagged("a"), tagged("b"));
        let answer = multipart(200, &[set(&[(heads[0], &a), (heads[1], &b)])]);
        let batch = batch(vec![create_two()], false).unwrap();
        results_of(&batch, answer).map(|results| {
            results
                .into_iter()
                .map(|result| match result {
                    PartResult::Done(response) => response.etag().unwrap().to_owned(),
                    other => panic!("{other:?}"),
                })
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(etags(["", ""]).unwrap(), ["a", "b"]);
    assert_eq!(
        etags(["Content-ID: first\r\n", "Content-ID: 1\r\n"]).unwrap(),
        ["a", "b"]
    );
    assert_eq!(
        etags(["Content-ID: 1\r\n", "Content-ID: first\r\n"]).unwrap(),
        ["b", "a"]
    );
    for heads in [
        ["Content-ID: first\r\n", ""],
        ["Content-ID: 1\r\n", "Content-ID: 1\r\n"],
        ["Content-ID: first\r\n", "Content-ID: 2\r\n"],
    ] {
        assert_eq!(shortened(etags(heads).map(|_| Vec::new())), UNUSABLE, "{heads:?}");
    }
}

#[test]
fn what_comes_after_the_first_failure_is_not_run() {
    let items = || vec![create(), get(), create_two(), create()];
    assert_eq!(
        short(items(), multipart(404, &[one(CREATED), one(MISSING)])).unwrap(),
        [204, -404, 0, 0, 0]
    );
    // Answers after the first failure are accepted.
    let all = [
        one(CREATED),
        one(MISSING),
        set(&[("", CREATED), ("", CREATED)]),
        one(CREATED),
    ];
    assert_eq!(
        short(items(), multipart(200, &all)).unwrap(),
        [204, -404, 204, 204, 204]
    );
}

#[test]
fn a_change_set_that_failed_is_refused_as_a_whole() {
    for failure in [
        one(MISSING),
        set(&[("", MISSING)]),
        set(&[("", CREATED), ("", MISSING)]),
        set(&[("Content-ID: 1\r\n", MISSING), ("Content-ID: first\r\n", CREATED)]),
    ] {
        let items = vec![create_two(), create()];
        assert_eq!(short(items, multipart(404, &[failure])).unwrap(), [-404, -404, 0]);
    }
    let batch = batch(vec![create_two()], false).unwrap();
    for result in results_of(&batch, multipart(404, &[one(MISSING)])).unwrap() {
        match result {
            PartResult::Refused(error) => {
                assert_eq!(error.refusal.code, "0x80040217");
                assert_eq!(error.refusal.request_id.as_deref(), Some("the-id"));
                assert!(!error.may_have_taken_effect);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn answers_that_do_not_match_the_requests_are_unusable() {
    let two = || set(&[("", CREATED), ("", CREATED)]);
    for parts in [
        vec![],
        vec![one(CREATED)],
        vec![one(CREATED), two(), one(CREATED)],
        vec![two(), one(CREATED)],
        vec![one(CREATED), one(CREATED)],
        vec![one(CREATED), set(&[("", CREATED)])],
        vec![one(CREATED), set(&[("", CREATED); 3])],
        vec![one(CREATED), set(&[])],
        vec![one(MISSING), two(), one(MISSING)],
        vec![one("HTTP/1.1 302 Found\r\n\r\n"), two()],
        vec![
            one("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"value\":["),
            two(),
        ],
        vec![one("HTTP/1.1 100 Continue\r\n\r\n"), two()],
    ] {
        assert_eq!(
            short(vec![create(), create_two()], multipart(200, &parts)),
            UNUSABLE,
            "{parts:?}"
        );
    }
    // A malformed answer to a read makes the results of the writes uncertain.
    let broken = one("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{");
    assert_eq!(
        short(vec![get(), create()], multipart(200, &[broken, one(CREATED)])),
        UNUSABLE
    );
}

#[test]
fn with_continue_on_error_every_request_has_an_answer() {
    let batch = batch(vec![create(), create()], true).unwrap();
    let short = |parts: &[String]| shortened(results_of(&batch, multipart(200, parts)));
    assert_eq!(short(&[one(MISSING), one(CREATED)]).unwrap(), [-404, 204]);
    assert_eq!(short(&[one(MISSING)]), UNUSABLE);
}

#[test]
fn an_answer_that_is_cut_or_in_no_parts_is_no_result() {
    let cut = |text: &str| whole(200, "multipart/mixed; boundary=b", text);
    let text = one(CREATED);
    assert_eq!(short(vec![create()], cut(&text)), Err((OutageCause::CutOff, true)));
    assert_eq!(short(vec![get()], cut(&text)), Err((OutageCause::CutOff, false)));
    for answer in [
        whole(200, "application/json", "{}"),
        whole(204, "application/json", ""),
        whole(304, "application/json", ""),
        whole(302, "text/html", ""),
        whole(200, "multipart/mixed", "--b--"),
        whole(400, "multipart/mixed", "--b--"),
    ] {
        let shown = format!("{answer:?}");
        assert_eq!(short(vec![create()], answer), UNUSABLE, "{shown}");
    }
}

#[test]
fn a_refusal_of_the_whole_is_each_requests() {
    let refusal = |status| {
        whole(
            status,
            "application/json",
            r#"{"error":{"code":"0x1","message":"no, the-token"}}"#,
        )
    };
    let items = || vec![create(), get(), create_two()];
    for (status, in_doubt) in [(400, true), (403, false), (404, false), (413, false)] {
        let batch = batch(items(), false).unwrap();
        let results = results_of(&batch, refusal(status)).unwrap();
        let may: Vec<_> = results
            .iter()
            .map(|result| match result {
                PartResult::Refused(error) => {
                    assert_eq!(
                        (error.refusal.status, error.refusal.message.as_str()),
                        (status, "no, ***")
                    );
                    error.may_have_taken_effect
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(may, [in_doubt, false, in_doubt, in_doubt], "{status}");
    }
    assert_eq!(short(vec![create_two()], refusal(400)).unwrap(), [-400, -400]);
}

#[test]
fn what_is_about_the_token_or_a_failure_is_no_refusal() {
    for (status, may) in [(401, false), (408, true), (500, true)] {
        let batch = batch(vec![create(), create()], false).unwrap();
        match results_of(&batch, whole(status, "application/json", "{}")).unwrap_err() {
            types::Error::Dataverse(error) => assert_eq!((error.status, error.may_have_taken_effect), (status, may)),
            other => panic!("{other:?}"),
        }
    }
    let items = vec![create(), create()];
    assert_eq!(
        short(items, whole(503, "text/plain", "")),
        Err((OutageCause::ServiceUnavailable, true))
    );
}

#[test]
fn errors_within_are_refusals_whatever_their_status() {
    for (status, may) in [(401, false), (429, false), (500, true), (503, true)] {
        let failed = one(&format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n{{\"error\":{{\"code\":\"0x2\",\"message\":\"the-token\"}}}}"
        ));
        let batch = batch(vec![create(), get()], true).unwrap();
        let results = results_of(&batch, multipart(200, &[failed.clone(), failed])).unwrap();
        let refused = |result: &PartResult| match result {
            PartResult::Refused(error) => {
                assert_eq!(
                    (
                        error.refusal.status,
                        error.refusal.code.as_str(),
                        error.refusal.message.as_str()
                    ),
                    (status, "0x2", "***")
                );
                error.may_have_taken_effect
            }
            other => panic!("{other:?}"),
        };
        assert_eq!([refused(&results[0]), refused(&results[1])], [may, false], "{status}");
    }
}
