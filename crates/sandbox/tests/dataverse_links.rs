//! `$ref` over HTTP.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Local, all, error, start};
use sandbox::seed;
use serde_json::{Value, json};

const MISSING: &str = "99999999-0000-4000-8000-000000000000";

fn account(n: usize) -> String {
    format!("accounts({})", seed::account(n))
}

fn contact(n: usize) -> String {
    format!("contacts({})", seed::contact(n))
}

fn link(url: &str) -> String {
    json!({"@odata.id": url}).to_string()
}

fn absolute(local: &Local, path: &str) -> String {
    format!("{}/api/data/v9.2/{path}", local.origin)
}

fn company(local: &Local, n: usize) -> Value {
    local.get(&contact(n)).json()["_parentcustomerid_value"].clone()
}

#[test]
fn a_lookup_is_set_read_and_cleared() {
    let local = start();
    let path = format!("{}/parentcustomerid_account/$ref", contact(1));
    let put = |url: &str| local.call("PUT", &path, &[], &link(url)).status;
    for (n, url) in [
        (2, absolute(&local, &account(2))),
        (3, account(3)),
        (4, format!("/{}", account(4))),
        (1, format!("/api/data/v9.2/{}", account(1))),
    ] {
        let etag = local.get(&contact(1)).json()["@odata.etag"].clone();
        assert_eq!(put(&url), 204, "{url}");
        assert_eq!(company(&local, 1), seed::account(n));
        assert_ne!(local.get(&contact(1)).json()["@odata.etag"], etag);
    }
    let read = local.get(&path);
    assert_eq!(
        read.json(),
        json!({"@odata.context": absolute(&local, "$metadata#$ref"), "@odata.id": absolute(&local, &account(1))})
    );

    let shared = format!("{}/parentcustomerid_contact/$ref", contact(1));
    assert_eq!(local.get(&shared).status, 204, "the lookup refers to an account");
    assert_eq!(local.call("DELETE", &shared, &[], "").status, 204);
    assert_eq!(company(&local, 1), seed::account(1));

    assert_eq!(local.call("DELETE", &path, &[], "").status, 204);
    assert_eq!(company(&local, 1), Value::Null);
    assert_eq!(local.get(&path).status, 204);
    assert_eq!(local.call("DELETE", &path, &[], "").status, 204);
}

#[test]
fn the_many_side() {
    let local = start();
    let path = format!("{}/contact_customer_accounts", account(4));
    let ids = || {
        let rows = local.get(&format!("{path}/$ref")).rows();
        let ids = rows.iter().map(|row| row["@odata.id"].as_str().unwrap().to_string());
        ids.collect::<Vec<_>>()
    };
    let before = ids();
    assert_eq!(before, [8, 9, 10].map(|n| absolute(&local, &contact(n))));
    let context = local.get(&format!("{path}/$ref")).json()["@odata.context"].clone();
    assert_eq!(context, absolute(&local, "$metadata#Collection($ref)"));

    let post = |url: &str| local.call("POST", &format!("{path}/$ref"), &[], &link(url));
    assert_eq!(post(&absolute(&local, &contact(1))).status, 204);
    assert_eq!(company(&local, 1), seed::account(4));
    assert_eq!(ids().len(), 4);

    let delete = |id: &str| local.call("DELETE", &format!("{path}({id})/$ref"), &[], "");
    assert_eq!(delete(&seed::contact(1)).status, 204);
    assert_eq!(company(&local, 1), Value::Null);
    assert_eq!(error(&delete(&seed::contact(1))).0, 404, "no longer linked");
    assert_eq!(company(&local, 2), seed::account(1), "linked elsewhere");
    assert_eq!(error(&delete(&seed::contact(2))).0, 404);
    assert_eq!(company(&local, 2), seed::account(1));
    let by_query = format!("{path}/$ref?$id={}", absolute(&local, &contact(8)));
    assert_eq!(local.call("DELETE", &by_query, &[], "").status, 204);
    assert_eq!(ids(), before[1..]);
}

#[test]
fn what_cannot_be_linked() {
    let local = all();
    let before = local.get("contacts").body;
    let lookup = format!("{}/parentcustomerid_account/$ref", contact(1));
    let many = format!("{}/contact_customer_accounts/$ref", account(1));
    for url in [
        "https://evil.example/api/data/v9.2/ACCOUNT".to_string(),
        format!("{}.evil.example/api/data/v9.2/ACCOUNT", local.origin),
        "//evil.example/api/data/v9.2/ACCOUNT".to_string(),
        "accounts".to_string(),
        "WhoAmI".to_string(),
        format!("leads({})", seed::lead(1)),
        String::new(),
    ] {
        for (method, path, row) in [("PUT", &lookup, account(2)), ("POST", &many, contact(2))] {
            let answer = local.call(method, path, &[], &link(&url.replace("ACCOUNT", &row)));
            assert_eq!(error(&answer), (400, "0x80048d19".into()), "{url}");
        }
        let id: String = form_urlencoded::byte_serialize(url.replace("ACCOUNT", &contact(1)).as_bytes()).collect();
        assert_eq!(
            error(&local.call("DELETE", &format!("{many}?$id={id}"), &[], "")).0,
            400,
            "{url}"
        );
    }
    for body in ["{}", "[]", r#"{"@odata.id":1}"#, r#"{"@odata.id":"x","name":"y"}"#, "{"] {
        assert_eq!(error(&local.call("PUT", &lookup, &[], body)).0, 400, "{body}");
    }
    let missing = |method: &str, path: &str, url: &str| error(&local.call(method, path, &[], &link(url)));
    let none = (404, "0x80040217".to_string());
    assert_eq!(missing("PUT", &lookup, &format!("accounts({MISSING})")), none);
    assert_eq!(missing("POST", &many, &format!("contacts({MISSING})")), none);
    assert_eq!(
        missing("PUT", &lookup.replace(&seed::contact(1), MISSING), &account(1)),
        none
    );
    assert_eq!(
        missing("POST", &many.replace(&seed::account(1), MISSING), &contact(1)),
        none
    );
    assert_eq!(missing("PUT", &format!("{}/nope/$ref", contact(1)), &account(1)).0, 404);
    assert_eq!(missing("POST", &lookup, &account(1)).0, 405);
    assert_eq!(missing("PUT", &many, &contact(1)).0, 405);
    assert_eq!(error(&local.call("DELETE", &many, &[], "")).0, 405);
    assert_eq!(local.get("contacts").body, before);
}

#[test]
fn links_need_privileges() {
    let local = start();
    let denied = |method: &str, path: &str, url: &str| {
        let answer = local.call(method, path, &[], &link(url));
        assert_eq!(error(&answer), (403, "0x80040220".into()), "{path}");
    };
    // The demo user reads accounts and has no privileges on opportunities.
    denied("PUT", &format!("{}/primarycontactid/$ref", account(1)), &contact(1));
    denied("DELETE", &format!("{}/primarycontactid/$ref", account(1)), &contact(1));
    denied(
        "POST",
        &format!("{}/account_primary_contact/$ref", contact(1)),
        &account(1),
    );
    let opportunity = format!("opportunities({})", seed::opportunity(1));
    denied(
        "POST",
        &format!("{}/opportunity_customer_accounts/$ref", account(1)),
        &opportunity,
    );
    let path = format!("{}/opportunity_customer_accounts/$ref", account(1));
    assert_eq!(error(&local.get(&path)).0, 403);
}
