//! The Web API over HTTP: collections.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashSet;

use common::{Answer, error, start, start_with};
use sandbox::seed;
use serde_json::Value;

fn column(rows: &[Value], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

fn contact(n: usize) -> String {
    format!("contacts({})", seed::contact(n))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[track_caller]
fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap().to_string()
}

#[test]
fn rows_and_columns() {
    let local = start();
    let rows = local.get("contacts").rows();
    assert_eq!(rows.len(), seed::CONTACTS);
    assert!(rows[0]["@odata.etag"].as_str().unwrap().starts_with("W/\""));
    assert!(
        rows[0].as_object().unwrap().contains_key("mobilephone"),
        "null is shown"
    );
    assert_eq!(rows[0]["fullname"], "Zoë Ångström");
    assert_eq!(rows[0]["_parentcustomerid_value"], seed::account(1));

    let answer = local.get("contacts?$select=lastname,jobtitle&$top=1");
    let body = answer.json();
    assert_eq!(
        body["@odata.context"],
        format!("{}/api/data/v9.2/$metadata#contacts(lastname,jobtitle)", local.origin)
    );
    let names: Vec<&String> = body["value"][0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["@odata.etag", "contactid", "jobtitle", "lastname"]);

    assert_eq!(
        error(&local.get("contacts?$select=Lastname")),
        (400, "0x80060888".into())
    );
    let answer = local.get("contacts?$select=lastname,nope");
    assert_eq!(
        message(&answer),
        "Could not find a property named 'nope' on type 'Microsoft.Dynamics.CRM.contact'."
    );
}

#[test]
fn filters() {
    let local = start();
    let last = |filter: &str| {
        let answer = local.get(&format!("contacts?$select=lastname&$filter={}", encoded(filter)));
        column(&answer.rows(), "lastname")
    };
    assert_eq!(last("lastname eq 'O''Brien'"), ["O'Brien"]);
    assert_eq!(last("firstname eq 'Łukasz'"), ["Wójcik"]);
    assert_eq!(last("contains(fullname,'smith')"), ["Smith", "Smithson"]);
    assert_eq!(last("jobtitle eq null"), ["Smithson", "Lefèvre"]);
    assert_eq!(last("annualincome gt 90000 and donotemail eq true"), ["Müller"]);
    assert_eq!(last(&format!("contactid eq {}", seed::contact(2))), ["O'Brien"]);
    assert_eq!(
        last(&format!(
            "_parentcustomerid_value eq {} and not donotemail",
            seed::account(2)
        ))
        .len(),
        2
    );
    assert_eq!(last("createdon lt 2020-01-01T00:00:00Z"), [] as [&str; 0]);
    // An ampersand in a value is encoded.
    let answer = local.get("accounts?$filter=name%20eq%20%27Raven%20%26%20Daughters%27");
    assert_eq!(column(&answer.rows(), "accountid"), [seed::account(1)]);

    assert_eq!(
        error(&local.get("contacts?$filter=nope%20eq%201")),
        (400, "0x80060888".into())
    );
    assert_eq!(
        error(&local.get("contacts?$filter=lastname%20eq%20%27O%27Brien%27")).0,
        400
    );
    assert_eq!(
        error(&local.get("accounts?$filter=contact_customer_accounts/any(c:c/lastname%20eq%20%27x%27)")).0,
        501
    );
}

#[test]
fn order_top_and_count() {
    let local = start();
    let answer = local.get("contacts?$select=firstname&$orderby=firstname%20desc,annualincome&$top=3");
    assert_eq!(column(&answer.rows(), "firstname"), ["李", "Łukasz", "Zoë"]);
    let answer = local
        .get("contacts?$select=lastname&$orderby=firstname,annualincome%20desc&$filter=firstname%20eq%20%27Emma%27");
    assert_eq!(column(&answer.rows(), "lastname"), ["Smith", "Smithson"]);
    let answer = local.get("contacts?$top=2&$count=true");
    assert_eq!(answer.rows().len(), 2);
    assert_eq!(answer.json()["@odata.count"], seed::CONTACTS);
    assert!(local.get("contacts?$top=2").json().get("@odata.count").is_none());
    // A plus sign is a space.
    assert_eq!(local.get("contacts?$orderby=lastname+desc").status, 200);
    for bad in [
        "$top=x",
        "$top=-1",
        "$count=maybe",
        "$orderby=nope",
        "$orderby=lastname%20up",
        "$skip=3",
    ] {
        assert_eq!(local.get(&format!("contacts?{bad}")).status, 400, "{bad}");
    }
    assert_eq!(local.get("contacts?$top=1&$top=2").status, 400);
    for unknown in ["$apply=x", "$search=x", "savedQuery=x", "@p=1", "$format=json"] {
        assert_eq!(local.get(&format!("contacts?{unknown}")).status, 501, "{unknown}");
    }
}

#[test]
fn expand_of_a_lookup() {
    let local = start();
    let path = "contacts?$select=lastname&$expand=parentcustomerid_account($select=name,accountnumber)";
    let answer = local.get(path);
    let body = answer.json();
    assert!(
        body["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("#contacts(lastname,parentcustomerid_account(name,accountnumber))")
    );
    let rows = answer.rows();
    assert_eq!(rows[0]["parentcustomerid_account"]["name"], "Raven & Daughters");
    assert_eq!(rows[0]["parentcustomerid_account"]["accountid"], seed::account(1));
    assert!(rows[0]["parentcustomerid_account"].get("revenue").is_none());
    assert_eq!(rows[11]["parentcustomerid_account"], Value::Null);
    let row = local
        .get(&format!("{}?$expand=parentcustomerid_account", contact(3)))
        .json();
    assert_eq!(row["parentcustomerid_account"]["name"], "Łódź Metalworks");
    assert_eq!(row["lastname"], "Wójcik");

    assert_eq!(error(&local.get("contacts?$expand=nope")).0, 400);
    assert_eq!(
        error(&local.get("contacts?$expand=parentcustomerid_account($select=nope)")).0,
        400
    );
    assert_eq!(
        error(&local.get("contacts?$expand=parentcustomerid_account($select=name")).0,
        400
    );
    assert_eq!(error(&local.get("accounts?$expand=contact_customer_accounts")).0, 501);
    assert_eq!(
        error(&local.get("contacts?$expand=parentcustomerid_account($expand=primarycontactid)")).0,
        501
    );
}

#[test]
fn pages() {
    let local = start();
    let mut path = "contacts?$select=lastname&$orderby=lastname&$count=true&$top=2".to_string();
    let (mut sizes, mut seen) = (Vec::new(), HashSet::new());
    loop {
        let answer = local.call("GET", &path, &[("Prefer", "odata.maxpagesize=5")], "");
        assert_eq!(answer.header("preference-applied"), Some("odata.maxpagesize=5"));
        let body = answer.json();
        assert_eq!(body["@odata.count"], seed::CONTACTS);
        sizes.push(answer.rows().len());
        seen.extend(answer.rows().iter().map(|row| row["contactid"].to_string()));
        let Some(next) = body["@odata.nextLink"].as_str() else {
            break;
        };
        assert!(next.contains("$skiptoken=%3Ccookie%20pagenumber=%22"), "{next}");
        assert!(
            next.contains("pagingcookie=%22%253ccookie%2520page%253d%2522"),
            "{next}"
        );
        path = next.strip_prefix(&local.origin).unwrap().to_string();
    }
    assert_eq!(sizes, [5, 5, 5, 2], "$top is ignored");
    assert_eq!(seen.len(), seed::CONTACTS);

    // Each request has its own page size; without one, all remaining rows are returned.
    let first = local
        .call("GET", "contacts", &[("Prefer", "odata.maxpagesize=5")], "")
        .json();
    let next = first["@odata.nextLink"]
        .as_str()
        .unwrap()
        .strip_prefix(&local.origin)
        .unwrap();
    let rest = local.get(next);
    assert_eq!(rest.rows().len(), seed::CONTACTS - 5);
    assert!(rest.json().get("@odata.nextLink").is_none());

    // Decoding the link, even once, makes it invalid.
    let spoilt = next.replace("%25", "%");
    assert_eq!(local.get(&spoilt).status, 400);
    // A page that ends with the rows has no next link.
    let whole = local
        .call("GET", "contacts", &[("Prefer", "odata.maxpagesize=17")], "")
        .json();
    assert!(whole.get("@odata.nextLink").is_none());
}

#[test]
fn the_default_page_size_can_be_small() {
    let local = start_with(|config| config.default_page_size = 10);
    let answer = local.get("contacts");
    assert_eq!(answer.rows().len(), 10);
    assert!(answer.json()["@odata.nextLink"].is_string());
    assert_eq!(local.get("contacts?$top=3").rows().len(), 3);
}
