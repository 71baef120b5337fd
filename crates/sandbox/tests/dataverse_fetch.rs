//! FetchXML.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, Local, all, error, start};
use percent_encoding::percent_decode_str;
use sandbox::seed;
use serde_json::Value;

const EVERYTHING: (&str, &str) = ("Prefer", "odata.include-annotations=\"*\"");
const COOKIE: &str = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie";
const MORE: &str = "@Microsoft.Dynamics.CRM.morerecords";

fn path(set: &str, fetch: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("fetchXml", fetch)
        .finish();
    format!("{set}?{query}")
}

fn ask(local: &Local, fetch: &str) -> Answer {
    local.call("GET", &path("contacts", fetch), &[EVERYTHING], "")
}

fn names(answer: &Answer) -> Vec<String> {
    let name = |row: &Value| row["lastname"].as_str().unwrap_or_default().to_string();
    answer.rows().iter().map(name).collect()
}

#[track_caller]
fn found(filter: &str) -> Vec<String> {
    let local = start();
    let fetch = format!("<fetch><entity name='contact'><attribute name='lastname'/>{filter}</entity></fetch>");
    names(&ask(&local, &fetch))
}

#[test]
fn columns() {
    let local = start();
    let answer = ask(
        &local,
        "<fetch top='3'><entity name='contact'><attribute name='lastname'/><attribute name='parentcustomerid'/>\
         <attribute name='mobilephone'/><order attribute='lastname' descending='true'/></entity></fetch>",
    );
    let rows = answer.rows();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["lastname"], "Ångström");
    assert_eq!(rows[1]["_parentcustomerid_value"], seed::account(1));
    assert!(rows[1].get("mobilephone").is_none(), "without a value it is left out");
    assert!(rows[0].get("firstname").is_none());
    assert!(rows[0]["@odata.etag"].is_string() && rows[0]["contactid"].is_string());
    assert!(answer.json().get(MORE).is_none());
    let context = answer.json()["@odata.context"].as_str().unwrap().to_string();
    assert!(
        context.ends_with("$metadata#contacts(lastname,_parentcustomerid_value,mobilephone)"),
        "{context}"
    );

    let rows = ask(
        &local,
        "<fetch><entity name='contact'><all-attributes/></entity></fetch>",
    )
    .rows();
    assert_eq!(rows.len(), seed::CONTACTS);
    assert_eq!(rows[0]["firstname"], "Zoë");
}

#[test]
fn filters() {
    let condition = |condition: &str| found(&format!("<filter><condition {condition}/></filter>"));
    assert_eq!(
        condition("attribute='lastname' operator='eq' value=\"o'brien\""),
        ["O'Brien"]
    );
    assert_eq!(
        condition("attribute='lastname' operator='like' value='smith%'"),
        ["Smith", "Smithson"]
    );
    assert_eq!(
        condition("attribute='lastname' operator='like' value='_mith'"),
        ["Smith"]
    );
    assert_eq!(condition("attribute='lastname' operator='like' value='smit'").len(), 0);
    assert_eq!(
        condition("attribute='jobtitle' operator='null'"),
        ["Smithson", "Lefèvre"]
    );
    assert_eq!(
        condition("attribute='jobtitle' operator='not-null'").len(),
        seed::CONTACTS - 2
    );
    assert_eq!(
        condition("attribute='numberofchildren' operator='gt' value='2'"),
        ["Keller", "Jones"]
    );
    assert_eq!(
        condition("attribute='annualincome' operator='lt' value='28750.75'"),
        ["Percent_Name"]
    );
    assert_eq!(condition("attribute='donotemail' operator='eq' value='1'").len(), 3);
    assert_eq!(
        condition("attribute='lastname' operator='ne' value='Smith'").len(),
        seed::CONTACTS - 1
    );
    let id = seed::contact(5).to_uppercase();
    assert_eq!(
        condition(&format!("attribute='contactid' operator='eq' value='{{{id}}}'")),
        ["Keller"]
    );
    assert_eq!(
        found(
            "<filter type='and'><condition attribute='jobtitle' operator='eq' value='Buyer'/><filter type='or'>\
             <condition attribute='address1_city' operator='eq' value='Leeds'/>\
             <condition attribute='address1_city' operator='eq' value='Cork'/></filter></filter>"
        ),
        ["O'Brien", "Smith"]
    );
}

#[test]
fn pages_with_a_cookie() {
    let local = start();
    let fetch = |page: usize, cookie: &str| {
        let cookie = cookie
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\'', "&apos;");
        let query = format!(
            "<fetch count='5' page='{page}' paging-cookie='{cookie}'><entity name='contact'><attribute name='lastname'/>\
             <order attribute='lastname'/></entity></fetch>"
        );
        ask(&local, &query)
    };
    let mut all = Vec::new();
    let mut cookie = String::new();
    for page in 1..=4 {
        let answer = fetch(page, &cookie);
        all.extend(names(&answer));
        let body = answer.json();
        assert_eq!(
            answer.header("preference-applied"),
            Some("odata.include-annotations=\"*\"")
        );
        if page == 4 {
            assert!(body.get(COOKIE).is_none() && body.get(MORE).is_none());
            break;
        }
        assert_eq!(body[MORE], true);
        let annotation = body[COOKIE].as_str().unwrap();
        let inner = annotation
            .strip_prefix(&format!("<cookie pagenumber=\"{}\" pagingcookie=\"", page + 1))
            .unwrap()
            .strip_suffix("\" istracking=\"False\" />")
            .unwrap();
        assert!(inner.starts_with("%253ccookie%2520page%253d%2522"), "{inner}");
        let once = percent_decode_str(inner).decode_utf8().unwrap().into_owned();
        cookie = percent_decode_str(&once).decode_utf8().unwrap().into_owned();
        assert!(
            cookie.contains("<lastname last=\"") && cookie.contains("<contactid last=\"{"),
            "{cookie}"
        );
        assert_eq!(error(&fetch(page + 1, &once)).0, 400, "decoded once only");
    }
    assert_eq!(all.len(), seed::CONTACTS);
    let mut sorted = all.clone();
    sorted.sort_by_key(|name| name.to_lowercase());
    sorted.dedup();
    assert_eq!(sorted.len(), seed::CONTACTS);
    // Simple paging needs no cookie, and a cookie of another page is ignored.
    assert_eq!(names(&fetch(2, "")), all[5..10]);
    assert_eq!(names(&fetch(2, &cookie)), all[5..10]);
    assert!(names(&fetch(9, "")).is_empty());
}

#[test]
fn annotations_have_to_be_asked_for() {
    let local = start();
    let query = path("contacts", "<fetch count='5'><entity name='contact'/></fetch>");
    let ask = |prefer: &str| local.call("GET", &query, &[("Prefer", prefer)], "").json();
    let body = ask("odata.maxpagesize=3");
    assert!(body.get(COOKIE).is_none() && body.get(MORE).is_none());
    assert_eq!(
        body["value"].as_array().unwrap().len(),
        5,
        "the query's own count goes first"
    );
    let body = ask("odata.include-annotations=\"Microsoft.Dynamics.CRM.morerecords\"");
    assert!(body.get(COOKIE).is_none() && body[MORE] == true);
    let body = ask("odata.include-annotations=\"Microsoft.Dynamics.CRM.*\"");
    assert!(body[COOKIE].is_string() && body[MORE] == true);

    let query = path("contacts", "<fetch><entity name='contact'/></fetch>") + "&$count=true";
    let body = local
        .call("GET", &query, &[("Prefer", "odata.maxpagesize=3")], "")
        .json();
    assert_eq!(body["value"].as_array().unwrap().len(), 3);
    assert_eq!(body["@odata.count"], seed::CONTACTS);
}

#[test]
fn what_is_wrong() {
    let local = start();
    let refused = |fetch: &str| error(&ask(&local, fetch));
    for bad in [
        "",
        "<fetch",
        "<fetch><entity name='contact'></fetch>",
        "<query/>",
        "<fetch/>",
        "<fetch><entity name='account'/></fetch>",
        "<fetch page='0'><entity name='contact'/></fetch>",
        "<fetch top='1' page='1'><entity name='contact'/></fetch>",
        "<fetch paging-cookie='x' page='2'><entity name='contact'/></fetch>",
    ] {
        assert_eq!(refused(bad), (400, "0x80040201".into()), "{bad}");
    }
    let no_column = "<fetch><entity name='contact'><attribute name='nosuch'/></entity></fetch>";
    assert_eq!(refused(no_column), (400, "0x80041103".into()));
    for beyond in [
        "<fetch aggregate='true'><entity name='contact'/></fetch>",
        "<fetch><entity name='contact'><link-entity name='account'/></entity></fetch>",
        "<fetch><entity name='contact'><filter><condition attribute='createdon' operator='today'/></filter></entity></fetch>",
    ] {
        assert_eq!(refused(beyond).0, 501, "{beyond}");
    }
    let forbidden = path("opportunities", "<fetch><entity name='opportunity'/></fetch>");
    assert_eq!(error(&local.get(&forbidden)), (403, "0x80040220".into()));
    assert_eq!(error(&local.get(&(path("contacts", "<fetch/>") + "&$top=1"))).0, 501);
}

#[test]
fn a_long_query_goes_as_a_batch() {
    let local = all();
    let values = "<condition attribute='lastname' operator='eq' value='Keller'/>".repeat(400);
    let fetch = format!("<fetch><entity name='contact'><filter type='or'>{values}</filter></entity></fetch>");
    let path = path("contacts", &fetch);
    assert!(path.len() > 32_768 && path.len() < 65_000);
    assert_eq!(local.get(&path).status, 414);
    let batch = format!(
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET {path} HTTP/1.1\r\n\
         Accept: application/json\r\n\r\n\r\n--b--\r\n"
    );
    let answer = local.batch(&[], &batch);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("HTTP/1.1 200 OK") && answer.text().contains("Keller"));
}
