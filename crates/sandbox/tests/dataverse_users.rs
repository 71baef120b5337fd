//! Users, roles, the organization, and the depth of privileges.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Local, error, start, start_with};
use sandbox::{Depth, Organization, Privileges, Role, User, Verb, seed};
use serde_json::{Value, json};

const MISSING: &str = "99999999-0000-4000-8000-000000000000";
const DETAILS: &str = "$select=fullname,applicationid,isdisabled,azureactivedirectoryobjectid,domainname,accessmode,\
                       _businessunitid_value&$expand=businessunitid($select=name),\
                       systemuserroles_association($select=name,roleid,_roletemplateid_value)";

fn me(local: &Local) -> String {
    local.get("WhoAmI").json()["UserId"].as_str().unwrap().to_string()
}

/// Changes the application's user while the sandbox runs.
fn change(local: &Local, change: impl FnOnce(&mut User)) {
    let mut user = local.sandbox.user(&local.client_id).unwrap();
    change(&mut user);
    local.sandbox.set_user(&local.client_id, Some(user));
}

#[test]
fn a_user_with_unit_and_roles() {
    let local = start();
    let read = || local.get(&format!("systemusers({})?{DETAILS}", me(&local))).json();
    let user = read();
    assert_eq!(user["fullname"], "Sandbox Application");
    assert_eq!(user["applicationid"], local.client_id);
    assert_eq!((&user["isdisabled"], &user["accessmode"]), (&json!(false), &json!(4)));
    assert_eq!(user["businessunitid"]["name"], "Sandbox");
    assert_eq!(user["businessunitid"]["businessunitid"], user["_businessunitid_value"]);
    let roles = user["systemuserroles_association"].as_array().unwrap();
    assert_eq!(roles.len(), 1);
    assert_eq!(
        (&roles[0]["name"], &roles[0]["_roletemplateid_value"]),
        (&json!("Integration"), &Value::Null)
    );

    change(&local, |user| {
        user.name = "Renamed".into();
        user.roles = vec![Role::system_administrator(), Role::system_customizer()];
    });
    let user = read();
    assert_eq!(user["fullname"], "Renamed");
    let templates: Vec<&Value> = user["systemuserroles_association"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| &role["_roletemplateid_value"])
        .collect();
    assert_eq!(
        templates,
        [
            "627090ff-40a3-4053-8790-584edc5be201",
            "119f245c-3cc8-4b62-b31c-d1a046ced15d"
        ]
    );
    let related = |query: &str| {
        local.get(&format!(
            "systemusers({})/systemuserroles_association{query}",
            me(&local)
        ))
    };
    assert_eq!(related("?$select=name").rows()[0]["name"], "System Administrator");
    assert_eq!(related("").rows().len(), 2);
    assert_eq!(
        local
            .get(&format!("systemusers({MISSING})/systemuserroles_association"))
            .status,
        404
    );
    let names: Vec<Value> = local.get("roles?$select=name&$orderby=name").rows();
    assert_eq!(names.len(), 2, "a role without users is removed");
    let found = local
        .get(&format!("systemusers?$filter=applicationid%20eq%20{}", local.client_id))
        .rows();
    assert_eq!(found.len(), 1);
    assert_eq!(local.get(&format!("systemusers({MISSING})")).status, 404);
}

#[test]
fn a_user_can_be_disabled_and_removed() {
    let local = start();
    change(&local, |user| user.enabled = false);
    assert_eq!(error(&local.get("WhoAmI")), (403, "0x80040225".into()));
    let user = local.sandbox.user(&local.client_id).unwrap();
    local.sandbox.set_user(&local.client_id, None);
    assert_eq!(error(&local.get("WhoAmI")), (403, "0x80072560".into()));
    assert!(local.sandbox.user(&local.client_id).is_none());
    local
        .sandbox
        .set_user(&local.client_id, Some(User { enabled: true, ..user }));
    assert_eq!(local.get("WhoAmI").status, 200);
}

#[test]
fn these_tables_take_privileges_and_are_not_written() {
    let local = start();
    let refused = |set: &str| error(&local.call("POST", set, &[], "{}"));
    for (set, name) in [
        ("systemusers", "prvCreateUser"),
        ("roles", "prvCreateRole"),
        ("businessunits", "prvCreateBusinessUnit"),
        ("organizations", "prvCreateOrganization"),
    ] {
        assert_eq!(local.get(set).rows().len(), 1);
        assert_eq!(refused(set), (403, "0x80040220".into()));
        assert!(local.call("POST", set, &[], "{}").text().contains(name));
    }
    local
        .sandbox
        .set_privileges(&local.client_id, Privileges::none().allow("systemusers", &Verb::ALL));
    assert_eq!(error(&local.get("roles")), (403, "0x80040220".into()));
    let expand = local.get(&format!("systemusers({})?{DETAILS}", me(&local)));
    assert_eq!(error(&expand), (403, "0x80040220".into()));
    let before = local.sandbox.snapshot();
    let mine = format!("systemusers({})", me(&local));
    assert_eq!(refused("systemusers").0, 501);
    assert_eq!(local.call("PATCH", &mine, &[], "{}").status, 501);
    assert_eq!(local.call("DELETE", &mine, &[], "").status, 501);
    // A missing row is 404 in every table.
    let missing = format!("systemusers({MISSING})");
    assert_eq!(local.call("PATCH", &missing, &[("If-Match", "*")], "{}").status, 404);
    assert_eq!(local.sandbox.snapshot(), before);
}

#[test]
fn the_organization() {
    let local = start();
    let ask = || {
        let path = "RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')";
        local.get(path).json()
    };
    let whoami = local.get("WhoAmI").json();
    let detail = ask()["Detail"].clone();
    assert_eq!(detail["OrganizationId"], whoami["OrganizationId"]);
    assert_eq!(detail["TenantId"], local.tenant);
    assert_eq!(
        (&detail["FriendlyName"], &detail["OrganizationType"]),
        (&json!("Sandbox"), &json!("CustomerTest"))
    );
    for name in ["EnvironmentId", "Geo", "UrlName", "UniqueName", "OrganizationVersion"] {
        assert!(detail[name].is_string(), "{name}");
    }
    let rows = local.get("organizations?$select=name").rows();
    assert_eq!(rows[0]["organizationid"], detail["OrganizationId"]);
    assert_eq!(rows[0]["name"], detail["UniqueName"]);

    local.sandbox.set_organization(Organization {
        friendly_name: "Contoso".into(),
        organization_type: "Customer".into(),
        ..Organization::default()
    });
    let detail = ask()["Detail"].clone();
    assert_eq!(
        (&detail["FriendlyName"], &detail["OrganizationType"]),
        (&json!("Contoso"), &json!("Customer"))
    );
    assert_eq!(local.get("businessunits").rows()[0]["name"], "Contoso");
    assert_eq!(
        error(&local.call("POST", "RetrieveCurrentOrganization(AccessType=x)", &[], "{}")).0,
        404
    );
}

#[test]
fn privileges_by_name_and_depth() {
    let local = start_with(|config| {
        let user = config.applications[0].user.as_mut().unwrap();
        user.privileges = Privileges::none()
            .allow("systemusers", &[Verb::Read])
            .allow_at("contacts", &[Verb::Create, Verb::Write], Depth::Local)
            .allow_at("contacts", &[Verb::Write], Depth::Basic)
            .allow_named("prvActOnBehalfOfAnotherUser");
    });
    let list = |id: &str| {
        local.get(&format!(
            "systemusers({id})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
        ))
    };
    let body = list(&me(&local)).json();
    let privileges = body["RolePrivileges"].as_array().unwrap();
    let found: Vec<(&str, &str)> = privileges
        .iter()
        .map(|privilege| {
            (
                privilege["PrivilegeName"].as_str().unwrap(),
                privilege["Depth"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("prvCreateContact", "Local"),
            ("prvWriteContact", "Local"),
            ("prvReadUser", "Global"),
            ("prvActOnBehalfOfAnotherUser", "Global"),
        ]
    );
    assert!(uuid::Uuid::try_parse(privileges[0]["PrivilegeId"].as_str().unwrap()).is_ok());
    // The id is the one that a refusal names.
    let refused = local.get("contacts").text().to_string();
    assert!(refused.contains("prvReadContact"));
    assert_eq!(list(MISSING).status, 404);
    local.sandbox.set_privileges(&local.client_id, Privileges::none());
    assert_eq!(error(&list(&me(&local))), (403, "0x80040220".into()));
}

#[test]
fn basic_depth_reaches_ones_own_rows() {
    let local = start();
    local.sandbox.set_privileges(
        &local.client_id,
        Privileges::none().allow_at("contacts", &Verb::ALL, Depth::Basic),
    );
    assert!(local.get("contacts").rows().is_empty());
    let other = format!("contacts({})", seed::contact(1));
    let beyond = (403, "0x80048306".to_string());
    assert_eq!(error(&local.get(&other)), beyond);
    assert_eq!(error(&local.call("PATCH", &other, &[], "{}")), beyond);
    assert_eq!(error(&local.call("DELETE", &other, &[], "")), beyond);
    assert_eq!(error(&local.get(&format!("{other}/sample_contract/$value"))), beyond);
    let link = format!("{other}/parentcustomerid_account/$ref");
    assert_eq!(error(&local.get(&link)), beyond);
    let missing = format!("contacts({MISSING})");
    assert_eq!(local.call("DELETE", &missing, &[], "").status, 404);
    let created = local.call("POST", "contacts", &[], r#"{"lastname":"Mine"}"#);
    let mine = created
        .header("odata-entityid")
        .unwrap()
        .rsplit_once('/')
        .unwrap()
        .1
        .to_string();
    assert_eq!(local.get("contacts").rows().len(), 1);
    assert_eq!(local.call("PATCH", &mine, &[], r#"{"lastname":"Still"}"#).status, 204);
    assert_eq!(local.call("DELETE", &mine, &[], "").status, 204);
    let tracked = local.call("GET", "contacts", &[("Prefer", "odata.track-changes")], "");
    assert_eq!(error(&tracked), (403, "0x80040220".into()));
}
