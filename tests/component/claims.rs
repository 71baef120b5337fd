//! Claims that Dataverse demands of a token.

use crate::support::{Tenant, json, request, with_body};
use embedded_host::types::Method;

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
