//! Links in answers point to the gateway, and links in requests to the environment.

use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use super::{call, gateway, get, post, sandboxed};
use crate::support::{Server, Tenant};

const ROOT: &str = "/api/data/v9.2";

/// The path of a link, which must point to the gateway.
fn path_of<'a>(link: &'a str, gateway: &embedded_host::Server) -> &'a str {
    link.strip_prefix(&gateway.origin())
        .unwrap_or_else(|| panic!("{link} does not point to the gateway"))
}

on_each_face!(pages_are_followed_through_the_gateway);
fn pages_are_followed_through_the_gateway() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let mut names = Vec::new();
    let mut next = Some(format!("{ROOT}/contacts?$select=lastname"));
    let mut pages = 0;
    while let Some(path) = next {
        let page = call(&gateway, "GET", &path)
            .header("prefer", "odata.maxpagesize=5")
            .send()
            .json();
        path_of(page["@odata.context"].as_str().unwrap(), &gateway);
        let rows = page["value"].as_array().unwrap();
        names.extend(rows.iter().map(|row| row["lastname"].as_str().unwrap().to_owned()));
        next = page["@odata.nextLink"]
            .as_str()
            .map(|link| path_of(link, &gateway).to_owned());
        pages += 1;
    }
    assert_eq!((pages, names.len()), (4, sandbox::seed::CONTACTS));
    assert!(
        tenant
            .sandbox
            .requests()
            .iter()
            .all(|request| !request.path_and_query.contains(&gateway.origin()))
    );
}

on_each_face!(a_new_rows_url_leads_back_and_works);
fn a_new_rows_url_leads_back_and_works() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let created = post(&gateway, &format!("{ROOT}/contacts"), r#"{"lastname":"Hopper"}"#);
    let path = path_of(created.header("odata-entityid").unwrap(), &gateway).to_owned();
    assert_eq!(get(&gateway, &path).json()["lastname"], "Hopper");
    let changed = call(&gateway, "PATCH", &path)
        .header("if-match", "*")
        .json(r#"{"lastname":"Murray"}"#)
        .send();
    assert_eq!(changed.status, 204);
    assert_eq!(call(&gateway, "DELETE", &path).send().status, 204);
    assert_eq!(get(&gateway, &path).status, 404);
}

on_each_face!(a_link_in_a_request_leads_to_the_environment);
fn a_link_in_a_request_leads_to_the_environment() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let account = format!("{}{ROOT}/accounts({})", gateway.origin(), sandbox::seed::account(2));
    let contact = format!("{ROOT}/contacts({})", sandbox::seed::contact(1));
    let reference = serde_json::json!({ "@odata.id": account }).to_string();
    let put = call(&gateway, "PUT", &format!("{contact}/parentcustomerid_account/$ref"))
        .json(&reference)
        .send();
    assert_eq!(put.status, 204, "{}", put.text());
    let read = get(&gateway, &format!("{contact}/parentcustomerid_account/$ref")).json();
    assert_eq!(read["@odata.id"], account);

    let bound = serde_json::json!({ "lastname": "Bound", "parentcustomerid_account@odata.bind": account });
    assert_eq!(
        post(&gateway, &format!("{ROOT}/contacts"), &bound.to_string()).status,
        204
    );
}

on_each_face!(the_row_to_part_with_is_named_by_a_link);
fn the_row_to_part_with_is_named_by_a_link() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let account = format!("{ROOT}/accounts({})", sandbox::seed::account(1));
    let contact = format!("{}{ROOT}/contacts({})", gateway.origin(), sandbox::seed::contact(1));
    let linked = post(
        &gateway,
        &format!("{account}/contact_customer_accounts/$ref"),
        &serde_json::json!({ "@odata.id": contact }).to_string(),
    );
    assert_eq!(linked.status, 204, "{}", linked.text());
    let parted = call(
        &gateway,
        "DELETE",
        &format!("{account}/contact_customer_accounts/$ref?$id={contact}"),
    )
    .send();
    assert_eq!(parted.status, 204, "{}", parted.text());
}

on_each_face!(a_file_is_its_owners_even_one_that_is_json);
fn a_file_is_its_owners_even_one_that_is_json() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let path = format!("{ROOT}/contacts({})/sample_contract", sandbox::seed::contact(1));
    let file = format!(
        r#"{{"@odata.id":"{}/x","x":"{}/x"}}"#,
        gateway.origin(),
        tenant.sandbox.origin()
    );
    let upload = call(&gateway, "PATCH", &path)
        .header("content-type", "application/json")
        .header("x-ms-file-name", "x.json");
    upload.body(file.as_str()).send();
    let sent = tenant.sandbox.requests().pop().unwrap();
    assert_eq!(String::from_utf8(sent.body).unwrap(), file);
}

on_each_face!(a_batch_leads_there_and_back);
fn a_batch_leads_there_and_back() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let origin = gateway.origin();
    let account = format!("{origin}{ROOT}/accounts({})", sandbox::seed::account(1));
    let json = format!(
        r#"{{"lastname":"In a batch","jobtitle":"{origin}/x","parentcustomerid_account@odata.bind":"{account}"}}"#
    );
    let length = json.len();
    let batch = [
        "--batch_1",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        &format!("GET {origin}{ROOT}/contacts?$select=lastname&$top=1 HTTP/1.1"),
        "Prefer: odata.maxpagesize=1",
        "",
        "",
        "--batch_1",
        "Content-Type: multipart/mixed; boundary=changeset_1",
        "",
        "--changeset_1",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "Content-ID: 1",
        "",
        &format!("POST {origin}{ROOT}/contacts HTTP/1.1"),
        "Content-Type: application/json",
        &format!("Content-Length: {length}"),
        "",
        &json,
        "--changeset_1--",
        "",
        "--batch_1--",
        "",
    ]
    .join("\r\n");
    let reply = call(&gateway, "POST", &format!("{ROOT}/$batch"))
        .header("content-type", "multipart/mixed; boundary=\"batch_1\"")
        .body(batch)
        .send();
    let text = reply.text();
    assert_eq!(reply.status, 200, "{text}");
    assert!(
        text.contains("HTTP/1.1 200 OK") && text.contains("HTTP/1.1 204 No Content"),
        "{text}"
    );
    assert!(!text.contains(&tenant.sandbox.origin()), "{text}");
    let location = text.lines().find_map(|line| {
        line.strip_prefix("OData-EntityId: ")
            .or(line.strip_prefix("odata-entityid: "))
    });
    let row = get(&gateway, path_of(location.unwrap().trim(), &gateway)).json();
    assert_eq!(row["jobtitle"], format!("{origin}/x"), "users' data is not touched");
    assert_eq!(row["_parentcustomerid_value"], sandbox::seed::account(1));
}

on_each_face!(a_link_is_found_across_pieces_and_users_data_is_left);
fn a_link_is_found_across_pieces_and_users_data_is_left() {
    let server = Server::start(|_, stream| {
        let origin = format!("http://{}", stream.local_addr().unwrap());
        let body = format!(
            r#"{{"@odata.nextLink":"{origin}{ROOT}/contacts?$skiptoken=x","value":[{{"description":"{origin}/x","note":"\"@odata.id\":\"{origin}/x\""}}]}}"#
        );
        let head = format!(
            "content-type: application/json; odata.metadata=minimal\r\ncontent-length: {}",
            body.len()
        );
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes());
        let _ = stream.set_nodelay(true);
        for piece in body.as_bytes().chunks(3) {
            let _ = stream.write_all(piece);
            let _ = stream.flush();
            sleep(Duration::from_millis(1));
        }
    });
    let gateway = gateway(&server.origin(), &[]);
    let reply = get(&gateway, &format!("{ROOT}/contacts"));
    assert_eq!(reply.header("content-length"), None, "it is another length now");
    let (back, there) = (gateway.origin(), server.origin());
    assert_eq!(
        reply.text(),
        format!(
            r#"{{"@odata.nextLink":"{back}{ROOT}/contacts?$skiptoken=x","value":[{{"description":"{there}/x","note":"\"@odata.id\":\"{there}/x\""}}]}}"#
        )
    );
}

on_each_face!(links_lead_to_where_the_caller_came_from);
fn links_lead_to_where_the_caller_came_from() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let context = |proto: &str, host: &str| {
        let call = call(&gateway, "GET", &format!("{ROOT}/contacts?$top=1"));
        let call = call.header("x-forwarded-proto", proto).header("x-forwarded-host", host);
        let reply = call.send();
        (reply.status, reply.json()["@odata.context"].as_str().map(str::to_owned))
    };
    let (_, outside) = context("https", "crm.example");
    assert!(
        outside
            .unwrap()
            .starts_with("https://crm.example/api/data/v9.2/$metadata")
    );
    let (_, outside) = context("https", "crm.example:443");
    assert!(outside.unwrap().starts_with("https://crm.example/"));
    let (_, outside) = context("https", "CRM.example:8443, inner.example");
    assert!(outside.unwrap().starts_with("https://crm.example:8443/"));
    let (_, outside) = context("https", "[2001:DB8::1]:8443");
    assert!(outside.unwrap().starts_with("https://[2001:db8::1]:8443/"));
    for host in [
        "crm.example/path",
        "a@b",
        "\"x\"",
        "a b",
        "a:b",
        "a:0",
        "a:99999",
        "a:",
        "a:1:2",
        "[::g]",
        "::1",
        ":80",
    ] {
        assert_eq!(context("https", host).0, 400, "{host}");
    }
}

on_each_face!(a_forwarded_host_is_no_longer_than_a_host_name);
fn a_forwarded_host_is_no_longer_than_a_host_name() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let status = |length: usize, port: &str| {
        let label = "h".repeat(61);
        let name: String = [label.as_str(); 5].join(".").chars().take(length).collect();
        let host = format!("{name}{port}");
        let call = call(&gateway, "GET", &format!("{ROOT}/contacts?$top=1"));
        call.header("x-forwarded-host", &host).send().status
    };
    assert_eq!((status(253, ""), status(253, ":8443")), (200, 200));
    let before = tenant.counts();
    assert_eq!((status(254, ""), status(300, ":8443")), (400, 400));
    let call = call(&gateway, "GET", &format!("{ROOT}/contacts?$top=1"));
    assert_eq!(call.header("x-forwarded-host", &"h".repeat(20_000)).send().status, 400);
    assert_eq!(tenant.counts(), before, "nothing was sent");
}
