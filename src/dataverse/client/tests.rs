use http::Method;
use pollster::block_on;

use super::*;
use crate::contract::types;
use crate::host::fake::{FakeHost, at_once};
use crate::settings::tests::contoso;

type Reply = (u16, &'static [&'static str]);

const TOKEN: Reply = (
    200,
    &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#],
);
const NEW_TOKEN: Reply = (
    200,
    &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"two"}"#],
);
const FINE: Reply = (200, &["{}"]);
const STALE: Reply = (401, &[]);
const DOWN: Reply = (503, &[]);
const THROTTLED: Reply = (429, &[r#"{"error":{"code":"0x80072322","message":"slow down"}}"#]);
const BROKEN: Reply = (200, &["BROKEN"]);
const REFUSED: Reply = (200, &["REFUSED"]);
const CUT: Reply = (200, &["{", "CUT"]);
const GONE: Reply = (404, &[r#"{"error":{"code":"0x80040217","message":"gone"}}"#]);
const CHANGED: Reply = (412, &[r#"{"error":{"code":"0x80060882","message":"changed"}}"#]);
const NO_TOKEN: Reply = (400, &[r#"{"error":"invalid_client","error_codes":[7000215]}"#]);

/// The error in the form of the contract.
fn told(error: Error) -> types::Error {
    error.into()
}

fn connection() -> Connection {
    Connection::new(contoso(), Rc::default())
}

fn get(connection: &Connection, host: &FakeHost) -> Result<u16, types::Error> {
    let request = Draft::new(Method::GET, "contacts");
    block_on(connection.request(host, request))
        .map_err(told)
        .map(|response| response.status.as_u16())
}

fn authorizations(host: &FakeHost) -> Vec<String> {
    let sent = host.sent.borrow();
    let headers = sent
        .iter()
        .filter_map(|request| request.headers().get(header::AUTHORIZATION));
    headers.map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_kept_token_that_is_refused_is_replaced_once() {
    let connection = connection();
    let host = FakeHost::new([TOKEN, FINE, STALE, NEW_TOKEN, FINE]);
    assert_eq!(get(&connection, &host).unwrap(), 200);
    assert_eq!(get(&connection, &host).unwrap(), 200);
    assert_eq!(authorizations(&host), ["Bearer one", "Bearer one", "Bearer two"]);
}

#[test]
fn a_new_token_that_is_refused_is_the_callers_to_know() {
    let host = FakeHost::new([TOKEN, STALE, FINE]);
    match get(&connection(), &host) {
        Err(types::Error::Dataverse(error)) => assert_eq!(error.status, 401),
        other => panic!("{other:?}"),
    }
    assert_eq!(host.sent.borrow().len(), 2);
}

#[test]
fn a_token_is_replaced_once_in_a_call() {
    let connection = connection();
    let host = FakeHost::new([TOKEN, FINE, STALE, NEW_TOKEN, BROKEN, STALE, TOKEN, FINE]);
    get(&connection, &host).unwrap();
    match get(&connection, &host) {
        Err(types::Error::Dataverse(error)) => assert_eq!((error.status, error.attempts), (401, 3)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_whose_body_breaks_off_is_a_refusal() {
    let cut = |status: u16| {
        let host = FakeHost::new([TOKEN, (status, ["{", "CUT"].as_slice()), FINE]);
        let connection = connection();
        block_on(connection.acquire_token(&host)).unwrap();
        let host = host.with_header("retry-after", "7").with_header("req_id", "the-id");
        let request = Draft::new(Method::POST, "contacts");
        let result = block_on(connection.request(&host, request)).map_err(told);
        (result, host.slept.get())
    };
    let (throttled, slept) = cut(429);
    assert_eq!(throttled.unwrap().attempts, 2);
    assert!(slept >= Duration::from_secs(7), "{slept:?}");
    match cut(503).0 {
        Err(types::Error::Unavailable(outage)) => {
            assert_eq!(outage.cause, types::OutageCause::ServiceUnavailable);
            assert_eq!(
                (outage.retry_after_seconds, outage.request_id.as_deref()),
                (Some(7), Some("the-id"))
            );
        }
        other => panic!("{other:?}"),
    }
    match cut(404).0 {
        Err(types::Error::Dataverse(error)) => {
            assert_eq!((error.status, error.may_have_taken_effect), (404, false));
        }
        other => panic!("{other:?}"),
    }
    match cut(200).0 {
        Err(types::Error::Unavailable(outage)) => {
            assert_eq!((outage.cause, outage.status), (types::OutageCause::CutOff, Some(200)));
            assert_eq!(
                (outage.retry_after_seconds, outage.request_id.as_deref()),
                (Some(7), Some("the-id"))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stale_token_is_replaced_whatever_becomes_of_the_answers_body_and_without_a_budget() {
    let connection = Connection::new(
        Settings {
            retry_budget: Duration::ZERO,
            ..contoso()
        },
        Rc::default(),
    );
    let cut: (u16, &[&str]) = (401, &["{", "CUT"]);
    let host = FakeHost::new([TOKEN, FINE, cut, NEW_TOKEN, FINE]);
    assert_eq!(get(&connection, &host).unwrap(), 200);
    assert_eq!(get(&connection, &host).unwrap(), 200);
    assert_eq!(authorizations(&host), ["Bearer one", "Bearer one", "Bearer two"]);
}

#[test]
fn the_token_goes_to_the_environment_only() {
    let host = FakeHost::new([TOKEN, FINE]);
    get(&connection(), &host).unwrap();
    let sent = host.sent.borrow();
    assert_eq!(sent[0].uri().host(), Some("login.microsoftonline.com"));
    assert!(!sent[0].headers().contains_key(header::AUTHORIZATION));
    assert_eq!(sent[1].uri().host(), Some("contoso.crm.dynamics.com"));
    assert!(sent[1].headers()[header::AUTHORIZATION].is_sensitive());
}

/// The number of attempts and the outcome: the status, or the error's case, and whether it may have taken
/// effect.
fn outcome(
    method: &Method,
    header: Option<(&str, &str)>,
    answers: &[(u16, &'static [&'static str])],
) -> (u32, Result<u16, (&'static str, bool)>) {
    let host = FakeHost::new(std::iter::once(TOKEN).chain(answers.iter().copied()));
    let mut request = Draft::new(method.clone(), "contacts");
    request
        .headers
        .extend(header.map(|(name, value)| (name.to_owned(), value.to_owned())));
    match block_on(Connection::new(contoso(), Rc::default()).request(&host, request)).map_err(told) {
        Ok(response) => (response.attempts, Ok(response.status.as_u16())),
        Err(types::Error::Dataverse(error)) => (error.attempts, Err(("dataverse", error.may_have_taken_effect))),
        Err(types::Error::Throttled(error)) => (error.attempts, Err(("throttled", error.may_have_taken_effect))),
        Err(types::Error::Unavailable(error)) => (error.attempts, Err(("unavailable", error.may_have_taken_effect))),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_changes_nothing_the_second_time_is_sent_again() {
    let repeatable = [
        (Method::GET, None),
        (Method::PUT, None),
        (Method::DELETE, None),
        (Method::PATCH, Some(("If-Match", "*"))),
        (Method::PATCH, Some(("If-Match", "W/\"1\""))),
        (Method::PATCH, Some(("If-None-Match", "*"))),
    ];
    for (method, header) in repeatable {
        for failed in [DOWN, (502, &[]), (504, &[]), BROKEN] {
            assert_eq!(
                outcome(&method, header, &[failed, FINE]),
                (2, Ok(200)),
                "{method:?} {failed:?}"
            );
            let (sent, outcome) = outcome(&method, header, &[failed; 5]);
            assert_eq!(
                (sent, outcome),
                (4, Err(("unavailable", method != Method::GET))),
                "no further attempt"
            );
        }
    }
    assert_eq!(outcome(&Method::GET, None, &[CUT, FINE]), (2, Ok(200)));
}

#[test]
fn what_could_happen_twice_is_not_sent_again() {
    for (method, header) in [
        (Method::POST, None),
        (Method::PATCH, None),
        (Method::PATCH, Some(("If-None-Match", "null"))),
        (Method::PATCH, Some(("If-Match", ""))),
        (Method::PATCH, Some(("If-Match", "1"))),
        (Method::PATCH, Some(("If-Match", "\"1\",\"2\""))),
        (Method::POST, Some(("If-Match", "*"))),
    ] {
        for failed in [DOWN, (502, &[]), (504, &[]), BROKEN, CUT] {
            let outcome = outcome(&method, header, &[failed, FINE]);
            assert_eq!(outcome, (1, Err(("unavailable", true))), "{method:?} {failed:?}");
        }
    }
    let done = outcome(&Method::PATCH, Some(("If-Match", "W/\"1\"")), &[CUT, FINE]);
    assert_eq!(
        done,
        (1, Err(("unavailable", true))),
        "it was carried out, by its status"
    );
}

#[test]
fn what_did_nothing_is_sent_again_whatever_it_is() {
    for method in [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
        assert_eq!(outcome(&method, None, &[REFUSED, FINE]), (2, Ok(200)), "{method:?}");
        assert_eq!(
            outcome(&method, None, &[THROTTLED, THROTTLED, FINE]),
            (3, Ok(200)),
            "{method:?}"
        );
        assert_eq!(
            outcome(&method, None, &[REFUSED; 5]),
            (4, Err(("unavailable", false))),
            "{method:?}"
        );
        let (sent, outcome) = outcome(&method, None, &[THROTTLED; 20]);
        assert_eq!(outcome, Err(("throttled", false)));
        assert!((4..8).contains(&sent), "{sent} attempts within 30 s");
    }
}

#[test]
fn outages_and_throttling_are_counted_apart() {
    let mixed = [THROTTLED, THROTTLED, THROTTLED, DOWN, FINE];
    assert_eq!(outcome(&Method::GET, None, &mixed), (5, Ok(200)));
    let mixed = [DOWN, DOWN, DOWN, THROTTLED, FINE];
    assert_eq!(outcome(&Method::GET, None, &mixed), (5, Ok(200)));
    let mixed = [DOWN, THROTTLED, DOWN, DOWN, DOWN, FINE];
    assert_eq!(outcome(&Method::GET, None, &mixed), (5, Err(("unavailable", false))));
}

#[test]
fn refusals_are_final() {
    for status in [400, 403, 404, 408, 412, 500, 501] {
        let (sent, outcome) = outcome(&Method::GET, None, &[(status, &[]), FINE]);
        assert_eq!((sent, outcome), (1, Err(("dataverse", false))), "{status}");
    }
}

#[test]
fn an_earlier_attempt_that_may_have_acted_is_not_forgotten() {
    let unsure = |method: &Method, header, answers: &[_]| {
        let (sent, outcome) = outcome(method, header, answers);
        assert_eq!(sent, 2);
        outcome.unwrap_err()
    };
    let version = Some(("If-Match", "W/\"1\""));
    assert_eq!(unsure(&Method::DELETE, None, &[BROKEN, GONE]), ("dataverse", true));
    assert_eq!(unsure(&Method::PATCH, version, &[BROKEN, CHANGED]), ("dataverse", true));
    assert_eq!(
        outcome(&Method::DELETE, None, &[REFUSED, GONE]),
        (2, Err(("dataverse", false)))
    );
    assert_eq!(
        outcome(&Method::GET, None, &[BROKEN, GONE]),
        (2, Err(("dataverse", false)))
    );

    let (_, last) = outcome(&Method::PUT, None, &[&[BROKEN][..], &[THROTTLED; 20]].concat());
    assert_eq!(last, Err(("throttled", true)));
    let (_, last) = outcome(&Method::PUT, None, &[BROKEN, REFUSED, REFUSED, REFUSED]);
    assert_eq!(last, Err(("unavailable", true)));
    let (sent, last) = outcome(&Method::PUT, None, &[BROKEN, STALE, NO_TOKEN]);
    assert_eq!(
        (sent, last),
        (2, Err(("unavailable", true))),
        "rather than Entra ID's error"
    );
}

#[test]
fn a_refusal_after_an_unknown_end_says_so() {
    let host = FakeHost::new([TOKEN, BROKEN, GONE]);
    let request = Draft::new(Method::DELETE, "contacts(1)");
    match block_on(Connection::new(contoso(), Rc::default()).request(&host, request)).map_err(told) {
        Err(types::Error::Dataverse(error)) => {
            let advice = error.advice.unwrap();
            assert!(advice.starts_with("an earlier attempt"), "{advice}");
            assert!(advice.contains("no row has this id"), "{advice}");
        }
        other => panic!("{other:?}"),
    }
}

/// Answers a token request, or a request for the tenant or for data.
fn by_address(uri: &Uri, data: Response<Vec<&'static str>>) -> Response<Vec<&'static str>> {
    if uri.path().ends_with("/oauth2/v2.0/token") {
        Response::new(vec![
            r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#,
        ])
    } else {
        data
    }
}

fn unauthorised() -> Response<Vec<&'static str>> {
    let uri = "Bearer authorization_uri=https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/oauth2/authorize";
    Response::builder()
        .status(401)
        .header("www-authenticate", uri)
        .body(Vec::new())
        .unwrap()
}

fn token_requests(host: &FakeHost) -> usize {
    let sent = host.sent.borrow();
    sent.iter()
        .filter(|request| request.uri().path().ends_with("/token"))
        .count()
}

#[test]
fn callers_who_come_at_once_ask_for_tenant_and_token_once() {
    let settings = Settings {
        tenant: None,
        ..contoso()
    };
    let connection = Connection::new(settings, Rc::default());
    let host = FakeHost::answering(|uri| by_address(uri, unauthorised()));
    host.turns.set(5);
    for (token, _) in at_once((0..32).map(|_| connection.acquire_token(&host))) {
        assert_eq!(token.unwrap().token.as_str(), "one");
    }
    assert_eq!((host.sent.borrow().len(), token_requests(&host)), (2, 1));
}

#[test]
fn an_environment_that_refuses_every_token_costs_few_of_them() {
    let connection = connection();
    let host = FakeHost::answering(|uri| by_address(uri, unauthorised()));
    host.turns.set(3);
    for _ in 0..50 {
        let calls = (0..16).map(|index| {
            // The calls do not run in lockstep.
            let (connection, host) = (&connection, &host);
            async move {
                for _ in 0..index % 5 {
                    host.pass_a_turn().await;
                }
                connection.request(host, Draft::get("contacts")).await
            }
        });
        for (outcome, _) in at_once(calls) {
            assert!(outcome.is_err());
        }
    }
    assert!(token_requests(&host) <= 3, "{}", token_requests(&host));
}
