//! Queries in FetchXML.

use std::sync::atomic::{AtomicUsize, Ordering};

use embedded_host::types::{Error, FetchQuery, OutageCause, Response};
use embedded_host::{Pages, Reply};
use percent_encoding::percent_decode_str;
use sandbox::{Fault, Service};

use crate::pages::names;
use crate::support::{Client, Requests, Tenant, contoso, dataverse_error, json_answer, outage, request_faults};

const COOKIE: &str = "<cookie pagenumber=\"2\" pagingcookie=\"%253ccookie%2520page%253d%25221%2522%253e%253c%252fcookie%253e\" istracking=\"False\" />";

fn query(fetch: &str) -> FetchQuery {
    FetchQuery {
        entity_set: "contacts".to_owned(),
        fetch: fetch.to_owned(),
        page_size: None,
        headers: Vec::new(),
    }
}

fn sorted(attributes: &str) -> String {
    format!(
        "<fetch {attributes}><entity name='contact'><attribute name='lastname'/><order attribute='lastname'/></entity></fetch>"
    )
}

impl Client {
    fn fetch(&mut self, query: &FetchQuery) -> Result<Pages, Error> {
        self.instance.fetch_xml(Some(self.connection), query).unwrap()
    }

    fn all(&mut self, pages: Pages) -> Vec<Vec<String>> {
        std::iter::from_fn(|| self.next(pages).unwrap())
            .map(|page| names(&page))
            .collect()
    }
}

/// A client whose queries are answered with these bodies in turn; the last one stays.
fn answering(bodies: Vec<serde_json::Value>) -> (Client, Requests) {
    let at = AtomicUsize::new(0);
    contoso(move || {
        let at = at.fetch_add(1, Ordering::SeqCst).min(bodies.len() - 1);
        Reply::Answer(json_answer(200, &bodies[at].to_string()))
    })
}

fn more(cookie: Option<&str>) -> serde_json::Value {
    let mut body = serde_json::json!({ "@Microsoft.Dynamics.CRM.morerecords": true, "value": [] });
    if let Some(cookie) = cookie {
        body["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"] = cookie.into();
    }
    body
}

/// The queries that were sent, decoded.
fn sent(requests: &Requests) -> Vec<String> {
    let requests = requests.lock().unwrap();
    let queries = requests.iter().filter_map(|request| {
        let encoded = request.uri().query()?.strip_prefix("fetchXml=")?;
        Some(percent_decode_str(encoded).decode_utf8().unwrap().into_owned())
    });
    queries.collect()
}

#[test]
fn a_query_goes_through_all_its_pages() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let whole = client.get("contacts?$select=lastname&$orderby=lastname").unwrap();
    let pages = client.fetch(&query(&sorted("count='5'"))).unwrap();
    let all = client.all(pages);
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5, 2]);
    assert_eq!(all.concat(), names(&whole));
    assert!(client.next(pages).unwrap().is_none());
    assert_eq!(tenant.counts(), (1, 5));
}

#[test]
fn the_page_size_can_be_said_beside_the_query() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let sized = FetchQuery {
        page_size: Some(10),
        ..query(&sorted(""))
    };
    let pages = client.fetch(&sized).unwrap();
    let lengths: Vec<_> = client.all(pages).iter().map(Vec::len).collect();
    assert_eq!(lengths, [10, 7]);
}

#[test]
fn a_query_with_top_is_one_page_and_one_with_a_page_begins_there() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let top = client.fetch(&query(&sorted("top='3'"))).unwrap();
    let lengths: Vec<_> = client.all(top).iter().map(Vec::len).collect();
    assert_eq!(lengths, [3]);
    let third = client.fetch(&query(&sorted("count='5' page='3'"))).unwrap();
    let lengths: Vec<_> = client.all(third).iter().map(Vec::len).collect();
    assert_eq!(lengths, [5, 2]);
}

#[test]
fn letters_and_signs_arrive_as_they_are_meant() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    for (value, found) in [
        ("O'Brien", vec!["O'Brien"]),
        ("Ångström", vec!["Ångström"]),
        ("a &amp; b + c # d % 20 %20 ? \" &lt;", vec![]),
    ] {
        let value = value.replace('"', "&quot;");
        let fetch = format!(
            "<fetch>\n<entity name='contact'><attribute name='lastname'/><filter><condition attribute='lastname' \
             operator='eq' value=\"{value}\"/></filter></entity>\r\n</fetch>"
        );
        let pages = client.fetch(&query(&fetch)).unwrap();
        assert_eq!(names(&client.next(pages).unwrap().unwrap()), found, "{value}");
    }
    let (mut client, requests) = answering(vec![more(None)]);
    let fetch = "<fetch><x y='a &amp; b + c # d % 20 %20 ? &quot; &lt; ö'/></fetch>";
    let pages = client.fetch(&query(fetch)).unwrap();
    client.next(pages).unwrap();
    assert_eq!(sent(&requests), [fetch.replace("<fetch>", "<fetch page=\"1\">")]);
}

#[test]
fn a_page_that_fails_can_be_asked_for_again() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let pages = client.fetch(&query(&sorted("count='10'"))).unwrap();
    let mut all = names(&client.next(pages).unwrap().unwrap());
    tenant.sandbox.misbehave(Fault::status(Service::Dataverse, 500, "oops"));
    assert_eq!(dataverse_error(client.next(pages).unwrap_err()).status, 500);
    all.extend(client.all(pages).concat());
    let whole = client.get("contacts?$select=lastname&$orderby=lastname").unwrap();
    assert_eq!(all, names(&whole));
}

#[test]
fn every_page_carries_the_callers_headers_and_asks_for_the_cookie() {
    let (mut client, requests) = answering(vec![more(Some(COOKIE)), serde_json::json!({ "value": [] })]);
    let mut query = query("<fetch/>");
    query.headers = vec![
        ("prefer".to_owned(), "odata.include-annotations=\"a.b\"".to_owned()),
        ("CallerObjectId".to_owned(), "1".to_owned()),
    ];
    let pages = client.fetch(&query).unwrap();
    while client.next(pages).unwrap().is_some() {}
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 3);
    for request in &requests[1..] {
        assert_eq!(
            request.headers()["prefer"],
            "odata.include-annotations=\"a.b,Microsoft.Dynamics.CRM.fetchxmlpagingcookie,Microsoft.Dynamics.CRM.morerecords\""
        );
        assert_eq!(request.headers()["callerobjectid"], "1");
    }
}

#[test]
fn without_a_cookie_pages_are_counted() {
    let (mut client, requests) = answering(vec![more(Some(COOKIE)), more(None), serde_json::json!({ "value": [] })]);
    let pages = client.fetch(&query("<fetch/>")).unwrap();
    while client.next(pages).unwrap().is_some() {}
    assert_eq!(
        sent(&requests),
        [
            "<fetch page=\"1\"/>",
            "<fetch page=\"2\" paging-cookie=\"&lt;cookie page=&quot;1&quot;&gt;&lt;/cookie&gt;\"/>",
            "<fetch page=\"3\"/>"
        ]
    );
}

#[test]
fn a_cookie_that_repeats_or_is_none_is_an_error_after_its_page() {
    let unusable = |error: Error, part: &str| {
        let outage = outage(error);
        assert_eq!(outage.cause, OutageCause::UnusableAnswer);
        assert!(outage.detail.contains(part), "{}", outage.detail);
    };
    let (mut client, requests) = answering(vec![more(Some(COOKIE))]);
    let pages = client.fetch(&query("<fetch/>")).unwrap();
    for _ in 0..2 {
        assert!(client.next(pages).unwrap().is_some());
    }
    for _ in 0..2 {
        unusable(client.next(pages).unwrap_err(), "one that an earlier page had");
    }
    assert_eq!(requests.lock().unwrap().len(), 3);

    for cookie in [
        "x",
        "<cookie/>",
        "<cookie pagingcookie='%25ff'/>",
        "<!DOCTYPE x><cookie pagingcookie='a'/>",
    ] {
        let (mut client, requests) = answering(vec![more(Some(cookie))]);
        let pages = client.fetch(&query("<fetch/>")).unwrap();
        assert!(client.next(pages).unwrap().is_some());
        unusable(client.next(pages).unwrap_err(), "paging cookie");
        assert_eq!(requests.lock().unwrap().len(), 2, "{cookie}");
    }
}

#[test]
fn what_a_cookie_holds_stays_within_its_attribute() {
    // Decoded: "/><entity name="systemuser"/><x a="
    let cookie = "<cookie pagingcookie=\"%2522%252f%253e%253centity%2520name%253d%2522systemuser%2522%252f%253e%253cx%2520a%253d%2522\"/>";
    let (mut client, requests) = answering(vec![more(Some(cookie)), serde_json::json!({ "value": [] })]);
    let pages = client.fetch(&query("<fetch><entity name='contact'/></fetch>")).unwrap();
    while client.next(pages).unwrap().is_some() {}
    assert_eq!(
        sent(&requests)[1],
        "<fetch page=\"2\" paging-cookie=\"&quot;/&gt;&lt;entity name=&quot;systemuser&quot;/&gt;&lt;x a=&quot;\">\
         <entity name='contact'/></fetch>"
    );
}

#[test]
fn what_is_no_query_is_refused_before_anything_is_sent() {
    let (mut client, requests) = answering(vec![more(None)]);
    let fields = |error: Error| -> Vec<String> { request_faults(error).into_iter().map(|(field, _)| field).collect() };
    for fetch in [
        "",
        "<fetch>",
        "<fetch/><fetch/>",
        "<entity name='contact'/>",
        "<!DOCTYPE fetch [<!ENTITY x 'y'>]><fetch>&x;</fetch>",
        "<fetch a='1' a='2'/>",
    ] {
        let error = client.fetch(&query(fetch)).err().unwrap();
        assert_eq!(fields(error), ["fetch"], "{fetch}");
    }
    let wrong = FetchQuery {
        entity_set: "contacts?$top=1".to_owned(),
        page_size: Some(0),
        ..query("<fetch/>")
    };
    assert_eq!(fields(client.fetch(&wrong).err().unwrap()), ["entity-set", "page-size"]);
    assert!(requests.lock().unwrap().is_empty());
}

#[test]
fn a_query_too_long_for_a_url_of_its_own_goes_in_a_batch() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let short = client.fetch(&query(&sorted("count='2'"))).unwrap();
    let short = client.all(short);
    tenant.sandbox.clear_requests();
    let long = sorted("count='2'").replace("</entity>", &format!("<!--{}--></entity>", "x".repeat(40_000)));
    let long = client.fetch(&query(&long)).unwrap();
    assert_eq!(client.all(long), short);
    let requests = tenant.sandbox.requests();
    assert!(requests.len() > 1);
    assert!(
        requests
            .iter()
            .all(|request| request.path_and_query.ends_with("/$batch"))
    );
}

#[test]
fn a_query_too_long_for_any_url_is_named() {
    let (mut client, requests) = answering(vec![more(None)]);
    let long = format!("<fetch><!--{}--></fetch>", "x".repeat(70_000));
    let pages = client.fetch(&query(&long)).unwrap();
    let faults = request_faults(client.next(pages).unwrap_err());
    assert_eq!(faults[0].0, "fetch");
    assert!(faults[0].1.contains("too long"), "{faults:?}");
    assert!(requests.lock().unwrap().is_empty());
}

#[test]
fn a_refusal_is_the_services_own() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let pages = client.fetch(&query("<fetch><entity name='account'/></fetch>")).unwrap();
    let answer: Result<Option<Response>, Error> = client.next(pages);
    assert_eq!(
        dataverse_error(answer.unwrap_err()).status,
        400,
        "the table is another one"
    );
}
