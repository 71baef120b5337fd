//! Answers of the Web API.

use dynamics365::fuzzing::answer::{self, Answer};
use dynamics365::fuzzing::{Reason, mask_headers};
use http::{Response, StatusCode};
use serde_json::Value;

use super::support::{NOW, TOKEN, answer as read_input};

/// An answer in the form of `support::answer`, by itself and in a batch.
pub(super) fn dataverse_answer(input: &[u8]) {
    let mut given = read_input(input);
    // As every answer is before it is read.
    mask_headers(given.headers_mut(), [TOKEN]);
    match answer::read(given.clone(), TOKEN, NOW) {
        Ok(answer) => is_what_was_said(&answer, &given),
        Err(reason) => {
            let told = format!("{reason:?}");
            gives_nothing_away(&told, input, given.body());
            let status = match &reason {
                Reason::Dataverse(refusal) => Some(refusal.status),
                Reason::Throttled(_) => Some(429),
                Reason::NoAnswer(failure) => failure.status,
                Reason::EntraId(_) => panic!("{reason:?}"),
            };
            assert_eq!(status, Some(given.status().as_u16()));
        }
    }
    let refused = answer::read_refusal(given.clone().map(|_| given.body().as_slice()), TOKEN, NOW);
    gives_nothing_away(&format!("{refused:?}"), input, given.body());
    assert!(refused.code_number.is_none() || !refused.code.is_empty());
}

fn is_what_was_said(response: &Answer, given: &Response<Vec<u8>>) {
    let status = given.status();
    let is_multipart = given.headers().get("content-type").is_some_and(|value| {
        value
            .as_bytes()
            .trim_ascii_start()
            .to_ascii_lowercase()
            .starts_with(b"multipart/")
    });
    assert!(status.is_success() || status == StatusCode::NOT_MODIFIED || is_multipart);
    assert_eq!(response.status, status);
    assert_eq!(&response.body, given.body());
    if let (Some(id), Some(url)) = (response.entity_id(), response.entity_url()) {
        assert!(url.ends_with(&format!("({id})")) || url.contains(&format!("={id}")));
    }
    if let Ok(body) = serde_json::from_slice::<Value>(given.body()) {
        for (link, name) in [
            (&response.control.next_link, "@odata.nextLink"),
            (&response.control.delta_link, "@odata.deltaLink"),
        ] {
            assert!(link.is_none() || link.as_deref() == body[name].as_str());
        }
    }
}

/// No part of the secret is shown either, if the answer contains it only completely: messages quote the
/// beginning of a body.
fn gives_nothing_away(told: &str, input: &[u8], body: &[u8]) {
    assert!(!told.contains(TOKEN), "{told}");
    let beginning = &TOKEN[..16];
    let count = |part: &str| String::from_utf8_lossy(input).matches(part).count();
    let is_json = serde_json::from_slice::<Value>(body).is_ok();
    if !is_json && count(beginning) == count(TOKEN) {
        assert!(!told.contains(beginning), "{told}");
    }
}
