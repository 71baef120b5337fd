//! Reading and writing rows, against the sandbox.

use embedded_host::types::{Method, Request, Response};

use crate::support::{Client, Tenant, dataverse_error, json, request, request_faults, with_body, with_header};

fn names(response: &Response) -> Vec<String> {
    let body = json(response);
    body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["lastname"].as_str().unwrap().to_owned())
        .collect()
}

fn paged(path: &str) -> Request {
    with_header(request(Method::Get, path), "Prefer", "odata.maxpagesize=5")
}

#[test]
fn who_am_i_names_the_application_user() {
    let tenant = Tenant::start();
    let user = tenant.demo.config.applications[0].user.clone().unwrap();
    for settings in [tenant.settings(), tenant.secret_settings()] {
        let identity = Client::open(&settings, embedded_host::Network::Machine)
            .whoami()
            .unwrap();
        assert_eq!(identity.user_id, user.user_id);
        assert_eq!(identity.business_unit_id, user.business_unit_id);
        assert_eq!(identity.organization_id, user.organization_id);
    }
}

#[test]
fn an_application_without_a_user_is_told_so() {
    let tenant = Tenant::with(|config| config.applications[0].user = None);
    let error = dataverse_error(tenant.client().whoami().unwrap_err());
    assert_eq!((error.status, error.code.as_str()), (403, "0x80072560"));
}

#[test]
fn pages_follow_one_another_to_the_last_row() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let mut all = Vec::new();
    let mut pages = 0;
    let mut next = Some("contacts?$select=lastname&$filter=statecode eq 0&$orderby=lastname".to_owned());
    while let Some(path) = next {
        let response = client.send(&paged(&path)).unwrap();
        assert!(names(&response).len() <= 5);
        all.extend(names(&response));
        pages += 1;
        next = response.next_link;
    }
    assert_eq!((pages, all.len()), (4, sandbox::seed::CONTACTS));
    let whole = client.get("contacts?$select=lastname&$orderby=lastname").unwrap();
    assert_eq!(all, names(&whole));
}

#[test]
fn the_next_link_of_a_filter_with_quotes_and_letters_is_followed() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let one = |path: &str| with_header(request(Method::Get, path), "Prefer", "odata.maxpagesize=1");
    let filter = "contains(lastname,'''') or contains(lastname,'ö')";
    let first = client
        .send(&one(&format!("contacts?$select=lastname&$filter={filter}")))
        .unwrap();
    let second = client.send(&one(first.next_link.as_deref().unwrap())).unwrap();
    assert_ne!(names(&first), names(&second));
    assert!(names(&second)[0].contains(['\'', 'ö']), "{:?}", names(&second));
}

#[test]
fn a_next_link_that_leaves_the_environment_is_refused() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let link = client
        .send(&paged("contacts?$select=lastname"))
        .unwrap()
        .next_link
        .unwrap();
    let before = tenant.counts();
    let stolen = link.replace(&tenant.sandbox.origin(), "https://evil.example");
    assert_ne!(stolen, link);
    let faults = request_faults(client.send(&paged(&stolen)).unwrap_err());
    assert_eq!(faults[0].0, "path");
    assert!(faults[0].1.contains("evil.example"), "{faults:?}");
    assert_eq!(tenant.counts(), before, "nothing was sent");
}

#[test]
fn plain_and_encoded_filters_find_the_same_rows() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    for (filter, found) in [
        ("lastname eq 'O''Brien'", vec!["O'Brien"]),
        ("lastname%20eq%20%27O%27%27Brien%27", vec!["O'Brien"]),
        ("lastname eq 'Ångström'", vec!["Ångström"]),
        ("lastname eq '%C3%85ngstr%C3%B6m'", vec!["Ångström"]),
        ("lastname eq '伟' or firstname eq '李'", vec!["伟"]),
        ("telephone1 eq '+00 555 0201'", vec![]),
    ] {
        let response = client
            .get(&format!("contacts?$select=lastname&$filter={filter}"))
            .unwrap();
        if !found.is_empty() {
            assert_eq!(names(&response), found, "{filter}");
        } else {
            assert_eq!(names(&response).len(), 1, "a plus sign between quotes is a plus sign");
        }
    }
    let accounts = client
        .get("accounts?$select=name&$filter=contains(name,' & ')")
        .unwrap();
    assert!(
        !json(&accounts)["value"].as_array().unwrap().is_empty(),
        "an ampersand between quotes is one"
    );
}

#[test]
fn a_row_is_created_read_updated_and_deleted() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let created = client
        .post("contacts", r#"{"firstname":"Grace","lastname":"Hopper"}"#)
        .unwrap();
    assert_eq!(created.status, 204);
    let id = created.entity_id.unwrap();
    assert_eq!(
        created.entity_url.unwrap(),
        format!("{}/api/data/v9.2/contacts({id})", tenant.sandbox.origin())
    );

    let path = format!("contacts({id})?$select=fullname");
    let read = client.get(&path).unwrap();
    assert_eq!(json(&read)["fullname"], "Grace Hopper");
    let etag = read.etag.unwrap();

    let unchanged = with_header(request(Method::Get, &path), "If-None-Match", &etag);
    assert_eq!(client.send(&unchanged).unwrap().status, 304);

    let change = with_body(request(Method::Patch, &path), r#"{"lastname":"Murray Hopper"}"#);
    let change = with_header(
        with_header(change, "If-Match", &etag),
        "Prefer",
        "return=representation",
    );
    let changed = client.send(&change).unwrap();
    assert_eq!(
        (changed.status, json(&changed)["fullname"].as_str()),
        (200, Some("Grace Murray Hopper"))
    );
    assert_ne!(changed.etag.unwrap(), etag);
    assert_eq!(
        dataverse_error(client.send(&change).unwrap_err()).code,
        "0x80060882",
        "the old version"
    );

    let delete = request(Method::Delete, &format!("contacts({id})"));
    assert_eq!(client.send(&delete).unwrap().status, 204);
    let gone = dataverse_error(client.get(&path).unwrap_err());
    assert_eq!((gone.status, gone.code.as_str()), (404, "0x80040217"));
}

#[test]
fn closed_tables_answer_403() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    for (method, path) in [
        (Method::Get, "opportunities"),
        (Method::Post, "accounts"),
        (Method::Delete, "leads(00000000-0000-0000-0000-000000000001)"),
    ] {
        let mut asked = request(method, path);
        if method == Method::Post {
            asked = with_body(asked, r#"{"name":"x"}"#);
        }
        let error = dataverse_error(client.send(&asked).unwrap_err());
        assert_eq!(
            (error.status, error.code.as_str()),
            (403, "0x80040220"),
            "{path}: {error:?}"
        );
        assert!(error.message.contains("prv"), "{error:?}");
        assert!(error.request_id.is_some());
    }
}

#[test]
fn the_sandboxs_log_knows_the_request_by_the_same_id() {
    let tenant = Tenant::start();
    let error = dataverse_error(tenant.client().get("opportunities").unwrap_err());
    let requests = tenant.sandbox.requests();
    let sent = requests.last().unwrap().header("x-ms-client-request-id").unwrap();
    assert_eq!(sent, error.client_request_id);
}
