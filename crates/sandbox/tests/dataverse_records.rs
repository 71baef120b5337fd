//! The Web API over HTTP: single rows.
#![allow(clippy::unwrap_used)]

mod common;

use common::{error, start};
use sandbox::seed;
use serde_json::{Value, json};

const MISSING: &str = "99999999-0000-4000-8000-000000000000";

fn contact(n: usize) -> String {
    format!("contacts({})", seed::contact(n))
}

#[test]
fn create_read_update_delete() {
    let local = start();
    let body = json!({
        "firstname": "Anaïs", "lastname": "d'Arc & Söhne", "annualincome": 1.5, "numberofchildren": 0,
        "donotemail": true, "birthdate": "1990-02-03",
        "parentcustomerid_account@odata.bind": format!("/accounts({})", seed::account(2)),
    });
    let created = local.call("POST", "contacts", &[], &body.to_string());
    assert_eq!(created.status, 204, "{}", created.text());
    assert!(created.body.is_empty());
    assert_eq!(created.header("content-type"), None);
    let url = created.header("odata-entityid").unwrap();
    assert!(
        url.starts_with(&format!("{}/api/data/v9.2/contacts(", local.origin)),
        "{url}"
    );
    let path = url.strip_prefix(&local.origin).unwrap();

    let row = local.get(path).json();
    assert_eq!(
        row["@odata.context"],
        format!("{}/api/data/v9.2/$metadata#contacts/$entity", local.origin)
    );
    assert_eq!(row["fullname"], "Anaïs d'Arc & Söhne");
    assert_eq!(row["_parentcustomerid_value"], seed::account(2));
    let etag = row["@odata.etag"].as_str().unwrap().to_string();

    let updated = local.call(
        "PATCH",
        path,
        &[],
        r#"{"jobtitle":"Boss","parentcustomerid_account":null}"#,
    );
    assert_eq!(updated.status, 204);
    assert_eq!(updated.header("odata-entityid"), Some(url));
    let row = local
        .get(&format!("{path}?$select=jobtitle,lastname,_parentcustomerid_value"))
        .json();
    assert_eq!(
        (&row["jobtitle"], &row["lastname"]),
        (&json!("Boss"), &json!("d'Arc & Söhne"))
    );
    assert_eq!(row["_parentcustomerid_value"], Value::Null);
    assert_ne!(row["@odata.etag"], etag);

    assert_eq!(local.call("DELETE", path, &[], "").status, 204);
    assert_eq!(error(&local.get(path)), (404, "0x80040217".into()));
    assert_eq!(error(&local.call("DELETE", path, &[], "")), (404, "0x80040217".into()));
}

#[test]
fn representation_on_request() {
    let local = start();
    let prefer = [("Prefer", "return=representation")];
    let created = local.call("POST", "contacts?$select=lastname", &prefer, r#"{"lastname":"New"}"#);
    assert_eq!(created.status, 201);
    assert_eq!(created.header("preference-applied"), Some("return=representation"));
    let row = created.json();
    assert_eq!(row["lastname"], "New");
    assert!(row.get("firstname").is_none());
    let path = format!("contacts({})", row["contactid"].as_str().unwrap());
    assert!(created.header("odata-entityid").unwrap().ends_with(&path));

    let updated = local.call("PATCH", &path, &prefer, r#"{"firstname":"Brand"}"#);
    assert_eq!(updated.status, 200);
    assert_eq!(updated.json()["fullname"], "Brand New");
    let upserted = local.call(
        "PATCH",
        &format!("contacts({MISSING})"),
        &prefer,
        r#"{"lastname":"Upserted"}"#,
    );
    assert_eq!(upserted.status, 201);
    assert_eq!(upserted.json()["contactid"], MISSING);
}

#[test]
fn conditions() {
    let local = start();
    let path = contact(1);
    let missing = format!("contacts({MISSING})");
    let patch =
        |path: &str, name: &str, value: &str| local.call("PATCH", path, &[(name, value)], r#"{"jobtitle":"x"}"#);
    let etag = || local.get(&path).json()["@odata.etag"].as_str().unwrap().to_string();

    let old = etag();
    let fresh = local.call("GET", &path, &[("If-None-Match", &old)], "");
    assert_eq!((fresh.status, fresh.body.len()), (304, 0));
    let expand = format!("{path}?$expand=parentcustomerid_account");
    assert_eq!(local.call("GET", &expand, &[("If-None-Match", &old)], "").status, 200);
    assert_eq!(local.call("GET", &path, &[("If-None-Match", "null")], "").status, 200);

    assert_eq!(patch(&path, "If-Match", &old).status, 204);
    assert_eq!(error(&patch(&path, "If-Match", &old)), (412, "0x80060882".into()));
    assert_eq!(patch(&path, "If-Match", "*").status, 204);
    assert_eq!(local.call("GET", &path, &[("If-None-Match", &old)], "").status, 200);
    assert_eq!(patch(&path, "If-None-Match", "*").status, 412);

    assert_eq!(error(&patch(&missing, "If-Match", "*")), (404, "0x80040217".into()));
    assert_eq!(error(&local.get(&missing)).0, 404);
    assert_eq!(patch(&missing, "If-None-Match", "*").status, 204);
    assert_eq!(patch(&missing, "If-None-Match", "*").status, 412);

    let delete = |etag: &str| local.call("DELETE", &path, &[("If-Match", etag)], "");
    assert_eq!(error(&delete(&old)), (412, "0x80060882".into()));
    assert_eq!(delete(&etag()).status, 204);
}

#[test]
fn bodies_are_checked() {
    let local = start();
    let payload = (400, "0x80048d19".to_string());
    for body in [
        r#"{"nope":1}"#,
        r#"{"Lastname":"x"}"#,
        r#"{"lastname":5}"#,
        r#"{"numberofchildren":"2"}"#,
        r#"{"numberofchildren":2.5}"#,
        r#"{"donotemail":"true"}"#,
        r#"{"birthdate":"yesterday"}"#,
        r#"{"contactid":"x"}"#,
        r#"{"_parentcustomerid_value":"5eed000a-0000-0000-4000-800000000001"}"#,
        r#"{"parentcustomerid@odata.bind":"/accounts(5eed000a-0000-0000-4000-800000000001)"}"#,
        r#"{"parentcustomerid_account@odata.bind":"/leads(5eed0001-0000-0000-4000-800000000001)"}"#,
        r#"{"lastname":"x""#,
        "[]",
    ] {
        assert_eq!(error(&local.call("POST", "contacts", &[], body)), payload, "{body}");
    }
    let bind = format!(r#"{{"parentcustomerid_account@odata.bind":"/accounts({MISSING})"}}"#);
    assert_eq!(
        error(&local.call("POST", "contacts", &[], &bind)),
        (404, "0x80040217".into())
    );
    let long = json!({"lastname": "x".repeat(51)}).to_string();
    assert_eq!(
        error(&local.call("POST", "contacts", &[], &long)),
        (400, "0x80044331".into())
    );
    let id = json!({"contactid": seed::contact(1)}).to_string();
    assert_eq!(local.call("POST", "contacts", &[], &id).status, 412);
    let deep = r#"{"parentcustomerid_account":{"name":"x"}}"#;
    assert_eq!(error(&local.call("POST", "contacts", &[], deep)).0, 501);
    assert_eq!(
        local.get("contacts").rows().len(),
        seed::CONTACTS,
        "nothing was written"
    );
}
