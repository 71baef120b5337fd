//! `GATEWAY_ALLOW`: the unit tests have the spellings that could bypass it; these tests check that it is
//! enforced.

use super::relay::recorded_with;
use super::{call, get, post, sandboxed};
use crate::support::{Tenant, answer};

on_each_face!(only_listed_tables_and_methods_go_through);
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
    assert_eq!(tenant.counts(), before, "nothing was sent");
}

on_each_face!(pages_of_a_listed_table_can_be_followed);
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

on_each_face!(a_method_cannot_be_changed_by_a_header);
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

on_each_face!(everything_is_written_as_a_star);
fn everything_is_written_as_a_star() {
    let tenant = Tenant::start();
    for variables in [[("GATEWAY_ALLOW", "*")].as_slice(), &[]] {
        let gateway = sandboxed(&tenant, variables);
        assert_eq!(get(&gateway, "/api/data/v9.2/accounts?$top=1").status, 200);
        assert_eq!(get(&gateway, "/api/data/v9.2/leads?$expand=x").status, 400);
    }
}

on_each_face!(what_can_be_read_as_a_navigation_is_refused);
fn what_can_be_read_as_a_navigation_is_refused() {
    let (gateway, requests) = recorded_with(&[("GATEWAY_ALLOW", "contacts:GET")], || answer(204, &[], ""));
    for query in [
        // A service that accepts double quotes as delimiters within brackets would follow the navigation.
        "$filter=lastname%20in%20(%22'%22)%20and%20parentcustomerid_account/name%20eq%20'x'%20and%20lastname%20in%20(%22'%22)",
        "$filter=lastname%20in%20[%22'%22]%20and%20a/b%20eq%20'x'%20and%20lastname%20in%20[%22'%22]",
        "$filter=lastname%20eq%20'%22'%20and%20a/b%20eq%20'%22'",
        // Decoded once, the slash is in quotes; decoded twice, it is not.
        "$filter=lastname%20eq%20'a%2527%20or%20a/b%20eq%20%2527b'",
        "$filter=lastname%20eq%20'a%25252527%20or%20a/b%20eq%20%25252527b'",
        // The name of a property may be a path.
        "$filter=Microsoft.Dynamics.CRM.Between(PropertyName='parentcustomerid_account/name',PropertyValues=['a','b'])",
        "$filter=Microsoft.Dynamics.CRM.Between(PropertyName=%22parentcustomerid_account/name%22,PropertyValues=['a','b'])",
        "$filter=Microsoft.Dynamics.CRM.On(propertyname%20=%20'a/b',PropertyValue=1)",
        "$filter=Microsoft.Dynamics.CRM.On(Property%254eame='a%252fb',PropertyValue=1)",
        "$filter=Microsoft.Dynamics.CRM.LastXHours(PropertyName=@p1,PropertyValue=@p2)&@p1='a/b'&@p2=12",
        "$filter=Microsoft.Dynamics.CRM.LastXHours(PropertyName=@p1,PropertyValue=@p2)&@p2=12",
        "$filter=Microsoft.Dynamics.CRM.On(PropertyName='a.b',PropertyValue=1)",
        "$filter=Microsoft.Dynamics.CRM.On(PropertyName=concat('a','b'),PropertyValue=1)",
        "$filter=contact_customer_accounts/any(o:o/lastname%20eq%20'x')",
        // Decoded before it is split, another option follows.
        "$filter=lastname%20eq%20'a%26$expand=parentcustomerid_account'",
        "$skiptoken=x%26$expand=parentcustomerid_account",
        "$filter=lastname%20eq%20'a%26fetchXml=x'",
        // OData 4.01 nests options without a dollar sign.
        "$select=parentcustomerid_account(select=name)",
        "$select=parentcustomerid_account(expand=x)",
        "$top=1;expand=x",
        "$filter=lastname%20eq%20'a",
        "$filter=lastname%20eq%20'a%00'",
    ] {
        let reply = get(&gateway, &format!("/api/data/v9.2/contacts?{query}"));
        assert_eq!(reply.status, 403, "{query}");
        assert_eq!(reply.error()["service"], "gateway");
    }
    assert!(requests.lock().unwrap().is_empty(), "nothing was sent");
}

on_each_face!(queries_as_they_are_documented_pass);
fn queries_as_they_are_documented_pass() {
    let (gateway, requests) = recorded_with(&[("GATEWAY_ALLOW", "contacts:GET")], || answer(204, &[], ""));
    for query in [
        "$filter=Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',PropertyValues=[%225%22,%222000%22])",
        "$filter=Microsoft.Dynamics.CRM.In(PropertyName='jobtitle',PropertyValues=['a','b'])",
        "$filter=Microsoft.Dynamics.CRM.LastXHours(PropertyName=@p1,PropertyValue=@p2)&@p1='modifiedon'&@p2=12",
        "$filter=createdon%20ge%202024-01-01T00:00:00+01:00",
        "$filter=createdon%20ge%202024-01-01T00:00:00%2B01:00",
        "$filter=contains(lastname,'a/b')&$orderby=lastname%20desc,createdon&$count=true",
        "$filter=contains(lastname,'100%25')",
        "$filter=lastname%20eq%20'O''Brien%20%26%20Sons%20(x=1)'",
        "$filter=lastname+eq+'x'&$top=5",
        "$filter=lastname%20eq%20'5%22'",
        "$select=fullname,_ownerid_value,%20createdon&partitionId=Device-1",
    ] {
        let path = format!("/api/data/v9.2/contacts?{query}");
        assert_eq!(get(&gateway, &path).status, 204, "{query}");
        let sent = requests.lock().unwrap().pop().unwrap();
        assert_eq!(sent.uri().path_and_query().unwrap().as_str(), path);
    }
}
