//! Certificates that are trusted by their subject name and their root.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, Local, refusal, start};
use sandbox::certificate::{self, Chain};
use serde_json::{Value, json};

fn trusting(chain: &Chain) -> Local {
    let local = start();
    local
        .sandbox
        .trust_subject_name(&local.client_id, "CN=application", &chain.root.certificate_der)
        .unwrap();
    local
}

fn post(local: &Local, chain: &Chain, x5c: &Value) -> Answer {
    let (mut header, claims) = local.assertion_parts();
    header["x5t#S256"] = chain.leaf.x5t_s256().into();
    if !x5c.is_null() {
        header["x5c"] = x5c.clone();
    }
    local.post(&local.assertion_form(&common::sign(&chain.leaf, &header, &claims)))
}

#[test]
fn the_chain_is_sent_leaf_first() {
    let chain = certificate::generate_chain("application").unwrap();
    let local = trusting(&chain);
    let [leaf, intermediate, root] = [&chain.leaf, &chain.intermediate, &chain.root].map(|made| made.x5c());
    assert_eq!(chain.x5c(), [leaf.clone(), intermediate.clone(), root.clone()]);

    for good in [json!([leaf, intermediate]), json!([leaf, intermediate, root])] {
        let answer = post(&local, &chain, &good);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let cases = [
        (Value::Null, 700_027, "The key was not found."),
        (
            json!([root, intermediate, leaf]),
            700_027,
            "did not match the expected signature",
        ),
        (
            json!([intermediate, leaf]),
            700_027,
            "did not match the expected signature",
        ),
        (json!([leaf, root, intermediate]), 7_000_213, "chain"),
        (json!([leaf]), 7_000_213, "chain"),
        (json!(leaf), 7_000_213, "chain"),
        (json!(["MIIB"]), 7_000_213, "chain"),
    ];
    for (x5c, code, reason) in cases {
        let answer = post(&local, &chain, &x5c);
        assert_eq!(refusal(&answer), (401, "invalid_client".into(), code));
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
}

#[test]
fn a_leaf_alone_does_where_the_root_issued_it() {
    let chain = certificate::generate_chain("application").unwrap();
    let local = start();
    let above = &chain.intermediate.certificate_der;
    local
        .sandbox
        .trust_subject_name(&local.client_id, "CN=application", above)
        .unwrap();
    for x5c in [json!(chain.leaf.x5c()), json!([chain.leaf.x5c()])] {
        assert_eq!(post(&local, &chain, &x5c).status, 200);
    }
}

#[test]
fn name_and_root_both_count() {
    let chain = certificate::generate_chain("application").unwrap();
    let local = trusting(&chain);
    // A renewed certificate with the same name is accepted without registration.
    assert_eq!(post(&local, &chain, &json!(chain.x5c())).status, 200);
    let renamed = certificate::generate_chain("another").unwrap();
    let answer = post(&local, &renamed, &json!(renamed.x5c()));
    assert_eq!(refusal(&answer), (401, "invalid_client".into(), 700_027));
    let elsewhere = certificate::generate_chain("application").unwrap();
    let answer = post(&local, &elsewhere, &json!(elsewhere.x5c()));
    assert_eq!(refusal(&answer), (401, "invalid_client".into(), 7_000_213));
    // An application without trusted names accepts no chain.
    let answer = post(&start(), &chain, &json!(chain.x5c()));
    assert_eq!(refusal(&answer), (401, "invalid_client".into(), 700_027));
}

#[test]
fn the_leaf_has_its_time() {
    let chain = certificate::generate_chain("application").unwrap();
    let local = trusting(&chain);
    local.sandbox.shift_clock(2 * 365 * 86_400);
    let answer = post(&local, &chain, &json!(chain.x5c()));
    assert_eq!(refusal(&answer), (401, "invalid_client".into(), 1_000_502));
    // Then its issuers.
    local.sandbox.shift_clock(10 * 365 * 86_400);
    let answer = post(&local, &chain, &json!(chain.x5c()));
    assert_eq!(refusal(&answer).2, 7_000_213);
}
