//! Access to the gateway.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use embedded_host::{Network, Server, ServerOptions};

use super::http_client::Call;
use super::{KEY, component, sandboxed};
use crate::support::Tenant;

const CONTACTS: &str = "/api/data/v9.2/contacts?$top=1";

on_each_face!(nobody_may_call_without_a_key_being_set);
fn nobody_may_call_without_a_key_being_set() {
    let options = ServerOptions {
        network: Network::answered(|_| panic!("sent")),
        ..ServerOptions::default()
    };
    let gateway = Server::start(
        component(),
        &[("DATAVERSE_URL", "https://contoso.crm.dynamics.com")],
        options,
    )
    .unwrap();
    for path in ["/", "/whoami", "/readyz", CONTACTS] {
        let reply = Call::new(&gateway.origin(), "GET", path)
            .header("x-api-key", KEY)
            .send();
        assert_eq!(reply.status, 503, "{path}");
        assert_eq!(reply.error()["service"], "gateway");
    }
    assert!(
        gateway.output().contains("GATEWAY_KEY is not set"),
        "{}",
        gateway.output()
    );
}

on_each_face!(weak_keys_and_broken_lists_close_the_gateway);
fn weak_keys_and_broken_lists_close_the_gateway() {
    let tenant = Tenant::start();
    for (name, value, said) in [
        ("GATEWAY_KEY", "short", "fewer than 16"),
        ("GATEWAY_KEY", "the-key-of-these-tests,short", "fewer than 16"),
        ("GATEWAY_ALLOW", "contacts", "expected table:METHOD"),
        ("GATEWAY_ALLOW", "contacts:READ", "expected GET"),
        ("GATEWAY_ALLOW", "", "GATEWAY_ALLOW is blank"),
        ("GATEWAY_ALLOW", " \t", "GATEWAY_ALLOW is blank"),
        ("GATEWAY_ALLOW", "*;contacts:GET", "GATEWAY_ALLOW"),
        ("GATEWAY_PASS_HEADERS", "Authorization", "GATEWAY_PASS_HEADERS"),
        ("GATEWAY_PASS_HEADERS", "CallerObjectId,x-api-key", "x-api-key"),
        ("GATEWAY_PASS_HEADERS", "MSCRM.*", "MSCRM.*"),
        (
            "GATEWAY_PUBLIC_URL",
            "crm.example",
            "GATEWAY_PUBLIC_URL is \"crm.example\": expected https://host",
        ),
    ] {
        let gateway = sandboxed(&tenant, &[(name, value)]);
        let reply = Call::new(&gateway.origin(), "GET", CONTACTS)
            .header("x-api-key", KEY)
            .send();
        assert_eq!(reply.status, 503, "{name}={value}");
        assert!(gateway.output().contains(said), "{}", gateway.output());
        assert!(!gateway.output().contains("the-key"), "{}", gateway.output());
    }
    assert_eq!(tenant.counts(), (0, 0));
}

on_each_face!(each_of_several_keys_opens_in_three_ways);
fn each_of_several_keys_opens_in_three_ways() {
    let tenant = Tenant::start();
    let gateway = sandboxed(
        &tenant,
        &[("GATEWAY_KEY", "the-first-key-of-two, the-second-key-of-two")],
    );
    for key in ["the-first-key-of-two", "the-second-key-of-two"] {
        let basic = STANDARD.encode(format!("anyone:{key}"));
        for (name, value) in [
            ("authorization", format!("Bearer {key}")),
            ("Authorization", format!("bearer {key}")),
            ("X-API-Key", key.to_owned()),
            ("authorization", format!("Basic {basic}")),
        ] {
            let reply = Call::new(&gateway.origin(), "GET", CONTACTS)
                .header(name, &value)
                .send();
            assert_eq!(reply.status, 200, "{name}: {value}");
        }
    }
}

on_each_face!(anything_else_is_kept_out);
fn anything_else_is_kept_out() {
    let tenant = Tenant::start();
    let gateway = sandboxed(&tenant, &[]);
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    for (name, value) in [
        ("x-nothing", String::new()),
        ("x-api-key", String::new()),
        ("x-api-key", KEY[..KEY.len() - 1].to_owned()),
        ("x-api-key", format!("{KEY}x")),
        ("x-api-key", KEY.to_uppercase()),
        ("authorization", KEY.to_owned()),
        ("authorization", "Bearer".to_owned()),
        ("authorization", "Bearer ".to_owned()),
        ("authorization", format!("Negotiate {KEY}")),
        ("authorization", basic(KEY)),
        ("authorization", basic(&format!("{KEY}:"))),
        ("authorization", "Basic !!!".to_owned()),
        ("cookie", format!("x-api-key={KEY}")),
    ] {
        for path in ["/whoami", CONTACTS, "/nowhere"] {
            let reply = Call::new(&gateway.origin(), "GET", path).header(name, &value).send();
            assert_eq!(reply.status, 401, "{name}: {value}");
            assert!(!reply.text().contains(KEY));
            let challenges: Vec<_> = reply
                .headers
                .iter()
                .filter(|(name, _)| name == "www-authenticate")
                .collect();
            assert_eq!(challenges.len(), 2, "Excel asks for a password when it sees Basic");
        }
    }
    assert_eq!(tenant.counts(), (0, 0), "nothing was sent");
}

on_each_face!(what_a_manifest_sets_by_default_is_an_open_list_and_no_blank_one);
fn what_a_manifest_sets_by_default_is_an_open_list_and_no_blank_one() {
    const MANIFEST: &str = include_str!("../../../deploy/spin-variables.toml");
    let default_of = |name: &str| {
        let line = MANIFEST.lines().find(|line| line.starts_with(&format!("{name} = {{")));
        line.unwrap().split('"').nth(1).unwrap()
    };
    let tenant = Tenant::start();
    let variables = [
        ("GATEWAY_ALLOW", default_of("gateway_allow")),
        ("GATEWAY_PASS_HEADERS", default_of("gateway_pass_headers")),
    ];
    let gateway = sandboxed(&tenant, &variables);
    let reply = Call::new(&gateway.origin(), "GET", CONTACTS)
        .header("x-api-key", KEY)
        .send();
    assert_eq!(reply.status, 200, "{}", gateway.output());
}
