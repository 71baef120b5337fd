//! What stands between this host and the services answers in their place: proxies, guest networks, gateways of others. None of that
//! is a service's word, and no credential is at fault.

use std::sync::atomic::Ordering;

use embedded_host::types::{OutageCause, Service, Settings};
use embedded_host::{Network, secret};

use super::wire::{HTML, JSON, Wire, granting, serving};
use crate::gateway;
use crate::support::{Client, dataverse_error, outage, settings_faults, settings_for, token_answer};

/// The outage at the token endpoint, which was asked once although there is another credential.
fn at_the_token_endpoint(wire: Wire) -> embedded_host::types::Outage {
    let (server, asked) = granting(move |_| wire.clone());
    let settings = Settings {
        credentials: vec![secret("one~secret~of~this~test"), secret("another~secret")],
        ..settings_for(&server.origin())
    };
    let outage = outage(Client::open(&settings, Network::Machine).token().unwrap_err());
    assert_eq!(
        (outage.service, outage.cause),
        (Service::EntraId, OutageCause::UnusableAnswer),
        "{outage:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1, "{outage:?}");
    assert!(outage.detail.contains(&server.origin()), "{outage:?}");
    assert!(!outage.may_have_taken_effect);
    outage
}

#[test]
fn a_page_at_the_token_endpoint_is_described_and_not_quoted() {
    let squid = ["Server: squid/5.7", "Via: 1.1 edge-7 (squid/5.7)"];
    for (status, headers, body, parts) in [
        (
            200,
            vec!["Content-Type: text/html"],
            "<html><title>Sign in to the\n guest network</title><p>a text</html>",
            vec!["200", "text/html", "\"Sign in to the guest network\""],
        ),
        (
            403,
            vec![HTML, squid[0], squid[1]],
            "<html><h1>a text</h1></html>",
            vec!["403", "text/html", "squid/5.7", "1.1 edge-7"],
        ),
        (
            407,
            // The host keeps the challenge to itself.
            vec!["Content-Type: text/html", "Proxy-Authenticate: Negotiate"],
            "<html>a text</html>",
            vec!["407", "a proxy"],
        ),
        (
            401,
            vec!["Content-Type: text/plain"],
            "a text",
            vec!["401", "text/plain", "6 bytes"],
        ),
        (404, vec![], "", vec!["404", "no content type", "0 bytes"]),
        (
            401,
            vec![JSON],
            r#"{"statusCode":401,"message":"a text"}"#,
            vec!["401", "application/json"],
        ),
        (200, vec![JSON], "[\"a text\"]", vec!["200", "application/json"]),
        (200, vec![JSON], "", vec!["200", "0 bytes"]),
        (
            302,
            vec!["Location: https://portal.example/login?from=a-text"],
            "",
            vec!["302", "https://portal.example"],
        ),
    ] {
        let outage = at_the_token_endpoint(Wire::new(status, &headers, body));
        assert_eq!(outage.status, Some(status));
        for part in parts {
            assert!(outage.detail.contains(part), "{part}: {}", outage.detail);
        }
        assert!(
            !outage.detail.contains("a text") && !outage.detail.contains("a-text"),
            "{}",
            outage.detail
        );
    }
}

#[test]
fn a_page_with_5xx_is_an_outage_that_says_what_came() {
    let (server, _) = granting(|_| Wire::new(502, &[HTML, "Server: nginx"], "<title>502 Bad Gateway</title>a text"));
    let outage = outage(server.client().token().unwrap_err());
    assert_eq!(
        (outage.cause, outage.status),
        (OutageCause::ServiceUnavailable, Some(502))
    );
    assert!(
        outage.detail.contains("nginx")
            && outage.detail.contains("\"502 Bad Gateway\"")
            && !outage.detail.contains("a text"),
        "{}",
        outage.detail
    );
}

#[test]
fn where_the_tenant_is_asked_for_a_proxy_is_named_too() {
    let settings = |origin: &str| Settings {
        tenant_id: None,
        ..settings_for(origin)
    };
    let server = serving([Wire::new(
        403,
        &[HTML, "Server: squid/5.7"],
        "<title>Access denied</title>a text",
    )]);
    let mut client = Client::open(&settings(&server.origin()), Network::Machine);
    let faults = settings_faults(client.token().unwrap_err());
    let reason = &faults[0].1;
    assert!(
        reason.contains("403") && reason.contains("\"Access denied\"") && reason.contains("squid/5.7"),
        "{reason}"
    );
    assert!(!reason.contains("a text"), "{reason}");
}

#[test]
fn a_proxy_before_dataverse_is_told_by_its_status() {
    let wire = Wire::new(
        407,
        &[HTML, "Proxy-Authenticate: Negotiate"],
        "<html>Proxy authentication required</html>",
    );
    let error = dataverse_error(serving([wire]).client().get("contacts").unwrap_err());
    assert_eq!(error.status, 407);
    assert!(error.advice.unwrap().contains("proxy"));
}

#[test]
fn a_redirect_to_a_sign_in_page_is_told_and_never_handed_on() {
    let location =
        "Location: https://login.microsoftonline.com/common/oauth2/authorize?client_id=x&response_mode=form_post";
    let server = serving([Wire::new(302, &[location], "")]);
    let told = outage(server.client().get("contacts").unwrap_err());
    assert_eq!((told.cause, told.status), (OutageCause::UnusableAnswer, Some(302)));
    assert!(
        told.detail.contains("redirect") && told.detail.contains("https://login.microsoftonline.com"),
        "{}",
        told.detail
    );
    assert!(!told.detail.contains("client_id"), "{}", told.detail);

    let gateway = gateway::gateway(&server.origin(), &[]);
    let reply = gateway::get(&gateway, "/api/data/v9.2/contacts");
    assert_eq!((reply.status, reply.header("location")), (502, None), "{reply:?}");
    assert!(reply.text().contains("redirect"), "{reply:?}");
}

#[test]
fn an_answer_that_breaks_off_is_one_line() {
    let wire = Wire::raw(
        200,
        &["Content-Type: application/json", "Transfer-Encoding: chunked"],
        "5\r\n{\"val\r\n",
    );
    let outage = outage(serving([wire]).client().get("contacts").unwrap_err());
    assert_eq!(outage.cause, OutageCause::CutOff);
    assert_eq!(outage.detail.lines().count(), 1, "{}", outage.detail);
    assert!(outage.detail.len() < 400, "{}", outage.detail);
}

#[test]
fn a_token_is_still_read_whatever_the_media_type() {
    let body = String::from_utf8(token_answer().into_body()).unwrap();
    let (server, _) = granting(move |_| Wire::new(200, &["Content-Type: text/plain"], &body));
    server.client().token().unwrap();
}
