//! Counts, single columns, and the rows that lookups refer to.
#![allow(clippy::unwrap_used)]

mod common;

use common::{all, error, start};
use sandbox::{Privileges, Verb, seed};
use serde_json::json;

const BOM: char = '\u{feff}';

fn contact(n: usize) -> String {
    format!("contacts({})", seed::contact(n))
}

#[test]
fn counts_of_collections() {
    let local = all();
    let count = |path: &str| {
        let answer = local.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/plain"), "{path}");
        let text = answer.text().strip_prefix(BOM).unwrap().to_string();
        text.parse::<usize>().unwrap()
    };
    assert_eq!(count("contacts/$count"), seed::CONTACTS);
    assert_eq!(count("contacts/$count?$filter=firstname%20eq%20'Emma'"), 2);
    // None of these changes the count.
    assert_eq!(count("contacts/$count?$top=1&$orderby=lastname"), seed::CONTACTS);
    let account = format!("accounts({})", seed::account(4));
    let below = format!("{account}/contact_customer_accounts/$count");
    assert_eq!(count(&below), 3);
    assert_eq!(count(&format!("{below}?$filter=jobtitle%20eq%20null")), 1);
    let user = local.sandbox.user(&local.client_id).unwrap();
    assert_eq!(
        count(&format!(
            "systemusers({})/systemuserroles_association/$count",
            user.user_id
        )),
        1
    );

    assert_eq!(local.call("POST", "contacts/$count", &[], "{}").status, 405);
    let refused = |path: &str| error(&local.get(path));
    assert_eq!(refused("contacts/$count?$filter=nosuch%20eq%201").0, 400);
    assert_eq!(refused("contacts/$count?$skiptoken=x").0, 501);
    assert_eq!(refused(&format!("{account}/Account_Tasks/$count")).0, 501);
    let missing = "accounts(00000000-0000-4000-8000-00000000dead)/contact_customer_accounts/$count";
    assert_eq!(refused(missing), (404, "0x80040217".into()));
}

#[test]
fn counts_are_of_what_the_user_may_read() {
    let local = start();
    assert_eq!(error(&local.get("opportunities/$count")), (403, "0x80040220".into()));
    let below = format!("accounts({})/opportunity_customer_accounts/$count", seed::account(1));
    assert_eq!(error(&local.get(&below)), (403, "0x80040220".into()));
    let own = Privileges::none().allow_at("contacts", &Verb::ALL, sandbox::Depth::Basic);
    local.sandbox.set_privileges(&local.client_id, own);
    assert_eq!(local.get("contacts/$count").text(), format!("{BOM}0"));
    local.call("POST", "contacts", &[], r#"{"lastname":"Own"}"#);
    assert_eq!(local.get("contacts/$count").text(), format!("{BOM}1"));
}

#[test]
fn one_column() {
    let local = start();
    let path = contact(2);
    let answer = local.get(&format!("{path}/lastname"));
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({
            "@odata.context": format!("{}/api/data/v9.2/$metadata#{path}/lastname", local.origin),
            "value": "O'Brien",
        })
    );
    assert_eq!(local.get(&format!("{path}/annualincome")).json()["value"], 48_500.5);
    assert_eq!(local.get(&format!("{path}/donotemail")).json()["value"], false);
    assert_eq!(
        local.get(&format!("{path}/_parentcustomerid_value")).json()["value"],
        seed::account(1)
    );
    // A column without a value.
    let answer = local.get(&format!("{}/jobtitle", contact(9)));
    assert_eq!((answer.status, answer.text()), (204, ""));
    assert_eq!(
        error(&local.get("contacts(00000000-0000-4000-8000-00000000dead)/lastname")),
        (404, "0x80040217".into())
    );
    assert_eq!(error(&local.get(&format!("{path}/lastname?$select=x"))).0, 501);
    assert_eq!(local.call("POST", &format!("{path}/lastname"), &[], "{}").status, 405);
    local.sandbox.set_privileges(&local.client_id, Privileges::none());
    assert_eq!(
        error(&local.get(&format!("{path}/lastname"))),
        (403, "0x80040220".into())
    );
}

#[test]
fn the_value_alone() {
    let local = start();
    let value = |n: usize, column: &str| {
        let answer = local.get(&format!("{}/{column}/$value", contact(n)));
        let content_type = answer.header("content-type").map(str::to_string);
        (answer.status, content_type, answer.text().to_string())
    };
    let text = |text: &str| (200, Some("text/plain".into()), text.into());
    assert_eq!(value(1, "lastname"), text("Ångström"));
    assert_eq!(value(2, "annualincome"), text("48500.5"));
    assert_eq!(value(2, "donotemail"), text("false"));
    assert_eq!(value(2, "contactid"), text(&seed::contact(2)));
    assert_eq!(value(9, "jobtitle"), (204, None, String::new()));
    let path = format!("{}/lastname/$value", contact(1));
    assert_eq!(local.call("PUT", &path, &[], "{}").status, 405);
}

#[test]
fn one_column_is_written() {
    let local = start();
    let path = contact(2);
    let put = |column: &str, body: &str| local.call("PUT", &format!("{path}/{column}"), &[], body);
    let before = local.get(&path).json();
    assert_eq!(put("lastname", r#"{"value":"Changed"}"#).status, 204);
    let row = local.get(&path).json();
    assert_eq!(row["lastname"], "Changed");
    assert_eq!(row["fullname"], "Siobhán Changed");
    assert_ne!(row["@odata.etag"], before["@odata.etag"]);
    assert_eq!(local.call("DELETE", &format!("{path}/jobtitle"), &[], "").status, 204);
    assert!(local.get(&path).json()["jobtitle"].is_null());
    let writes = local.sandbox.committed_writes();
    let written: Vec<(&str, &str)> = writes
        .iter()
        .map(|write| (write.method.as_str(), write.id.as_str()))
        .collect();
    let id = seed::contact(2);
    assert_eq!(written, [("PUT", id.as_str()), ("DELETE", id.as_str())]);

    let snapshot = local.sandbox.snapshot();
    assert_eq!(error(&put("lastname", "{}")), (400, "0x80048d19".into()));
    assert_eq!(
        error(&put("numberofchildren", r#"{"value":"two"}"#)),
        (400, "0x80048d19".into())
    );
    for read_only in ["contactid", "fullname", "createdon", "_parentcustomerid_value"] {
        let answer = put(read_only, &json!({"value": seed::contact(3)}).to_string());
        assert_eq!(error(&answer), (400, "0x80048d19".into()), "{read_only}");
        let answer = local.call("DELETE", &format!("{path}/{read_only}"), &[], "");
        assert_eq!(error(&answer), (400, "0x80048d19".into()), "{read_only}");
    }
    let stale = [("If-Match", "W/\"1\"")];
    let answer = local.call("PUT", &format!("{path}/lastname"), &stale, r#"{"value":"x"}"#);
    assert_eq!(error(&answer), (412, "0x80060882".into()));
    let account = format!("accounts({})/name", seed::account(1));
    let answer = local.call("PUT", &account, &[], r#"{"value":"x"}"#);
    assert_eq!(error(&answer), (403, "0x80040220".into()));
    let user = local.sandbox.user(&local.client_id).unwrap();
    let mine = format!("systemusers({})/fullname", user.user_id);
    let all = all();
    assert_eq!(error(&all.call("PUT", &mine, &[], r#"{"value":"x"}"#)).0, 501);
    assert_eq!(local.sandbox.snapshot(), snapshot);
}

#[test]
fn the_row_behind_a_lookup() {
    let local = start();
    let answer = local.get(&format!("{}/parentcustomerid_account?$select=name", contact(2)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let row = answer.json();
    assert_eq!(
        row["@odata.context"],
        format!("{}/api/data/v9.2/$metadata#accounts(name)/$entity", local.origin)
    );
    assert_eq!(row["name"], "Raven & Daughters");
    assert_eq!(row["accountid"], seed::account(1));
    assert_eq!(answer.header("etag"), row["@odata.etag"].as_str());
    // Empty, and referring to a row of the other table that shares its column.
    assert_eq!(
        local.get(&format!("{}/parentcustomerid_account", contact(12))).status,
        204
    );
    assert_eq!(
        local.get(&format!("{}/parentcustomerid_contact", contact(2))).status,
        204
    );
    let path = format!("{}/parentcustomerid_account", contact(2));
    assert_eq!(local.call("PATCH", &path, &[], "{}").status, 405);
    let missing = "contacts(00000000-0000-4000-8000-00000000dead)/parentcustomerid_account";
    assert_eq!(error(&local.get(missing)), (404, "0x80040217".into()));
    let only_contacts = Privileges::none().allow("contacts", &[Verb::Read]);
    local.sandbox.set_privileges(&local.client_id, only_contacts);
    assert_eq!(error(&local.get(&path)), (403, "0x80040220".into()));
}

#[test]
fn in_a_batch() {
    let local = start();
    let part = |url: &str| {
        format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET {url} HTTP/1.1\r\n\r\n\r\n"
        )
    };
    let body = part("contacts/$count") + &part(&format!("{}/lastname", contact(2))) + "--b--\r\n";
    let answer = local.batch(&[], &body);
    assert_eq!(answer.status, 200);
    assert!(
        answer.text().contains(&format!("{BOM}{}", seed::CONTACTS)),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains(r#""value":"O'Brien""#), "{}", answer.text());
}
