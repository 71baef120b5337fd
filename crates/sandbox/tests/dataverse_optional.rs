//! Optional parameters of a request.
#![allow(clippy::unwrap_used)]

mod common;

use common::{error, start, start_with};
use sandbox::seed;

#[test]
fn duplicates_are_detected_on_request() {
    let local = start();
    let detect = ("MSCRM.SuppressDuplicateDetection", "false");
    let create = |headers: &[(&str, &str)], body: &str| local.call("POST", "contacts", headers, body);
    let twice = r#"{"emailaddress1":"Contact3@example.com"}"#;
    assert_eq!(error(&create(&[detect], twice)), (412, "0x80040333".into()));
    assert_eq!(create(&[detect], r#"{"lastname":"None"}"#).status, 204);
    assert_eq!(create(&[detect], r#"{"emailaddress1":"new@example.com"}"#).status, 204);
    let other = format!("contacts({})", seed::contact(4));
    let same = format!("contacts({})", seed::contact(3));
    assert_eq!(
        error(&local.call("PATCH", &other, &[detect], twice)),
        (412, "0x80040333".into())
    );
    assert_eq!(
        local.call("PATCH", &same, &[detect], twice).status,
        204,
        "its own address"
    );
    // Off by default.
    assert_eq!(
        create(&[("MSCRM.SuppressDuplicateDetection", "true")], twice).status,
        204
    );
    assert_eq!(create(&[], twice).status, 204);
}

#[test]
fn passing_by_custom_logic_takes_a_privilege() {
    let plugins = ("MSCRM.BypassCustomPluginExecution", "true");
    let logic = ("MSCRM.BypassBusinessLogicExecution", "CustomSync,CustomAsync");
    let local = start();
    for (header, privilege) in [
        (plugins, "prvBypassCustomPlugins"),
        (logic, "prvBypassCustomBusinessLogic"),
    ] {
        let answer = local.call("POST", "contacts", &[header], "{}");
        assert_eq!(error(&answer), (403, "0x80040220".into()));
        assert!(answer.text().contains(privilege), "{}", answer.text());
    }
    let off = ("MSCRM.BypassCustomPluginExecution", "false");
    assert_eq!(local.call("POST", "contacts", &[off], "{}").status, 204);

    let local = start_with(|config| {
        let user = config.applications[0].user.as_mut().unwrap();
        user.privileges = std::mem::take(&mut user.privileges)
            .allow_named("prvBypassCustomPlugins")
            .allow_named("prvBypassCustomBusinessLogic");
    });
    for header in [plugins, logic] {
        assert_eq!(local.call("POST", "contacts", &[header], "{}").status, 204);
    }
    let unknown = ("MSCRM.BypassBusinessLogicExecution", "Everything");
    assert_eq!(error(&local.call("POST", "contacts", &[unknown], "{}")).0, 400);
}

#[test]
fn strong_consistency_is_accepted() {
    let local = start();
    assert_eq!(
        local.call("GET", "contacts", &[("Consistency", "Strong")], "").status,
        200
    );
}
