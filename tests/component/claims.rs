//! Claims that Dataverse demands of a token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use embedded_host::Reply;
use embedded_host::types::Method;

use crate::gateway;
use crate::support::{
    Tenant, answer, answered, contoso_settings, dataverse_error, json, request, token_answer, with_body,
};

const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}"#;

#[test]
fn a_token_with_the_demanded_claims_is_had_at_once() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    client.whoami().unwrap();
    tenant.sandbox.demand_claims(Some(CLAIMS)).unwrap();
    let create = with_body(request(Method::Post, "contacts"), r#"{"lastname":"Claimed"}"#);
    client.send(&create).unwrap();
    assert_eq!(tenant.counts(), (2, 3), "one new token, and the request again");
    client.whoami().unwrap();
    assert_eq!(tenant.counts(), (2, 4), "the token is kept");
    let found = client.get("contacts?$filter=lastname eq 'Claimed'").unwrap();
    assert_eq!(json(&found)["value"].as_array().unwrap().len(), 1);
}

#[test]
fn even_a_token_that_is_new_is_replaced_for_its_claims() {
    let tenant = Tenant::start();
    tenant.sandbox.demand_claims(Some(CLAIMS)).unwrap();
    tenant.client().whoami().unwrap();
    assert_eq!(tenant.counts(), (2, 2));
}

/// A network whose Dataverse always demands claims.
fn never_satisfied(request: &http::Request<Vec<u8>>) -> Reply {
    Reply::Answer(if request.uri().path().contains("/oauth2/") {
        token_answer()
    } else {
        let challenge = format!(
            r#"Bearer error="insufficient_claims", claims="{}""#,
            STANDARD.encode(CLAIMS)
        );
        answer(401, &[("www-authenticate", &challenge)], "")
    })
}

#[test]
fn claims_that_no_token_satisfies_are_asked_for_once() {
    let (mut client, requests) = answered(&contoso_settings(), never_satisfied);
    assert_eq!(dataverse_error(client.whoami().unwrap_err()).status, 401);
    assert_eq!(requests.lock().unwrap().len(), 4);
}

#[test]
fn the_gateway_too_asks_for_claims_once() {
    let requests = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&requests);
    let network = embedded_host::Network::answered(move |request| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        never_satisfied(&request.map(Vec::from))
    });
    let gateway = gateway::contoso(&[], network);
    assert_eq!(gateway::get(&gateway, "/api/data/v9.2/contacts").status, 502);
    assert_eq!(requests.load(std::sync::atomic::Ordering::SeqCst), 4);
}
