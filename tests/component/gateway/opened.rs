//! Headers and query options that impersonate or bypass custom logic are blocked unless they are listed.

use super::relay::recorded_with;
use super::{call, get};
use crate::support::answer;

const CONTACTS: &str = "/api/data/v9.2/contacts";
const SOMEBODY: &str = "00000000-0000-0000-0000-000000000001";

const CLOSED: [(&str, &str); 10] = [
    ("CallerObjectId", SOMEBODY),
    ("MSCRMCallerID", SOMEBODY),
    ("MSCRM.CallerObjectId", SOMEBODY),
    ("MSCRM.BypassCustomPluginExecution", "true"),
    ("MSCRM.BypassBusinessLogicExecution", "CustomSync,CustomAsync"),
    (
        "MSCRM.BypassBusinessLogicExecutionStepIds",
        "45e0c603-0d0b-466e-a286-d7fc1cda8361",
    ),
    ("MSCRM.SuppressCallbackRegistrationExpanderJob", "true"),
    ("MSCRM.SuppressDuplicateDetection", "true"),
    ("mscrm.suppressduplicatedetection", "FALSE, true"),
    ("MSCRM.WhateverComesNext", "1"),
];

on_each_face!(they_are_closed_and_the_refusal_says_how_to_open_them);
fn they_are_closed_and_the_refusal_says_how_to_open_them() {
    let (gateway, requests) = recorded_with(&[], || answer(204, &[], ""));
    for (name, value) in CLOSED {
        let reply = call(&gateway, "POST", CONTACTS).header(name, value).json("{}").send();
        assert_eq!(reply.status, 403, "{name}");
        let message = reply.error()["message"].as_str().unwrap().to_ascii_lowercase();
        assert!(
            message.contains("gateway_pass_headers") && message.contains(&name.to_ascii_lowercase()),
            "{message}"
        );
    }
    for option in [
        "tag=x",
        "TAG=x",
        "%74ag=x",
        "$top=1&MSCRM.BypassBusinessLogicExecution=CustomSync",
        "BypassCustomPluginExecution=true",
        "SuppressDuplicateDetection=true",
        "CallerObjectId=x",
        "MSCRMCallerID=x",
        "%2574ag=x",
    ] {
        let reply = get(&gateway, &format!("{CONTACTS}?{option}"));
        assert_eq!(reply.status, 403, "{option}");
        assert!(reply.text().contains("GATEWAY_PASS_HEADERS"), "{}", reply.text());
    }
    assert!(requests.lock().unwrap().is_empty(), "nothing was sent");
}

on_each_face!(what_makes_a_request_no_stronger_passes);
fn what_makes_a_request_no_stronger_passes() {
    let (gateway, requests) = recorded_with(&[("GATEWAY_PASS_HEADERS", "")], || answer(204, &[], ""));
    let reply = call(&gateway, "POST", &format!("{CONTACTS}?partitionId=x&@tag=1"))
        .header("MSCRM.SuppressDuplicateDetection", "false")
        .header("MSCRM.SolutionUniqueName", "Sample")
        .header("MSCRM.MergeLabels", "true")
        .header("MSCRM.SessionToken", "207:8#142792105#7=-1")
        .json("{}")
        .send();
    assert_eq!(reply.status, 204, "{}", reply.text());
    let sent = requests.lock().unwrap().pop().unwrap();
    for name in [
        "mscrm.suppressduplicatedetection",
        "mscrm.solutionuniquename",
        "mscrm.mergelabels",
        "mscrm.sessiontoken",
    ] {
        assert!(sent.headers().contains_key(name), "{name}");
    }
}

on_each_face!(what_is_named_passes_and_nothing_else);
fn what_is_named_passes_and_nothing_else() {
    let variables = [(
        "GATEWAY_PASS_HEADERS",
        "callerobjectid, MSCRM.BypassBusinessLogicExecution,tag",
    )];
    let (gateway, requests) = recorded_with(&variables, || answer(204, &[], ""));
    let passes = [
        ("CallerObjectId", SOMEBODY),
        ("mscrm.bypassbusinesslogicexecution", "CustomSync"),
    ];
    for (name, value) in passes {
        let reply = call(&gateway, "GET", &format!("{CONTACTS}?tag=x"))
            .header(name, value)
            .send();
        assert_eq!(reply.status, 204, "{name}");
        let sent = requests.lock().unwrap().pop().unwrap();
        assert_eq!(sent.headers()[name.to_ascii_lowercase().as_str()], value);
        assert_eq!(sent.uri().query(), Some("tag=x"));
    }
    for name in ["MSCRMCallerID", "MSCRM.BypassCustomPluginExecution"] {
        let reply = call(&gateway, "GET", CONTACTS).header(name, "true").send();
        assert_eq!(reply.status, 403, "{name}");
    }
}
