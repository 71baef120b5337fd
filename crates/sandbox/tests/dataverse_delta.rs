//! Change tracking and its delta links.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, Local, all, error, start};
use sandbox::seed;
use serde_json::Value;

const TRACK: (&str, &str) = ("Prefer", "odata.track-changes");

fn row(n: usize) -> String {
    format!("contacts({})", seed::contact(n))
}

/// The link, as a path on the sandbox.
#[track_caller]
fn link(local: &Local, answer: &Answer, name: &str) -> String {
    let body = answer.json();
    let link = body[name].as_str().unwrap_or_else(|| panic!("{name} in {body}"));
    link.strip_prefix(&local.origin).unwrap().to_string()
}

fn ids(rows: &[Value], key: &str) -> Vec<String> {
    rows.iter()
        .filter_map(|row| row[key].as_str().map(str::to_string))
        .collect()
}

#[test]
fn changes_since_a_link() {
    let local = start();
    let answer = local.call("GET", "contacts?$select=lastname", &[TRACK], "");
    assert_eq!(answer.rows().len(), seed::CONTACTS);
    assert_eq!(answer.header("preference-applied"), Some("odata.track-changes"));
    let first = link(&local, &answer, "@odata.deltaLink");
    let token = first
        .strip_prefix("/api/data/v9.2/contacts?$select=lastname&$deltatoken=")
        .unwrap();
    assert!(
        token.contains("%21") && token.contains("%2f") && token.contains("%3a"),
        "{token}"
    );

    let quiet = local.get(&first);
    assert!(quiet.rows().is_empty());
    assert_ne!(link(&local, &quiet, "@odata.deltaLink"), "");

    local.call("PATCH", &row(3), &[], r#"{"lastname":"Changed"}"#);
    local.call("DELETE", &row(4), &[], "");
    local.call("POST", "contacts", &[], r#"{"lastname":"New"}"#);
    let answer = local.get(&first);
    let rows = answer.rows();
    assert_eq!(ids(&rows, "lastname"), ["Changed", "New"]);
    let deleted = rows.last().unwrap();
    let root = format!("{}/api/data/v9.2/$metadata#contacts", local.origin);
    assert_eq!(deleted["@odata.context"], format!("{root}/$deletedEntity"));
    assert_eq!(
        (&deleted["id"], &deleted["reason"]),
        (&seed::contact(4).into(), &"deleted".into())
    );
    assert_eq!(deleted.as_object().unwrap().len(), 3);
    assert_eq!(answer.json()["@odata.context"], format!("{root}(lastname)/$delta"));
    // The old link still returns the same, the new one the later changes.
    let second = link(&local, &answer, "@odata.deltaLink");
    assert_eq!(local.get(&first).rows().len(), 3);
    assert!(local.get(&second).rows().is_empty());
    local.call("PATCH", &row(3), &[], r#"{"lastname":"Again"}"#);
    assert_eq!(ids(&local.get(&second).rows(), "lastname"), ["Again"]);
    // A change of another table does not appear here.
    assert_eq!(local.get("contacts").json().get("@odata.deltaLink"), None);
}

#[test]
fn pages_lose_nothing() {
    let local = start();
    let prefer = ("Prefer", "odata.track-changes,odata.maxpagesize=6");
    let mut answer = local.call("GET", "contacts?$select=lastname", &[prefer], "");
    let mut seen = ids(&answer.rows(), "contactid");
    // A row of the first page changes while the others are fetched.
    local.call("PATCH", &row(2), &[], r#"{"lastname":"Meanwhile"}"#);
    while answer.json().get("@odata.nextLink").is_some() {
        assert!(answer.json().get("@odata.deltaLink").is_none());
        let next = link(&local, &answer, "@odata.nextLink");
        assert!(next.contains("istracking=%22True%22"), "{next}");
        answer = local.call("GET", &next, &[("Prefer", "odata.maxpagesize=6")], "");
        seen.extend(ids(&answer.rows(), "contactid"));
    }
    assert_eq!(seen.len(), seed::CONTACTS);
    let delta = link(&local, &answer, "@odata.deltaLink");
    assert!(!delta.contains("skiptoken"), "{delta}");
    assert_eq!(ids(&local.get(&delta).rows(), "lastname"), ["Meanwhile"]);

    // Pages of changes.
    for n in [5, 6, 7] {
        local.call("PATCH", &row(n), &[], &format!(r#"{{"lastname":"Page {n}"}}"#));
    }
    for n in [8, 9] {
        local.call("DELETE", &row(n), &[], "");
    }
    let small = ("Prefer", "odata.maxpagesize=2");
    let first = local.call("GET", &delta, &[small], "");
    assert_eq!(ids(&first.rows(), "lastname"), ["Meanwhile", "Page 5"]);
    local.call("PATCH", &row(5), &[], r#"{"lastname":"Later"}"#);
    let second = local.call("GET", &link(&local, &first, "@odata.nextLink"), &[small], "");
    assert_eq!(ids(&second.rows(), "lastname"), ["Page 6", "Page 7"]);
    let third = local.call("GET", &link(&local, &second, "@odata.nextLink"), &[small], "");
    assert_eq!(ids(&third.rows(), "id"), [seed::contact(8), seed::contact(9)]);
    let after = local.get(&link(&local, &third, "@odata.deltaLink"));
    assert_eq!(ids(&after.rows(), "lastname"), ["Later"]);
}

#[test]
fn what_is_refused() {
    let local = all();
    for (option, name) in [
        ("$filter=lastname eq 'x'", "filter"),
        ("$orderby=lastname", "orderby"),
        ("$expand=parentcustomerid_account", "expand"),
        ("$top=1", "top"),
    ] {
        let answer = local.call("GET", &format!("contacts?{}", option.replace(' ', "%20")), &[TRACK], "");
        assert_eq!(error(&answer).0, 400);
        let text = format!("The \"${name}\" query parameter isn't supported when Change Tracking is enabled.");
        assert_eq!(answer.json()["error"]["message"], text);
    }
    for bad in ["x", "1", "x!08/22/2017%2008:10:44", "1!yesterday"] {
        let answer = local.get(&format!("contacts?$deltatoken={bad}"));
        assert_eq!(error(&answer), (400, "0x80044353".into()), "{bad}");
    }
    let answer = local.call("GET", "contacts", &[TRACK], "");
    let delta = link(&local, &answer, "@odata.deltaLink");
    local.sandbox.shift_clock(7 * 24 * 3600 - 60);
    assert_eq!(local.get(&delta).status, 200);
    local.sandbox.shift_clock(120);
    assert_eq!(error(&local.get(&delta)), (400, "0x80044352".into()));
}
