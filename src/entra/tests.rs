use pollster::block_on;
use serde_json::{Value, json};

use super::*;
use crate::error::{EntraRefusal, Reason};
use crate::host::fake::{FakeHost, at_once};
use crate::settings::tests::{contoso, with_secrets};

type Answer = (u16, &'static [&'static str]);

const ONE: Answer = (
    200,
    &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#],
);
const TWO: Answer = (
    200,
    &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"two"}"#],
);
const WRONG_SECRET: Answer = (401, &[r#"{"error":"invalid_client","error_codes":[7000215]}"#]);
const UNKNOWN_APPLICATION: Answer = (400, &[r#"{"error":"unauthorized_client","error_codes":[700016]}"#]);

async fn acquire_for(tokens: &Tokens, host: &FakeHost, settings: &Settings) -> Result<Acquired, Error> {
    let budget = Budget::start(host, Duration::ZERO);
    tokens
        .acquire(host, settings, settings.tenant.as_deref().unwrap(), &budget)
        .await
}

async fn acquire(tokens: &Tokens, host: &FakeHost) -> Result<Acquired, Error> {
    acquire_for(tokens, host, &contoso()).await
}

fn token(tokens: &Tokens, host: &FakeHost) -> String {
    block_on(acquire(tokens, host)).unwrap().token.reveal().to_owned()
}

fn codes(outcome: Result<Acquired, Error>) -> Vec<u32> {
    match outcome.map(|acquired| acquired.token.reveal().to_owned()) {
        Err(error) => refusal(error).answer.codes,
        other => panic!("{other:?}"),
    }
}

fn reason(error: Error) -> Reason {
    match error {
        Error::Failed(failed) => failed.reason,
        other => panic!("{other:?}"),
    }
}

fn refusal(error: Error) -> EntraRefusal {
    match reason(error) {
        Reason::EntraId(refusal) => *refusal,
        other => panic!("{other:?}"),
    }
}

fn is_outage(error: &Error) -> bool {
    matches!(reason(error.clone()), Reason::NoAnswer(_))
}

fn is_throttled(error: &Error) -> bool {
    matches!(reason(error.clone()), Reason::Throttled(_))
}

fn two_secrets() -> Settings {
    with_secrets(&["old", "new"])
}

#[test]
fn a_token_is_kept_until_shortly_before_its_end() {
    let host = FakeHost::new([ONE, TWO]);
    let tokens = Tokens::default();
    let start = host.now();
    assert_eq!(token(&tokens, &host), "one");
    host.clock.set(start + 3600 - 601);
    assert_eq!(token(&tokens, &host), "one");
    host.clock.set(start + 3600 - 300);
    assert_eq!(token(&tokens, &host), "two");
    assert_eq!(tokens.slots.borrow().len(), 1);
}

#[test]
fn a_failed_early_renewal_keeps_the_token_and_waits() {
    let host = FakeHost::new([ONE, (500, &[]), WRONG_SECRET, TWO]);
    let tokens = Tokens::default();
    let start = host.now();
    assert_eq!(token(&tokens, &host), "one");
    host.clock.set(start + 3400);
    assert_eq!(token(&tokens, &host), "one", "an outage");
    assert_eq!(token(&tokens, &host), "one");
    host.slept.set(Duration::from_secs(29));
    assert_eq!(token(&tokens, &host), "one");
    assert_eq!(host.sent.borrow().len(), 2, "not again for 30 seconds");
    host.slept.set(Duration::from_secs(30));
    assert_eq!(token(&tokens, &host), "one", "a refusal");
    assert_eq!(host.sent.borrow().len(), 3);
    host.slept.set(Duration::from_secs(60));
    assert_eq!(token(&tokens, &host), "two");
}

#[test]
fn a_token_that_has_ended_does_not_serve_on() {
    let host = FakeHost::new([ONE, (500, &[])]);
    let tokens = Tokens::default();
    assert_eq!(token(&tokens, &host), "one");
    host.clock.set(host.now() + 3600);
    assert!(matches!(block_on(acquire(&tokens, &host)), Err(error) if is_outage(&error)));
}

#[test]
fn a_clock_that_was_set_back_ends_a_token() {
    let host = FakeHost::new([ONE, TWO]);
    let tokens = Tokens::default();
    assert_eq!(token(&tokens, &host), "one");
    host.clock.set(host.now() - 1);
    assert_eq!(token(&tokens, &host), "two");
}

#[test]
fn a_refused_token_is_asked_for_again() {
    let host = FakeHost::new([ONE, TWO]);
    let tokens = Tokens::default();
    let first = block_on(acquire(&tokens, &host)).unwrap();
    let kept = block_on(acquire(&tokens, &host)).unwrap();
    assert!(kept.was_kept);
    let nothing = HeaderMap::new();
    assert!(tokens.refuse(&host, &kept, &nothing));
    let second = block_on(acquire(&tokens, &host)).unwrap();
    assert_eq!((second.token.reveal(), second.was_kept), ("two", false));
    assert!(tokens.refuse(&host, &first, &nothing), "another has taken its place");
    assert_eq!(token(&tokens, &host), "two", "which is not forgotten");
}

#[test]
fn new_tokens_that_are_refused_one_after_the_other_are_not_replaced_for_a_while() {
    let host = FakeHost::new([ONE, TWO, ONE, TWO]);
    let tokens = Tokens::default();
    let nothing = HeaderMap::new();
    for _ in 0..3 {
        let new = block_on(acquire(&tokens, &host)).unwrap();
        assert!(!new.was_kept);
        assert!(!tokens.refuse(&host, &new, &nothing));
    }
    host.slept.set(Duration::from_secs(29));
    let kept = block_on(acquire(&tokens, &host)).unwrap();
    assert!(!tokens.refuse(&host, &kept, &nothing));
    assert_eq!(host.sent.borrow().len(), 3);
    host.slept.set(Duration::from_secs(30));
    let kept = block_on(acquire(&tokens, &host)).unwrap();
    assert!(tokens.refuse(&host, &kept, &nothing));
    assert_eq!(token(&tokens, &host), "two");
}

#[test]
fn demanded_claims_are_asked_for_once() {
    let host = FakeHost::new([ONE, TWO, ONE]);
    let tokens = Tokens::default();
    let first = block_on(acquire(&tokens, &host)).unwrap();
    let mut headers = HeaderMap::new();
    let challenge =
        r#"Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==""#;
    headers.insert("www-authenticate", challenge.parse().unwrap());
    assert!(
        tokens.refuse(&host, &first, &headers),
        "even a new token that lacks them"
    );
    let second = block_on(acquire(&tokens, &host)).unwrap();
    assert!(tokens.refuse(
        &host,
        &Acquired {
            was_kept: true,
            ..second
        },
        &HeaderMap::new()
    ));
    block_on(acquire(&tokens, &host)).unwrap();
    let claims: Vec<Value> = host
        .sent
        .borrow()
        .iter()
        .map(|request| {
            let claims = form_urlencoded::parse(request.body()).find(|(name, _)| name == "claims");
            serde_json::from_str(&claims.unwrap().1).unwrap()
        })
        .collect();
    let capability = json!({"values": ["CP1"]});
    assert_eq!(claims[0], json!({"access_token": {"xms_cc": capability}}));
    assert_eq!(
        claims[1],
        json!({"access_token": {"nbf": {"essential": true}, "xms_cc": capability}})
    );
    assert_eq!(claims[2], claims[0]);
}

#[test]
fn claims_that_no_token_satisfies_are_not_asked_for_without_end() {
    let host = FakeHost::new([ONE, TWO, ONE, TWO]);
    let tokens = Tokens::default();
    let mut headers = HeaderMap::new();
    let challenge = r#"Bearer error="insufficient_claims", claims="e30=""#;
    headers.insert("www-authenticate", challenge.parse().unwrap());
    for may_do_better in [true, true, false, false] {
        let acquired = block_on(acquire(&tokens, &host)).unwrap();
        assert_eq!(tokens.refuse(&host, &acquired, &headers), may_do_better);
    }
    assert_eq!(host.sent.borrow().len(), 3);
    host.slept.set(Duration::from_secs(30));
    let acquired = block_on(acquire(&tokens, &host)).unwrap();
    assert!(tokens.refuse(&host, &acquired, &headers));
    assert_eq!(token(&tokens, &host), "two");
}

#[test]
fn a_refusal_is_remembered_briefly() {
    let host = FakeHost::new([UNKNOWN_APPLICATION, ONE]);
    let tokens = Tokens::default();
    assert_eq!(codes(block_on(acquire(&tokens, &host))), [700_016]);
    host.slept.set(Duration::from_secs(29));
    assert_eq!(codes(block_on(acquire(&tokens, &host))), [700_016]);
    assert_eq!(host.sent.borrow().len(), 1);
    host.slept.set(Duration::from_secs(30));
    assert_eq!(token(&tokens, &host), "one");
    assert_eq!(token(&tokens, &host), "one");
}

#[test]
fn throttling_is_remembered_for_as_long_as_was_asked_and_an_outage_is_not() {
    let host = FakeHost::new([(429, [].as_slice()), ONE]).with_header("retry-after", "120");
    let tokens = Tokens::default();
    for seconds in [0, 119] {
        host.slept.set(Duration::from_secs(seconds));
        assert!(matches!(block_on(acquire(&tokens, &host)), Err(error) if is_throttled(&error)));
    }
    assert_eq!(host.sent.borrow().len(), 1);
    host.slept.set(Duration::from_secs(120));
    assert_eq!(token(&tokens, &host), "one");

    let host = FakeHost::new([(503, [].as_slice()), ONE]);
    let tokens = Tokens::default();
    assert!(matches!(block_on(acquire(&tokens, &host)), Err(error) if is_outage(&error)));
    assert_eq!(token(&tokens, &host), "one");
}

#[test]
fn an_early_renewal_keeps_to_a_wait_that_was_asked_for() {
    let host = FakeHost::new([(429, [].as_slice()), ONE]).with_header("retry-after", "600");
    let tokens = Tokens::default();
    let slot = tokens.slot(&host, &contoso(), "11111111-1111-4111-8111-111111111111");
    let now = host.now();
    *slot.token.borrow_mut() = Some(Rc::new(Token {
        has_served: Cell::new(false),
        is_refused: Cell::new(false),
        text: Zeroizing::new("old".to_owned()),
        obtained_at: now,
        renew_at: now,
        expires_at: now + 3600,
        tenant: String::new(),
        credential: contoso().credentials[0].used(),
    }));
    for seconds in [0, 31, 599] {
        host.slept.set(Duration::from_secs(seconds));
        assert_eq!(token(&tokens, &host), "old");
    }
    assert_eq!(host.sent.borrow().len(), 1);
    host.slept.set(Duration::from_secs(600));
    assert_eq!(token(&tokens, &host), "one");
}

#[test]
fn an_outage_that_asks_for_a_wait_gets_it() {
    let host = FakeHost::new([(503, [].as_slice()), ONE]).with_header("retry-after", "120");
    let tokens = Tokens::default();
    for seconds in [0, 119] {
        host.slept.set(Duration::from_secs(seconds));
        assert!(matches!(block_on(acquire(&tokens, &host)), Err(error) if is_outage(&error)));
    }
    assert_eq!(host.sent.borrow().len(), 1);
    host.slept.set(Duration::from_secs(120));
    assert_eq!(token(&tokens, &host), "one");
}

#[test]
fn entra_id_is_not_asked_twice_at_once() {
    let host = FakeHost::new([ONE, TWO]);
    let tokens = Tokens::default();
    for (acquired, _) in at_once((0..16).map(|_| acquire(&tokens, &host))) {
        assert_eq!(acquired.unwrap().token.reveal(), "one");
    }
    assert_eq!(host.sent.borrow().len(), 1);
}

#[test]
fn who_waits_for_a_token_shares_the_failure_too() {
    let host = FakeHost::new([(503, [].as_slice()), (503, &[]), ONE]);
    let tokens = Tokens::default();
    for (acquired, _) in at_once((0..16).map(|_| acquire(&tokens, &host))) {
        assert!(acquired.is_err_and(|error| is_outage(&error)));
    }
    assert_eq!(host.sent.borrow().len(), 1);
    assert!(
        block_on(acquire(&tokens, &host)).is_err(),
        "it is not remembered for later"
    );
    assert_eq!(host.sent.borrow().len(), 2);
}

#[test]
fn a_living_token_serves_the_others_while_one_call_renews_it() {
    let host = FakeHost::new([ONE, TWO]);
    let tokens = Tokens::default();
    let start = host.now();
    assert_eq!(token(&tokens, &host), "one");
    host.clock.set(start + 3400);
    host.turns.set(50);
    let acquired = at_once((0..12).map(|_| acquire(&tokens, &host)));
    let waited = |turn: &u32| *turn >= 50;
    assert_eq!(
        acquired.iter().filter(|(_, turn)| waited(turn)).count(),
        1,
        "the one that renews"
    );
    for (acquired, turn) in &acquired {
        let expected = if waited(turn) { "two" } else { "one" };
        assert_eq!(acquired.as_ref().unwrap().token.reveal(), expected);
    }
    assert_eq!(host.sent.borrow().len(), 2);
    assert_eq!(token(&tokens, &host), "two");
}

#[test]
fn one_token_that_many_callers_see_refused_is_one_refusal() {
    let host = FakeHost::new([ONE, TWO, ONE, TWO, ONE]);
    let tokens = Tokens::default();
    for _ in 0..50 {
        let acquired = at_once((0..16).map(|_| acquire(&tokens, &host)));
        for (acquired, _) in acquired {
            tokens.refuse(&host, &acquired.unwrap(), &HeaderMap::new());
        }
    }
    assert_eq!(host.sent.borrow().len(), 3);
}

#[test]
fn the_next_credential_is_tried_and_remembered() {
    let host = FakeHost::new([WRONG_SECRET, ONE, TWO]);
    let tokens = Tokens::default();
    let settings = two_secrets();
    let first = block_on(acquire_for(&tokens, &host, &settings)).unwrap();
    assert_eq!(first.token.credential.name, "credentials[1]");
    host.clock.set(host.now() + 3600);
    let second = block_on(acquire_for(&tokens, &host, &settings)).unwrap();
    assert_eq!((second.token.reveal(), host.sent.borrow().len()), ("two", 3));
}

#[test]
fn when_all_credentials_are_refused_all_are_named() {
    let host = FakeHost::new([
        WRONG_SECRET,
        (401, &[r#"{"error":"invalid_client","error_codes":[7000222]}"#]),
    ]);
    let outcome = block_on(acquire_for(&Tokens::default(), &host, &two_secrets()));
    let refusal = refusal(outcome.map(|_| ()).unwrap_err());
    assert_eq!(
        (refusal.answer.codes, refusal.credential.as_str()),
        (vec![7_000_215], "credentials[0]")
    );
    let advice = refusal.advice.unwrap();
    assert!(
        advice.contains("credentials[1] was also refused (AADSTS7000222)"),
        "{advice}"
    );
}

#[test]
fn another_refusal_tries_no_other_credential() {
    let host = FakeHost::new([UNKNOWN_APPLICATION, ONE]);
    assert_eq!(
        codes(block_on(acquire_for(&Tokens::default(), &host, &two_secrets()))),
        [700_016]
    );
    assert_eq!(host.sent.borrow().len(), 1);
}

#[test]
fn a_token_that_never_ends_does_not_overflow() {
    let host = FakeHost::new([(
        200,
        [r#"{"token_type":"Bearer","expires_in":18446744073709551615,"access_token":"x"}"#].as_slice(),
    )]);
    assert_eq!(token(&Tokens::default(), &host), "x");
}

#[test]
fn settings_that_come_and_go_leave_nothing() {
    let host = FakeHost::new([WRONG_SECRET, ONE, TWO, (500, [].as_slice())]);
    let tokens = Tokens::default();
    let settings = |secret: &str| with_secrets(&[secret]);
    block_on(acquire_for(&tokens, &host, &settings("a"))).err().unwrap();
    block_on(acquire_for(&tokens, &host, &settings("b"))).unwrap();
    assert_eq!(tokens.slots.borrow().len(), 2, "a refusal is remembered");
    host.clock.set(host.now() + 3600);
    block_on(acquire_for(&tokens, &host, &settings("c"))).unwrap();
    assert_eq!(tokens.slots.borrow().len(), 2, "b's token has ended");
    host.slept.set(Duration::from_secs(30));
    block_on(acquire_for(&tokens, &host, &settings("d"))).err().unwrap();
    assert_eq!(tokens.slots.borrow().len(), 2, "a's refusal does not count any more");
}

#[test]
fn the_failure_of_an_early_renewal_is_not_that_of_a_call_without_a_token() {
    let host = FakeHost::new([ONE, (503, [].as_slice()), TWO]);
    let tokens = Tokens::default();
    let start = host.now();
    assert_eq!(token(&tokens, &host), "one");
    host.clock.set(start + 3400);
    host.turns.set(20);
    // The second call begins after the token has expired, while the first one is still renewing it.
    let calls = [false, true].map(|is_late| {
        let (tokens, host) = (&tokens, &host);
        async move {
            if is_late {
                host.pass_a_turn().await;
                host.clock.set(start + 3600);
            }
            acquire(tokens, host).await
        }
    });
    let mut acquired = at_once(calls);
    assert_eq!(acquired.pop().unwrap().0.unwrap().token.reveal(), "two");
}
