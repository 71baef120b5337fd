//! `POST /validate`.

use embedded_host::{Network, Reply as Answer};
use sandbox::{Privileges, Role};
use serde_json::{Value, json};

use super::http_client::{Call, Reply};
use super::{call, contoso, get, post, sandboxed};
use crate::support::{Tenant, json_answer, token_answer};

/// The lines with this outcome.
fn ended<'a>(report: &'a Value, outcome: &str) -> Vec<&'a str> {
    let lines = report["lines"].as_array().unwrap().iter();
    let lines = lines.filter(|line| line["outcome"] == outcome);
    lines.map(|line| line["check"].as_str().unwrap()).collect()
}

#[track_caller]
fn report(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.json()
}

on_each_face!(the_report_is_json);
fn the_report_is_json() {
    let tenant = Tenant::start();
    let variables = [("DATAVERSE_ORGANIZATION_ID", "20000000-0000-4000-8000-000000000003")];
    let gateway = sandboxed(&tenant, &variables);
    let before = tenant.sandbox.snapshot();
    let expectations = r#"{"expectations":[{"entitySet":"contacts","verb":"read","allowed":true},
        {"entitySet":"opportunities","verb":"read","allowed":true}]}"#;
    let found = report(&post(&gateway, "/validate", expectations));
    assert_eq!(found["verdict"], "failed");
    assert_eq!(ended(&found, "failed"), ["read opportunities"]);
    assert!(ended(&found, "passed").contains(&"read contacts"));
    let line = found["lines"].as_array().unwrap().last().unwrap();
    assert_eq!(line["expected"], "allowed");
    assert_eq!(
        line["found"],
        "not allowed (403 0x80040220, prvReadOpportunity is missing)"
    );
    assert!(line["advice"].as_str().unwrap().contains("prvReadOpportunity"));
    let facts = &found["facts"];
    assert_eq!(
        (&facts["userName"], &facts["enabled"]),
        (&json!("Sandbox Application"), &json!(true))
    );
    assert_eq!(
        (&facts["credential"], &facts["roles"]),
        (&json!("secret"), &json!(["Integration"]))
    );
    assert_eq!(found["gatewayAllow"], "contacts:GET");

    // The observed permissions can be the next expectations.
    let body = json!({"expectations": found["observed"]}).to_string();
    assert_eq!(report(&post(&gateway, "/validate", &body))["verdict"], "passed");
    assert!(tenant.sandbox.snapshot() == before && tenant.sandbox.committed_writes().is_empty());
}

on_each_face!(what_is_expected_follows_from_the_allow_list);
fn what_is_expected_follows_from_the_allow_list() {
    let tenant = Tenant::start();
    let list = "contacts:GET,POST,PATCH,DELETE; leads:PUT; $metadata:GET; WhoAmI:GET; leads:GET";
    let gateway = sandboxed(&tenant, &[("GATEWAY_ALLOW", list)]);
    for body in ["", "{}"] {
        let found = report(&post(&gateway, "/validate", body));
        assert_eq!(ended(&found, "failed"), ["write leads"], "{found:#}");
        let passed = ended(&found, "passed");
        for check in [
            "create contacts",
            "delete contacts",
            "create leads",
            "read leads",
            "delete leads",
        ] {
            assert!(passed.contains(&check), "{check}: {passed:?}");
        }
        assert_eq!(found["observed"].as_array().unwrap().len(), 8);
    }
    // Without a body too.
    assert_eq!(report(&call(&gateway, "POST", "/validate").send())["verdict"], "failed");
    // A caller may have other expectations of the listed tables; without expectations, the list counts.
    let own = r#"{"expectations":[{"entitySet":"leads","verb":"write","allowed":false}]}"#;
    let own = report(&post(&gateway, "/validate", own));
    assert_eq!(
        (&own["verdict"], own["observed"].as_array().unwrap().len()),
        (&json!("passed"), 1)
    );
    let none = report(&post(&gateway, "/validate", r#"{"expectations":[]}"#));
    assert_eq!(none["observed"].as_array().unwrap().len(), 8);
    let open = sandboxed(&tenant, &[]);
    assert_eq!(
        report(&post(&open, "/validate", ""))["observed"]
            .as_array()
            .unwrap()
            .len(),
        16
    );
}

on_each_face!(where_tables_are_restricted_only_they_are_looked_at);
fn where_tables_are_restricted_only_they_are_looked_at() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[("GATEWAY_ALLOW", "contacts:GET,POST,PATCH,DELETE")]);
    for table in ["accounts", "systemusers", "Contacts"] {
        let body = json!({"expectations": [
            {"entitySet": "contacts", "verb": "read", "allowed": true},
            {"entitySet": table, "verb": "create", "allowed": false},
        ]});
        let reply = post(&gateway, "/validate", &body.to_string());
        assert_eq!(reply.status, 403, "{table}");
        assert!(reply.text().contains(table), "{}", reply.text());
    }
    assert_eq!(tenant.counts(), (0, 0), "nothing was sent");

    let found = report(&post(&gateway, "/validate", ""));
    assert_eq!(found["verdict"], "passed", "{found:#}");
    let facts = &found["facts"];
    assert!(facts["userId"].is_string() && facts["organizationId"].is_string());
    for read in ["userName", "roles", "businessUnitName", "organizationName"] {
        assert_eq!(facts[read], Value::Null, "{read}");
    }
    for request in tenant.sandbox.requests() {
        let path = request.path_and_query.as_str();
        let is_of_list = ["/oauth2/", "/WhoAmI", "/contacts", "/$batch"]
            .iter()
            .any(|part| path.contains(part));
        assert!(is_of_list, "{path}");
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!path.ends_with("/$batch") || body.contains("/contacts"), "{body}");
    }
    let list = sandboxed(&tenant, &[("GATEWAY_ALLOW", "WhoAmI:GET;$metadata:GET")]);
    let found = report(&post(&list, "/validate", ""));
    assert_eq!(
        found["observed"],
        json!([]),
        "a list without tables has none to look at"
    );
}

on_each_face!(a_call_asks_for_a_hundred_things_at_most);
fn a_call_asks_for_a_hundred_things_at_most() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let body = |count: usize| {
        let one = json!({"entitySet": "contacts", "verb": "read", "allowed": true});
        json!({"expectations": vec![one; count]}).to_string()
    };
    let reply = post(&gateway, "/validate", &body(101));
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("100"), "{}", reply.text());
    assert_eq!(tenant.counts(), (0, 0), "nothing was sent");
    assert_eq!(post(&gateway, "/validate", &body(100)).status, 200);
    assert!(tenant.counts().1 < 110, "{:?}", tenant.counts());
}

on_each_face!(a_browser_gets_a_page_in_which_nothing_is_markup);
fn a_browser_gets_a_page_in_which_nothing_is_markup() {
    let tenant = Tenant::start();
    let mut user = tenant.sandbox.user(&tenant.demo.client_id).unwrap();
    user.roles = vec![Role::new("<script>alert('x')</script> & \"more\"")];
    tenant.sandbox.set_user(&tenant.demo.client_id, Some(user));
    let gateway = sandboxed(&tenant, &[]);
    let reply = call(&gateway, "POST", "/validate")
        .header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
        .send();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        reply
            .header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );
    let page = reply.text();
    assert!(page.contains("<h1 class=passed>passed</h1>"), "{page}");
    assert!(
        page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;"),
        "{page}"
    );
    for none in ["<script", "http", "src=", "href="] {
        assert!(!page.replace("http://127.0.0.1", "").contains(none), "{none}: {page}");
    }
    assert!(page.contains("GATEWAY_ALLOW=contacts:POST,GET,PATCH,DELETE;leads:GET;accounts:GET"));
}

on_each_face!(it_takes_a_key_and_post_and_a_body_that_can_be_read);
fn it_takes_a_key_and_post_and_a_body_that_can_be_read() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let stranger = Call::new(&gateway.origin(), "POST", "/validate").send();
    assert_eq!(stranger.status, 401);
    let wrong = get(&gateway, "/validate");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    for (body, place) in [
        ("{\n\"expectations\": [}", "line 2 column 18"),
        (
            r#"{"expectations":[{"entitySet":"contacts","verb":"see","allowed":true}]}"#,
            "expectations[0]",
        ),
        (
            r#"{"expectations":[{"entitySet":"contacts(1)/x","verb":"read","allowed":true}]}"#,
            "expectations[0].entity-set",
        ),
    ] {
        let reply = post(&gateway, "/validate", body);
        assert_eq!(reply.status, 400, "{body}");
        let message = reply.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(place), "{message}");
    }
    assert_eq!(post(&gateway, "/validate", &" ".repeat(65_537)).status, 413);
    assert_eq!(tenant.counts(), (0, 0), "nothing was sent");
    assert_eq!(post(&gateway, "/validate", &" ".repeat(65_536)).status, 200);
}

on_each_face!(where_nothing_can_be_said_it_is_an_error);
fn where_nothing_can_be_said_it_is_an_error() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[("AZURE_CLIENT_SECRET", "wrong")]);
    let reply = post(&gateway, "/validate", "");
    assert_eq!((reply.status, &reply.error()["service"]), (502, &json!("entra-id")));
    let unset = sandboxed(&tenant, &[("DATAVERSE_ORGANIZATION_ID", "none")]);
    assert_eq!(post(&unset, "/validate", "").status, 503);
    assert!(
        unset.output().contains("DATAVERSE_ORGANIZATION_ID is not a GUID"),
        "{}",
        unset.output()
    );
}

on_each_face!(a_privilege_taken_away_shows_in_the_next_report);
fn a_privilege_taken_away_shows_in_the_next_report() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[("GATEWAY_ALLOW", "contacts:GET,POST,PATCH,DELETE")]);
    assert_eq!(report(&post(&gateway, "/validate", ""))["verdict"], "passed");
    tenant
        .sandbox
        .set_privileges(&tenant.demo.client_id, Privileges::none());
    let found = report(&post(&gateway, "/validate", ""));
    assert_eq!(ended(&found, "failed").len(), 4);
}

on_each_face!(an_environment_that_answers_nonsense_is_unknown);
fn an_environment_that_answers_nonsense_is_unknown() {
    let network = Network::answered(|request| {
        let path = request.uri().path();
        Answer::Answer(if path.ends_with("/oauth2/v2.0/token") {
            token_answer()
        } else if path.ends_with("/WhoAmI") {
            let id = "20000000-0000-4000-8000-000000000001";
            let body = json!({"UserId": id, "BusinessUnitId": id, "OrganizationId": id});
            json_answer(200, &body.to_string())
        } else {
            json_answer(
                404,
                r#"{"error":{"code":"0x80040217","message":"contact Does Not Exist"}}"#,
            )
        })
    });
    let gateway = contoso(&[], network);
    let found = report(&post(&gateway, "/validate", ""));
    assert_eq!(found["verdict"], "unknown");
    assert_eq!(ended(&found, "unknown").len(), 4 + 16);
    assert_eq!((&found["gatewayAllow"], &found["observed"]), (&json!(""), &json!([])));
}
