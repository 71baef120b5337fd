//! `GATEWAY_ALLOW`: the spellings that could lead around it are in the unit tests; here is that it stands in the way.

use super::{call, get, post, sandboxed};
use crate::support::Tenant;

#[test]
fn only_listed_tables_and_methods_go_through() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[("GATEWAY_ALLOW", "contacts:GET,POST; leads:GET")]);
    assert_eq!(
        get(&gateway, "/api/data/v9.2/contacts?$top=1&$filter=lastname%20ne%20'a/b'").status,
        200
    );
    assert_eq!(get(&gateway, "/api/data/v9.2/leads").status, 200);
    assert_eq!(
        post(&gateway, "/api/data/v9.2/contacts", r#"{"lastname":"x"}"#).status,
        204
    );
    let before = tenant.counts();
    for (method, path) in [
        ("GET", "/api/data/v9.2/accounts"),
        ("GET", "/api/data/v9.2//accounts"),
        ("GET", "/api/data/v9.1/accounts"),
        ("GET", "/api/data/v9.2/%61ccounts"),
        ("GET", "/api/data/v9.2/contacts(1)/parentcustomerid_account"),
        ("GET", "/api/data/v9.2/contacts?$expand=parentcustomerid_account"),
        ("GET", "/api/data/v9.2/contacts?%24expand=parentcustomerid_account"),
        (
            "GET",
            "/api/data/v9.2/contacts?$filter=parentcustomerid_account/name%20eq%20'x'",
        ),
        ("GET", "/api/data/v9.2/$metadata"),
        (
            "DELETE",
            "/api/data/v9.2/contacts(00000000-0000-0000-0000-000000000001)",
        ),
        ("POST", "/api/data/v9.2/leads"),
    ] {
        let reply = call(&gateway, method, path).send();
        assert_eq!(reply.status, 403, "{method} {path}");
        assert_eq!(reply.error()["service"], "gateway");
    }
    let batch =
        "--b\r\nContent-Type: application/http\r\n\r\nGET /api/data/v9.2/accounts HTTP/1.1\r\n\r\n\r\n--b--\r\n";
    let reply = call(&gateway, "POST", "/api/data/v9.2/$batch")
        .header("content-type", "multipart/mixed; boundary=b")
        .body(batch)
        .send();
    assert_eq!(reply.status, 403);
    assert_eq!(tenant.counts(), before, "nothing went out");
}

#[test]
fn pages_of_a_listed_table_can_be_followed() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[("GATEWAY_ALLOW", "contacts:GET")]);
    let page = |path: &str| {
        call(&gateway, "GET", path)
            .header("prefer", "odata.maxpagesize=10")
            .send()
    };
    let first = page("/api/data/v9.2/contacts?$select=lastname").json();
    let next = first["@odata.nextLink"].as_str().unwrap().to_owned();
    let second = page(next.strip_prefix(&gateway.origin()).unwrap()).json();
    assert_eq!(second["value"].as_array().unwrap().len(), sandbox::seed::CONTACTS - 10);
}

#[test]
fn a_method_cannot_be_changed_by_a_header() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[("GATEWAY_ALLOW", "contacts:POST")]);
    let reply = call(&gateway, "POST", "/api/data/v9.2/contacts")
        .header("x-http-method-override", "DELETE")
        .header("x-http-method", "MERGE")
        .json(r#"{"lastname":"x"}"#)
        .send();
    assert_eq!(reply.status, 204);
    let sent = tenant.sandbox.requests().pop().unwrap();
    assert!(sent.headers.iter().all(|(name, _)| !name.contains("x-http-method")));
}
