//! What took effect, and that nothing else did.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Local, exchange, start, start_with};
use sandbox::{Fault, FaultKind, Privileges, Service, User, Verb, seed};

fn writes(local: &Local) -> Vec<String> {
    let writes = local.sandbox.committed_writes();
    writes.iter().map(|write| format!("{write:?}")).collect()
}

fn contact(n: usize) -> String {
    format!("contacts({})", seed::contact(n))
}

#[test]
fn each_write_is_there_once() {
    let local = start();
    local.get("contacts");
    let marker = ("x-ms-client-request-id", "mine");
    let created = local.call("POST", "contacts", &[marker], r#"{"lastname":"New"}"#);
    let id = created
        .header("odata-entityid")
        .unwrap()
        .rsplit_once('(')
        .unwrap()
        .1
        .trim_end_matches(')')
        .to_string();
    local.call("PATCH", &contact(1), &[], r#"{"lastname":"Changed"}"#);
    local.call("DELETE", &contact(2), &[], "");
    let account = format!("{}/api/data/v9.2/accounts({})", local.origin, seed::account(4));
    let link = format!("{}/parentcustomerid_account/$ref", contact(3));
    local.call("PUT", &link, &[], &format!(r#"{{"@odata.id":"{account}"}}"#));
    // None of these changes anything.
    local.call("PATCH", &contact(1), &[("If-Match", "W/\"1\"")], "{}");
    local.call("DELETE", &contact(2), &[], "");
    local.call("POST", "accounts", &[], "{}");
    assert_eq!(
        writes(&local),
        [
            format!("POST contacts({id})"),
            format!("PATCH {}", contact(1)),
            format!("DELETE {}", contact(2)),
            format!("PUT {}", contact(3)),
        ]
    );
    let first = &local.sandbox.committed_writes()[0];
    assert_eq!(first.body, br#"{"lastname":"New"}"#);
    assert_eq!(first.client_request_id.as_deref(), Some("mine"));
    assert_eq!(first.path_and_query, "/api/data/v9.2/contacts");
    assert_eq!(first.user_id, first.caller_id);
    local.sandbox.clear_committed_writes();
    assert!(writes(&local).is_empty());
}

#[test]
fn faults_do_not_hide_what_they_did() {
    let local = start();
    let token = format!("Bearer {}", local.token());
    let create = |fault: Fault| {
        local.sandbox.misbehave(fault);
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
        let body = br#"{"lastname":"x"}"#;
        exchange(&local.origin, "POST", "/api/data/v9.2/contacts", &headers, body)
    };
    let dataverse = |kind| Fault::new(Service::Dataverse, kind);
    assert!(create(dataverse(FaultKind::Disconnect { carry_out: false })).is_none());
    create(Fault::throttle("0x80072322", 1));
    create(Fault::status(Service::Dataverse, 503, ""));
    assert_eq!(writes(&local).len(), 0);
    assert!(create(dataverse(FaultKind::Disconnect { carry_out: true })).is_none());
    assert_eq!(writes(&local).len(), 1);
    create(dataverse(FaultKind::CutBody { after: 1 }));
    assert_eq!(writes(&local).len(), 2);
}

#[test]
fn what_is_rolled_back_is_not_there() {
    let local = start();
    let part = |boundary: &str, id: usize, request: &str| {
        format!(
            "--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n\
             {request} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{{}}\r\n"
        )
    };
    let set = |requests: &[&str]| {
        let parts: String = (1..)
            .zip(requests)
            .map(|(id, request)| part("cs", id, request))
            .collect();
        format!("--b\r\nContent-Type: multipart/mixed; boundary=cs\r\n\r\n{parts}--cs--\r\n\r\n--b--\r\n")
    };
    let before = local.sandbox.snapshot();
    let answer = local.batch(&[], &set(&["POST contacts", "POST accounts"]));
    assert_eq!(answer.status, 403);
    assert_eq!(local.sandbox.snapshot(), before);
    assert!(writes(&local).is_empty());
    local.batch(&[], &set(&["POST contacts", "POST contacts"]));
    assert_eq!(writes(&local).len(), 2);
    assert_ne!(local.sandbox.snapshot(), before);
}

#[test]
fn a_snapshot_has_everything() {
    let local = start();
    let same = start();
    let before = local.sandbox.snapshot();
    assert_eq!(before, same.sandbox.snapshot(), "of two new sandboxes too");
    local.get("contacts?$expand=parentcustomerid_account");
    assert_eq!(local.sandbox.snapshot(), before);
    let column = format!("/api/data/v9.2/{}/sample_contract", contact(1));
    let token = format!("Bearer {}", local.token());
    let put = |body: &[u8]| {
        let headers = [
            ("Authorization", token.as_str()),
            ("Content-Type", "application/octet-stream"),
            ("x-ms-file-name", "x"),
        ];
        exchange(&local.origin, "PATCH", &column, &headers, body).unwrap();
        local.sandbox.snapshot()
    };
    let first = put(b"one");
    assert_ne!(first, before);
    assert_ne!(put(b"two"), first);
    let last = &writes(&local)[1];
    assert_eq!(last, &format!("PATCH {}", contact(1)));
    // Changing a row and changing it back is a change, which its version shows.
    let before = same.sandbox.snapshot();
    same.call("PATCH", &contact(1), &[], "{}");
    assert_ne!(same.sandbox.snapshot(), before);
}

#[test]
fn who_acted() {
    let ada = User::person("Ada Byron", Privileges::none().allow("contacts", &[Verb::Create]));
    let person = ada.clone();
    let local = start_with(|config| {
        config.users = vec![person];
        let user = config.applications[0].user.as_mut().unwrap();
        user.privileges = std::mem::take(&mut user.privileges).allow_named("prvActOnBehalfOfAnotherUser");
    });
    local.call("POST", "contacts", &[("MSCRMCallerID", &ada.user_id)], "{}");
    let write = &local.sandbox.committed_writes()[0];
    assert_eq!(write.user_id, ada.user_id);
    assert_ne!(write.caller_id, ada.user_id);
}
