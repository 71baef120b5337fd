//! Callers and impersonation.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, Local, error, start, start_with};
use sandbox::{Privileges, User, Verb};

const ACT: &str = "prvActOnBehalfOfAnotherUser";

/// The application may act for Ada, who reads contacts and accounts, and for Bob, who is disabled.
fn delegate() -> (Local, User, User) {
    let reads = |sets: &[&str]| {
        sets.iter().fold(Privileges::none(), |privileges, set| {
            privileges.allow(set, &[Verb::Read])
        })
    };
    let ada = User::person(
        "Ada Byron",
        reads(&["contacts", "accounts"]).allow("contacts", &[Verb::Create]),
    );
    let bob = User {
        enabled: false,
        ..User::person("Bob Gray", Privileges::all())
    };
    let people = vec![ada.clone(), bob.clone()];
    let local = start_with(|config| {
        config.users = people;
        let user = config.applications[0].user.as_mut().unwrap();
        user.privileges = reads(&["contacts", "leads"])
            .allow("contacts", &Verb::ALL)
            .allow_named(ACT);
    });
    (local, ada, bob)
}

fn get(local: &Local, path: &str, header: (&str, &str)) -> Answer {
    local.call("GET", path, &[header], "")
}

#[test]
fn both_headers_act_for_another() {
    let (local, ada, _) = delegate();
    for header in [
        ("CallerObjectId", ada.entra_object_id.as_str()),
        ("MSCRMCallerID", ada.user_id.as_str()),
    ] {
        assert_eq!(get(&local, "WhoAmI", header).json()["UserId"], ada.user_id);
        // Only the privileges of both.
        assert_eq!(get(&local, "contacts", header).status, 200);
        assert_eq!(local.call("POST", "contacts", &[header], "{}").status, 204);
        let refused = local.call(
            "DELETE",
            &format!("contacts({})", sandbox::seed::contact(1)),
            &[header],
            "",
        );
        assert_eq!(error(&refused), (403, "0x80040220".into()), "Ada may not");
        // The impersonated user is the one named:
        // https://github.com/MicrosoftDocs/dynamics-365-customer-engagement/issues/100.
        assert!(refused.text().contains(&format!("(Id={}, type=8)", ada.user_id)));
        assert_eq!(get(&local, "accounts", header).status, 403, "the application may not");
        assert_eq!(get(&local, "leads", header).status, 403, "Ada may not");
    }
    assert_eq!(local.get("leads").status, 200);
    let me = local.get("WhoAmI").json()["UserId"].as_str().unwrap().to_string();
    assert_ne!(me, ada.user_id);
    assert_eq!(get(&local, "leads", ("MSCRMCallerID", me.as_str())).status, 200);
}

#[test]
fn it_takes_a_privilege_and_a_user() {
    let (local, ada, bob) = delegate();
    let missing = "99999999-0000-4000-8000-000000000000";
    let refused = |name: &str, id: &str| error(&get(&local, "contacts", (name, id)));
    assert_eq!(refused("CallerObjectId", missing), (403, "0x80072560".into()));
    assert_eq!(refused("CallerObjectId", &ada.user_id), (403, "0x80072560".into()));
    assert_eq!(refused("MSCRMCallerID", missing), (404, "0x80040217".into()));
    assert_eq!(refused("MSCRMCallerID", "x"), (404, "0x80040217".into()));
    assert_eq!(
        refused("CallerObjectId", &bob.entra_object_id),
        (403, "0x80040225".into())
    );

    let person = ada.clone();
    let plain = start_with(|config| config.users = vec![person]);
    let answer = get(&plain, "contacts", ("CallerObjectId", ada.entra_object_id.as_str()));
    assert_eq!(error(&answer), (403, "0x80040220".into()));
    assert!(
        answer.text().contains(&format!("is missing {ACT} privilege")),
        "{}",
        answer.text()
    );
    // The caller's own id requires no privilege.
    let me = start().get("WhoAmI").json()["UserId"].as_str().unwrap().to_string();
    assert_eq!(get(&plain, "contacts", ("MSCRMCallerID", &me)).status, 200);
}

#[test]
fn in_a_batch_each_request_says_for_whom() {
    let (local, ada, _) = delegate();
    let part = |header: &str| {
        format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET WhoAmI HTTP/1.1\r\n\
             {header}\r\n\r\n"
        )
    };
    let body = part(&format!("CallerObjectId: {}\r\n", ada.entra_object_id)) + &part("") + "--b--\r\n";
    let answer = local.batch(&[], &body);
    assert_eq!(answer.text().matches(&ada.user_id).count(), 1, "{}", answer.text());
    // The headers of the batch are not those of its requests (docs/facts/dataverse.md, 1.7).
    let answer = local.batch(&[("CallerObjectId", &ada.entra_object_id)], &(part("") + "--b--\r\n"));
    assert_eq!(answer.text().matches(&ada.user_id).count(), 0, "{}", answer.text());
}

#[test]
fn a_disabled_application_user() {
    let local = start_with(|config| config.applications[0].user.as_mut().unwrap().enabled = false);
    assert_eq!(error(&local.get("WhoAmI")), (403, "0x80040225".into()));
}
