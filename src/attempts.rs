//! The attempts of one request: whether another may follow, and what all of them come to.

use crate::contract::types::{Error, Service};
use crate::host::Host;
use crate::retry::{Budget, may_pass, retry_after_of};

/// What is said of a refusal that an earlier attempt may have caused.
const UNSURE: &str = "an earlier attempt of this call may have been carried out, and this answer may tell of its effect: read \
                      the row before sending it again";

/// The attempts of one request.
#[derive(Default)]
pub struct Attempts {
    made: u32,
    failed: u32,
    /// Those of the failed that the service did not throttle.
    outages: u32,
    /// The last failure after which the request may have been carried out all the same.
    unsure: Option<Error>,
}

impl Attempts {
    /// Counts one that begins.
    pub fn begin(&mut self) {
        self.made = self.made.saturating_add(1);
    }

    /// How many began.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// Says whether the request is sent again after `error`, having waited until then. `repeatable`: sent twice, it changes no
    /// more than sent once.
    pub async fn wait(&mut self, host: &impl Host, budget: &Budget, error: &Error, repeatable: bool) -> bool {
        self.failed = self.failed.saturating_add(1);
        if !matches!(error, Error::Throttled(_)) {
            self.outages = self.outages.saturating_add(1);
        }
        let harmless = !may_have_taken_effect(error) || (repeatable && !has_succeeded(error));
        harmless && may_pass(error, self.outages) && budget.pause(host, self.failed, retry_after_of(error)).await
    }

    /// Keeps the error of an attempt that another follows.
    pub fn note(&mut self, error: Error) {
        if may_have_taken_effect(&error) {
            self.unsure = Some(error);
        }
    }

    /// The error of the last attempt, as one of them all. An error of Entra ID is one that no attempt could be made with: an
    /// attempt before that may have been carried out tells more than it.
    pub fn conclude(self, error: Error) -> Error {
        match (is_of_dataverse(&error), self.unsure) {
            // Of the request that asks for the tenant, which counts its own.
            (true, _) if self.made == 0 => error,
            (true, unsure) => counted(told(error, unsure.is_some()), self.made),
            (false, Some(Error::Unavailable(mut outage))) => {
                outage.detail = joined(&outage.detail, Some("for another attempt there was no token"));
                counted(Error::Unavailable(outage), self.made)
            }
            (false, Some(unsure)) => counted(unsure, self.made),
            (false, None) => error,
        }
    }
}

/// An error with how often its service was asked.
pub fn counted(mut error: Error, attempts: u32) -> Error {
    match &mut error {
        Error::Dataverse(error) => error.attempts = attempts,
        Error::Throttled(throttling) => throttling.attempts = attempts,
        Error::Unavailable(outage) => outage.attempts = attempts,
        Error::InvalidSettings(_) | Error::InvalidRequest(_) | Error::EntraId(_) => {}
    }
    error
}

/// An error that says, where `unsure`, that an earlier attempt may have been carried out.
fn told(mut error: Error, unsure: bool) -> Error {
    if !unsure {
        return error;
    }
    match &mut error {
        Error::Dataverse(error) => {
            error.may_have_taken_effect = true;
            error.advice = Some(joined(UNSURE, error.advice.as_deref()));
        }
        Error::Throttled(throttling) => {
            throttling.may_have_taken_effect = true;
            throttling.advice = Some(joined(UNSURE, throttling.advice.as_deref()));
        }
        Error::Unavailable(outage) if !outage.may_have_taken_effect => {
            outage.may_have_taken_effect = true;
            outage.detail = joined(&outage.detail, Some("an earlier attempt may have been carried out"));
        }
        _ => {}
    }
    error
}

fn joined(first: &str, second: Option<&str>) -> String {
    second.map_or_else(|| first.to_owned(), |second| format!("{first}; {second}"))
}

fn is_of_dataverse(error: &Error) -> bool {
    match error {
        Error::Dataverse(_) => true,
        Error::Throttled(throttling) => throttling.service == Service::Dataverse,
        Error::Unavailable(outage) => outage.service == Service::Dataverse,
        _ => false,
    }
}

/// Whether a request that ended so may have been carried out.
pub fn may_have_taken_effect(error: &Error) -> bool {
    match error {
        Error::Dataverse(error) => error.may_have_taken_effect,
        Error::Throttled(throttling) => throttling.may_have_taken_effect,
        Error::Unavailable(outage) => outage.may_have_taken_effect,
        _ => false,
    }
}

/// Whether the request was carried out for certain, and only its answer is not whole.
fn has_succeeded(error: &Error) -> bool {
    matches!(error, Error::Unavailable(outage) if outage.status.is_some_and(|status| (200..300).contains(&status)))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use pollster::block_on;

    use super::*;
    use crate::contract::types::{self, Method};
    use crate::dataverse::client::Connection;
    use crate::host::fake::FakeHost;
    use crate::settings::tests::contoso;

    const TOKEN: (u16, &[&str]) = (
        200,
        &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#],
    );
    const FINE: (u16, &[&str]) = (200, &["{}"]);
    const STALE: (u16, &[&str]) = (401, &[]);
    const DOWN: (u16, &[&str]) = (503, &[]);
    const THROTTLED: (u16, &[&str]) = (429, &[r#"{"error":{"code":"0x80072322","message":"slow down"}}"#]);
    const BROKEN: (u16, &[&str]) = (200, &["BROKEN"]);
    const REFUSED: (u16, &[&str]) = (200, &["REFUSED"]);
    const CUT: (u16, &[&str]) = (200, &["{", "CUT"]);
    const GONE: (u16, &[&str]) = (404, &[r#"{"error":{"code":"0x80040217","message":"gone"}}"#]);
    const CHANGED: (u16, &[&str]) = (412, &[r#"{"error":{"code":"0x80060882","message":"changed"}}"#]);
    const NO_TOKEN: (u16, &[&str]) = (400, &[r#"{"error":"invalid_client","error_codes":[7000215]}"#]);

    /// How often a request was sent and what came of it: the status, or the error's case, and whether it may have taken effect.
    fn outcome(
        method: Method,
        header: Option<(&str, &str)>,
        answers: &[(u16, &'static [&'static str])],
    ) -> (u32, Result<u16, (&'static str, bool)>) {
        let host = FakeHost::new(std::iter::once(TOKEN).chain(answers.iter().copied()));
        let mut request = types::Request::new(method, "contacts");
        request
            .headers
            .extend(header.map(|(name, value)| (name.to_owned(), value.to_owned())));
        match block_on(Connection::new(contoso(), Rc::default()).odata_request(&host, request)) {
            Ok(response) => (response.attempts, Ok(response.status)),
            Err(Error::Dataverse(error)) => (error.attempts, Err(("dataverse", error.may_have_taken_effect))),
            Err(Error::Throttled(error)) => (error.attempts, Err(("throttled", error.may_have_taken_effect))),
            Err(Error::Unavailable(error)) => (error.attempts, Err(("unavailable", error.may_have_taken_effect))),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_changes_nothing_the_second_time_is_sent_again() {
        let repeatable = [
            (Method::Get, None),
            (Method::Put, None),
            (Method::Delete, None),
            (Method::Patch, Some(("If-Match", "*"))),
            (Method::Patch, Some(("If-Match", "W/\"1\""))),
            (Method::Patch, Some(("If-None-Match", "*"))),
        ];
        for (method, header) in repeatable {
            for failed in [DOWN, (502, &[]), (504, &[]), BROKEN] {
                assert_eq!(
                    outcome(method, header, &[failed, FINE]),
                    (2, Ok(200)),
                    "{method:?} {failed:?}"
                );
                let (sent, outcome) = outcome(method, header, &[failed; 5]);
                assert_eq!(
                    (sent, outcome),
                    (4, Err(("unavailable", method != Method::Get))),
                    "given up"
                );
            }
        }
        assert_eq!(outcome(Method::Get, None, &[CUT, FINE]), (2, Ok(200)));
    }

    #[test]
    fn what_could_happen_twice_is_not_sent_again() {
        for (method, header) in [
            (Method::Post, None),
            (Method::Patch, None),
            (Method::Patch, Some(("If-None-Match", "null"))),
            (Method::Patch, Some(("If-Match", ""))),
            (Method::Patch, Some(("If-Match", "1"))),
            (Method::Patch, Some(("If-Match", "\"1\",\"2\""))),
            (Method::Post, Some(("If-Match", "*"))),
        ] {
            for failed in [DOWN, (502, &[]), (504, &[]), BROKEN, CUT] {
                let outcome = outcome(method, header, &[failed, FINE]);
                assert_eq!(outcome, (1, Err(("unavailable", true))), "{method:?} {failed:?}");
            }
        }
        let done = outcome(Method::Patch, Some(("If-Match", "W/\"1\"")), &[CUT, FINE]);
        assert_eq!(
            done,
            (1, Err(("unavailable", true))),
            "it was carried out, by its status"
        );
    }

    #[test]
    fn what_did_nothing_is_sent_again_whatever_it_is() {
        for method in [Method::Get, Method::Post, Method::Patch, Method::Put, Method::Delete] {
            assert_eq!(outcome(method, None, &[REFUSED, FINE]), (2, Ok(200)), "{method:?}");
            assert_eq!(
                outcome(method, None, &[THROTTLED, THROTTLED, FINE]),
                (3, Ok(200)),
                "{method:?}"
            );
            assert_eq!(
                outcome(method, None, &[REFUSED; 5]),
                (4, Err(("unavailable", false))),
                "{method:?}"
            );
            let (sent, outcome) = outcome(method, None, &[THROTTLED; 20]);
            assert_eq!(outcome, Err(("throttled", false)));
            assert!((4..8).contains(&sent), "{sent} attempts within 30 s");
        }
    }

    #[test]
    fn outages_and_throttling_are_counted_apart() {
        let mixed = [THROTTLED, THROTTLED, THROTTLED, DOWN, FINE];
        assert_eq!(outcome(Method::Get, None, &mixed), (5, Ok(200)));
        let mixed = [DOWN, DOWN, DOWN, THROTTLED, FINE];
        assert_eq!(outcome(Method::Get, None, &mixed), (5, Ok(200)));
        let mixed = [DOWN, THROTTLED, DOWN, DOWN, DOWN, FINE];
        assert_eq!(outcome(Method::Get, None, &mixed), (5, Err(("unavailable", false))));
    }

    #[test]
    fn refusals_are_final() {
        for status in [400, 403, 404, 408, 412, 500, 501] {
            let (sent, outcome) = outcome(Method::Get, None, &[(status, &[]), FINE]);
            assert_eq!((sent, outcome), (1, Err(("dataverse", false))), "{status}");
        }
    }

    #[test]
    fn an_earlier_attempt_that_may_have_acted_is_not_forgotten() {
        let unsure = |method, header, answers: &[_]| {
            let (sent, outcome) = outcome(method, header, answers);
            assert_eq!(sent, 2);
            outcome.unwrap_err()
        };
        let version = Some(("If-Match", "W/\"1\""));
        assert_eq!(unsure(Method::Delete, None, &[BROKEN, GONE]), ("dataverse", true));
        assert_eq!(unsure(Method::Patch, version, &[BROKEN, CHANGED]), ("dataverse", true));
        assert_eq!(
            outcome(Method::Delete, None, &[REFUSED, GONE]),
            (2, Err(("dataverse", false)))
        );
        assert_eq!(
            outcome(Method::Get, None, &[BROKEN, GONE]),
            (2, Err(("dataverse", false)))
        );

        let (_, last) = outcome(Method::Put, None, &[&[BROKEN][..], &[THROTTLED; 20]].concat());
        assert_eq!(last, Err(("throttled", true)));
        let (_, last) = outcome(Method::Put, None, &[BROKEN, REFUSED, REFUSED, REFUSED]);
        assert_eq!(last, Err(("unavailable", true)));
        let (sent, last) = outcome(Method::Put, None, &[BROKEN, STALE, NO_TOKEN]);
        assert_eq!(
            (sent, last),
            (2, Err(("unavailable", true))),
            "rather than Entra ID's error"
        );
    }

    #[test]
    fn a_refusal_after_an_unknown_end_says_so() {
        let host = FakeHost::new([TOKEN, BROKEN, GONE]);
        let request = types::Request::new(Method::Delete, "contacts(1)");
        match block_on(Connection::new(contoso(), Rc::default()).odata_request(&host, request)) {
            Err(Error::Dataverse(error)) => {
                let advice = error.advice.unwrap();
                assert!(advice.starts_with("an earlier attempt"), "{advice}");
                assert!(advice.contains("no row has this id"), "{advice}");
            }
            other => panic!("{other:?}"),
        }
    }
}
