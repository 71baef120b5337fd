//! The gateway's own routes.

use std::time::{Duration, SystemTime};

use embedded_host::{Network, Server, ServerOptions};
use sandbox::certificate::generate_valid;
use sandbox::{Fault, Service};

use super::http_client::Call;
use super::{KEY, call, component, gateway, get, sandboxed};
use crate::support::Tenant;

on_each_face!(whoami_is_the_identity_as_json);
fn whoami_is_the_identity_as_json() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let reply = get(&gateway, "/whoami");
    assert_eq!(reply.status, 200);
    let user = tenant.demo.config.applications[0].user.clone().unwrap();
    assert_eq!(
        reply.json(),
        serde_json::json!({
            "UserId": user.user_id, "BusinessUnitId": user.business_unit_id, "OrganizationId": user.organization_id,
        })
    );
}

on_each_face!(healthz_answers_anybody_and_without_settings);
fn healthz_answers_anybody_and_without_settings() {
    let bare = Server::start(component(), &[], ServerOptions::default()).unwrap();
    let reply = Call::new(&bare.origin(), "GET", "/healthz").send();
    assert_eq!((reply.status, reply.text().as_str()), (200, "alive"));
    assert_eq!(Call::new(&bare.origin(), "HEAD", "/healthz").send().status, 200);
    assert_eq!(bare.output(), "");
}

on_each_face!(readyz_without_a_key_asks_nobody);
fn readyz_without_a_key_asks_nobody() {
    let tenant = Tenant::start();
    let stranger = |gateway: &Server| {
        let reply = Call::new(&gateway.origin(), "GET", "/readyz").send();
        (reply.status, reply.text())
    };
    for (secret, status, words) in [
        (tenant.demo.client_secret.as_str(), 200, "ready"),
        // Only Entra ID knows whether it accepts it.
        ("wrong", 200, "ready"),
        ("", 503, "not ready"),
    ] {
        let gateway = sandboxed(&tenant, &[("AZURE_CLIENT_SECRET", secret)]);
        assert_eq!(stranger(&gateway), (status, words.to_owned()), "{secret}");
    }
    assert_eq!(tenant.counts(), (0, 0));
}

on_each_face!(readyz_with_a_key_tells_whether_a_token_can_be_obtained);
fn readyz_with_a_key_tells_whether_a_token_can_be_obtained() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[("DATAVERSE_RETRY_BUDGET_MS", "0")]);
    assert_eq!(get(&gateway, "/readyz").status, 200);
    tenant.sandbox.misbehave(Fault::status(Service::Entra, 500, "down"));
    let reply = get(&gateway, "/readyz");
    assert_eq!(reply.status, 503);
    assert_eq!(reply.error()["service"], "entra-id");

    let gateway = sandboxed(&tenant, &[("AZURE_CLIENT_SECRET", "wrong")]);
    let reply = get(&gateway, "/readyz");
    assert_eq!(reply.status, 503);
    assert!(
        reply.error()["message"].as_str().unwrap().contains("AADSTS7000215"),
        "{reply:?}"
    );
}

on_each_face!(everything_else_is_not_there);
fn everything_else_is_not_there() {
    let gateway = gateway("http://127.0.0.1:9", &[]);
    for path in [
        "/",
        "/api",
        "/api/data",
        "/api/data/",
        "/api/data/vx/contacts",
        "/main.aspx",
        "/whoami/x",
        "//whoami",
    ] {
        let reply = get(&gateway, path);
        assert_eq!(reply.status, 404, "{path}");
        let error = reply.error();
        assert_eq!(error["service"], "gateway");
        assert_eq!(error["clientRequestId"], reply.header("client-request-id").unwrap());
        assert_eq!(reply.header("odata-version"), Some("4.0"));
    }
}

on_each_face!(routes_take_the_methods_they_are_for);
fn routes_take_the_methods_they_are_for() {
    let gateway = gateway("http://127.0.0.1:9", &[]);
    for path in ["/whoami", "/healthz", "/readyz"] {
        let reply = call(&gateway, "POST", path).json("{}").send();
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some("GET, HEAD")),
            "{path}"
        );
    }
    assert_eq!(call(&gateway, "TRACE", "/api/data/v9.2/contacts").send().status, 405);
}

on_each_face!(the_callers_id_of_a_request_goes_through_and_comes_back);
fn the_callers_id_of_a_request_goes_through_and_comes_back() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let reply = call(&gateway, "GET", "/api/data/v9.2/contacts?$top=1")
        .header("client-request-id", "mine-1")
        .send();
    assert_eq!(reply.header("client-request-id"), Some("mine-1"));
    let sent = tenant.sandbox.requests().pop().unwrap();
    assert_eq!(sent.header("x-ms-client-request-id"), Some("mine-1"));

    let reply = get(&gateway, "/api/data/v9.2/contacts?$top=1");
    let sent = tenant.sandbox.requests().pop().unwrap();
    assert_eq!(sent.header("x-ms-client-request-id"), reply.header("client-request-id"));
    assert_eq!(reply.header("client-request-id").unwrap().len(), 36, "one is made");
}

on_each_face!(server_timing_tells_token_and_upstream);
fn server_timing_tells_token_and_upstream() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let timing = get(&gateway, "/api/data/v9.2/contacts?$top=1")
        .header("server-timing")
        .unwrap()
        .to_owned();
    let (token, upstream) = timing.split_once(", ").unwrap();
    let milliseconds = |entry: &str, name: &str| entry.strip_prefix(name).unwrap().parse::<u64>().unwrap();
    assert!(milliseconds(token, "token;dur=") < 5000);
    assert!(milliseconds(upstream, "upstream;dur=") < 5000);
}

on_each_face!(missing_settings_are_503_and_named_in_the_log_only);
fn missing_settings_are_503_and_named_in_the_log_only() {
    let variables = [("GATEWAY_KEY", KEY), ("AZURE_TENANT_ID", "common")];
    let options = ServerOptions {
        network: Network::answered(|_| panic!("sent")),
        ..ServerOptions::default()
    };
    let gateway = Server::start(component(), &variables, options).unwrap();
    for path in ["/whoami", "/api/data/v9.2/contacts"] {
        let reply = get(&gateway, path);
        assert_eq!(reply.status, 503);
        assert!(!reply.text().contains("DATAVERSE_URL"), "{}", reply.text());
    }
    for variable in [
        "DATAVERSE_URL",
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_CERTIFICATE",
    ] {
        assert!(gateway.output().contains(variable), "{}", gateway.output());
    }
}

on_each_face!(readyz_shows_a_certificate_that_expires_soon);
fn readyz_shows_a_certificate_that_expires_soon() {
    let now = SystemTime::now();
    let day = Duration::from_secs(24 * 60 * 60);
    for (days, words) in [(12, "ready, but the credential expires soon"), (40, "ready")] {
        let identity = generate_valid("of this test", now - day, now + days * day + day / 2).unwrap();
        let tenant = Tenant::with(|config| {
            config.applications[0]
                .certificates
                .push(identity.certificate_der.clone())
        });
        let pem = format!("{}{}", identity.certificate_pem, identity.key_pkcs8_pem);
        let gateway = sandboxed(&tenant, &[("AZURE_CLIENT_CERTIFICATE", &pem)]);
        assert_eq!(Call::new(&gateway.origin(), "GET", "/readyz").send().text(), words);
        let reply = get(&gateway, "/readyz").json();
        assert_eq!(reply["status"], "ready");
        let credential = &reply["credential"];
        assert_eq!(credential["kind"], "certificate");
        assert_eq!(credential["name"], "AZURE_CLIENT_CERTIFICATE");
        assert_eq!(credential["thumbprint"], identity.thumbprint_sha1);
        assert_eq!(credential["daysLeft"], days);
    }
}
