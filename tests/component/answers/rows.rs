//! Where a row is and where the next page is, in every form in which an answer may say it.

use embedded_host::types::{Method, OutageCause};

use super::wire::{JSON, Wire, serving};
use crate::gateway;
use crate::support::{Client, json, outage, request};

const ID: &str = "e61a662e-68d8-487e-94e7-ae3a22fd4bbd";

/// The URL and the id of a row that was created, from these headers, with the server's origin left out.
fn created(headers: &[&str]) -> (Option<String>, Option<String>) {
    let server = serving([Wire::new(204, headers, "")]);
    let response = server.client().post("contacts", "{}").unwrap();
    let url = response.entity_url.map(|url| url.replace(&server.origin(), ""));
    (url, response.entity_id)
}

#[test]
fn the_id_of_a_row_is_found_in_every_form() {
    let upper = ID.to_uppercase();
    for (path, id) in [
        (format!("contacts({ID})"), Some(ID)),
        (format!("contacts({upper})"), Some(upper.as_str())),
        (format!("contacts(contactid={ID})"), Some(ID)),
        // An elastic table.
        (
            format!("contoso_sensordatas(contoso_sensordataid={ID},partitionid='device-001')"),
            Some(ID),
        ),
        (
            format!("contoso_sensordatas(partitionid='a,b)(''=',contoso_sensordataid={ID})"),
            Some(ID),
        ),
        (
            format!("contoso_sensordatas(contoso_sensordataid={ID},partitionid='a%2Cb')"),
            Some(ID),
        ),
        (
            format!("accounts({ID})/contact_customer_accounts({upper})"),
            Some(upper.as_str()),
        ),
        // Alternate keys, which hold no id of the row, even where they hold that of another.
        ("accounts(accountnumber='(1)')".to_owned(), None),
        (format!("accounts(accountnumber='{ID}')"), None),
        (format!("accounts(_primarycontactid_value={ID})"), None),
        (format!("accounts(_primarycontactid_value={ID},name='x')"), None),
        (format!("accounts(name='contacts({ID})')"), None),
        (format!("accounts(number=1,other={ID})"), None),
        ("contacts".to_owned(), None),
        ("contacts()".to_owned(), None),
    ] {
        let url = Some(format!("/api/data/v9.2/{path}"));
        for header in [
            format!("OData-EntityId: {{origin}}/api/data/v9.2/{path}"),
            format!("odata-entityid: /api/data/v9.2/{path}"),
            format!("OData-EntityId: {path}"),
        ] {
            let found = created(&[&header]);
            assert_eq!((found.0.as_ref(), found.1.as_deref()), (url.as_ref(), id), "{header}");
        }
    }
}

#[test]
fn a_location_tells_where_a_new_row_is_if_nothing_else_does() {
    let location = format!("Location: {{origin}}/api/data/v9.2/contacts({ID})");
    assert_eq!(
        created(&[&location]),
        (Some(format!("/api/data/v9.2/contacts({ID})")), Some(ID.to_owned()))
    );
    let both = format!("OData-EntityId: contacts(contactid={ID})");
    assert_eq!(
        created(&[&location, &both]).0,
        Some(format!("/api/data/v9.2/contacts(contactid={ID})"))
    );
    assert_eq!(
        created(&["Location: {origin}/api/data/v9.2/contacts(1)/file?sessiontoken=x"]),
        (None, None)
    );
}

#[test]
fn the_gateway_leads_back_to_itself() {
    for path in [
        format!("contacts({})", ID.to_uppercase()),
        format!("contoso_sensordatas(contoso_sensordataid={ID},partitionid='device-001')"),
        "accounts(accountnumber='(1)')".to_owned(),
    ] {
        let absolute = format!("/api/data/v9.2/{path}");
        let header = |value: &str| format!("OData-EntityId: {value}");
        let server = serving([
            Wire::new(204, &[&header(&format!("{{origin}}{absolute}"))], ""),
            Wire::new(204, &[&header(&absolute)], ""),
            Wire::new(204, &[&header(&path)], ""),
        ]);
        let gateway = gateway::gateway(&server.origin(), &[]);
        // A relative one is relative to what the caller called, which is below the gateway.
        for expected in [format!("{}{absolute}", gateway.origin()), absolute, path] {
            let reply = gateway::post(&gateway, "/api/data/v9.2/contacts", "{}");
            assert_eq!(
                (reply.status, reply.header("odata-entityid")),
                (204, Some(expected.as_str()))
            );
        }
    }
}

#[test]
fn nothing_comes_behind_a_204() {
    let body = r#"{"error":{"code":"0x1","message":"not a body"}}"#;
    for headers in [
        vec![
            JSON.to_owned(),
            format!("Content-Length: {}", body.len()),
            "Connection: close".to_owned(),
        ],
        vec!["Connection: close".to_owned()],
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let server = serving([Wire::raw(204, &headers, body), Wire::json(200, r#"{"value":[1]}"#)]);
        let mut client = server.client();
        let response = client.post("contacts", "{}").unwrap();
        assert_eq!((response.status, response.body.len()), (204, 0), "{headers:?}");
        assert_eq!(json(&client.get("contacts").unwrap())["value"][0], 1, "{headers:?}");

        let server = serving([Wire::raw(204, &headers, body), Wire::json(200, r#"{"value":[1]}"#)]);
        let gateway = gateway::gateway(&server.origin(), &[]);
        let reply = gateway::post(&gateway, "/api/data/v9.2/contacts", "{}");
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{headers:?}");
        assert_eq!(
            gateway::get(&gateway, "/api/data/v9.2/contacts").json()["value"][0],
            1,
            "{headers:?}"
        );
    }
}

/// The second page of a query, whose first has this link.
fn second(
    client: &mut Client,
    path: &str,
) -> Result<Option<embedded_host::types::Response>, embedded_host::types::Error> {
    let pages = client.pages(&request(Method::Get, path));
    client.next(pages).unwrap().unwrap();
    let second = client.next(pages);
    if second.is_err() {
        // It can be asked for again.
        client.next(pages).unwrap_err();
    }
    second
}

#[test]
fn a_relative_link_to_the_next_page_is_followed() {
    let context = r#""@odata.context":"{origin}/api/data/v9.2/$metadata#contacts","#;
    for (path, context, link, asked) in [
        (
            "contacts?$top=9",
            "",
            "contacts?$skiptoken=a%2520b",
            "/api/data/v9.2/contacts?$skiptoken=a%2520b",
        ),
        (
            "contacts",
            context,
            "contacts?$skiptoken=2",
            "/api/data/v9.2/contacts?$skiptoken=2",
        ),
        (
            "contacts",
            "",
            "/api/data/v9.2/contacts?x=1",
            "/api/data/v9.2/contacts?x=1",
        ),
        ("contacts", "", "?$skiptoken=2", "/api/data/v9.2/contacts?$skiptoken=2"),
        ("contacts", "", "./contacts?x=2", "/api/data/v9.2/contacts?x=2"),
        (
            "contacts",
            "",
            "{origin}/api/data/v9.2/contacts?x=3",
            "/api/data/v9.2/contacts?x=3",
        ),
        // OData JSON Format 4.0, 4.3: the context's URL is the base, where there is one.
        ("accounts(1)/rows", context, "rows?x=4", "/api/data/v9.2/rows?x=4"),
        (
            "accounts(1)/rows",
            "",
            "rows?x=5",
            "/api/data/v9.2/accounts(1)/rows?x=5",
        ),
        (
            "accounts(1)/rows",
            r#""@odata.context":"https://evil.example/$metadata#x","#,
            "rows?x=6",
            "/api/data/v9.2/accounts(1)/rows?x=6",
        ),
        (
            "accounts(1)/rows",
            r#""@odata.context":"../$metadata#x","#,
            "rows?x=7",
            "/api/data/v9.2/rows?x=7",
        ),
    ] {
        let first = format!(r#"{{{context}"@odata.nextLink":"{link}","value":[]}}"#);
        let heads = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = std::sync::Arc::clone(&heads);
        let server = crate::support::Server::start(move |head, stream| {
            use std::io::Write;
            let mut seen = seen.lock().unwrap();
            let host = head
                .lines()
                .find_map(|line| line.strip_prefix("host: "))
                .unwrap()
                .to_owned();
            let body = if seen.is_empty() {
                first.clone()
            } else {
                r#"{"value":[2]}"#.to_owned()
            };
            let body = body.replace("{origin}", &format!("http://{host}"));
            seen.push(head.lines().next().unwrap().to_owned());
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        });
        let page = second(&mut server.client(), path)
            .unwrap()
            .unwrap_or_else(|| panic!("{link}"));
        assert_eq!(json(&page)["value"][0], 2);
        assert_eq!(heads.lock().unwrap()[1], format!("GET {asked} HTTP/1.1"), "{link}");

        // A caller who pages by hand is given one that it can send as it is.
        heads.lock().unwrap().clear();
        let mut client = server.client();
        let next = client.get(path).unwrap().next_link.unwrap();
        assert_eq!(next, format!("{}{asked}", server.origin()), "{link}");
        client.get(&next).unwrap();
    }
}

#[test]
fn a_relative_link_leads_nowhere_else() {
    for link in [
        "//evil.example/api/data/v9.2/contacts",
        "https://evil.example/api/data/v9.2/contacts",
        "http:contacts",
        "/api/other",
        "../../../etc",
        "..%2f..%2fx",
        "contacts\\\\x",
        "",
        "#x",
    ] {
        let first = format!(r#"{{"@odata.nextLink":"{link}","value":[]}}"#);
        let server = serving([Wire::json(200, &first)]);
        let error = second(&mut server.client(), "contacts").unwrap_err();
        assert_eq!(outage(error).cause, OutageCause::UnusableAnswer, "{link}");
    }
}

#[test]
fn what_is_no_page_is_an_error_and_can_be_asked_for_again() {
    let first = Wire::json(
        200,
        r#"{"@odata.nextLink":"{origin}/api/data/v9.2/contacts?x=1","value":[]}"#,
    );
    for no_page in [
        Wire::new(
            200,
            &["Content-Type: text/html"],
            "<!DOCTYPE html><html><title>Sign in to your account</title></html>",
        ),
        Wire::json(200, ""),
        Wire::raw(204, &["Content-Length: 0", "Connection: close"], ""),
        Wire::json(200, r#"[{"n": 2}]"#),
        Wire::json(200, r#"{"error":{"code":"0x80040265","message":"x"}}"#),
    ] {
        let server = serving([first.clone(), no_page.clone(), Wire::json(200, r#"{"value":[2]}"#)]);
        let mut client = server.client();
        let pages = client.pages(&request(Method::Get, "contacts"));
        client.next(pages).unwrap().unwrap();
        assert_eq!(
            outage(client.next(pages).unwrap_err()).cause,
            OutageCause::UnusableAnswer
        );
        assert_eq!(
            json(&client.next(pages).unwrap().unwrap())["value"][0],
            2,
            "asked for again"
        );
    }
    for content_type in [vec!["Content-Type: text/plain"], vec![]] {
        let page = Wire::new(
            200,
            &content_type,
            r#"{"@odata.nextLink":"{origin}/api/data/v9.2/contacts?x=2","value":[]}"#,
        );
        let server = serving([first.clone(), page, Wire::json(200, r#"{"value":[3]}"#)]);
        let mut client = server.client();
        let pages = client.pages(&request(Method::Get, "contacts"));
        for _ in 0..3 {
            client.next(pages).unwrap().unwrap();
        }
        assert!(client.next(pages).unwrap().is_none());
    }
}
