//! Checks the caller: the token, the credential, and the application user with its roles.

use serde_json::Value;

use super::lines::{Finding, Lines};
use super::report::Facts;
use super::requests::Requests;
use crate::credential::{Kind, Used};
use crate::dataverse::advice::ADMIN;
use crate::dataverse::client::Connection;
use crate::entra::AccessToken;
use crate::host::Host;
use crate::http::date::format as date;

/// Administrative roles, by the id of their role template, which is the same in every environment
/// (docs/facts/dataverse.md, 1.10).
const POWERFUL: [&str; 2] = [
    "627090ff-40a3-4053-8790-584edc5be201",
    "119f245c-3cc8-4b62-b31c-d1a046ced15d",
];

/// Reports the token and the credential that obtained it. `now` is in seconds since 1970.
pub(super) fn token(connection: &Connection, token: AccessToken, now: u64, lines: &mut Lines) -> Facts {
    let settings = connection.settings();
    let found = format!(
        "for tenant {} and application {}, valid for {} s",
        token.tenant, settings.client_id, token.expires_in
    );
    let expected = format!("a token for {}", settings.environment);
    lines.add("token", Some(expected), Finding::of(true, found, ""));
    credential(&token.credential, now, lines);
    Facts {
        tenant: token.tenant,
        client_id: settings.client_id.clone(),
        audience: token.audience,
        token_expires_in: token.expires_in,
        credential_days_left: token.credential.days_left(now),
        credential: token.credential,
        user_id: None,
        user_name: None,
        enabled: None,
        business_unit_id: None,
        business_unit_name: None,
        roles: None,
        organization_id: None,
        organization_name: None,
        organization_kind: None,
    }
}

fn credential(used: &Used, now: u64, lines: &mut Lines) {
    let thumbprint = used
        .thumbprint
        .as_ref()
        .map(|print| format!(" {print}"))
        .unwrap_or_default();
    let what = format!("{}{thumbprint} ({})", used.kind.name(), used.name);
    let ends = used.expires_at.map(date).unwrap_or_default();
    let left = used.days_left(now).unwrap_or_default();
    let (expected, finding) = match used.kind {
        Kind::Certificate => (
            Some("expires in 30 days or later".to_owned()),
            Finding::of(
                !used.ends_soon(now),
                format!("{what} expires {ends}, in {left} days"),
                "register a new certificate with the application, and set it in addition to this one",
            ),
        ),
        Kind::Assertion => (None, Finding::note(format!("{what} expires {ends}"), None)),
        Kind::Secret => {
            let advice = "use a certificate: its expiry can be checked, and its key never leaves the component";
            let found = format!("{what}, whose expiry only Entra ID knows");
            (None, Finding::note(found, Some(advice.to_owned())))
        }
    };
    lines.add("credential", expected, finding);
}

/// Reports what the environment says about the application user.
pub(super) async fn user<H: Host>(requests: &Requests<'_, H>, id: &str, facts: &mut Facts, lines: &mut Lines) {
    const SELECT: &str = "$select=fullname,isdisabled,applicationid";
    let client_id = requests.connection().settings().client_id.clone();
    let expected = format!("enabled, and belongs to application {client_id}");
    let finding = match requests.json(format!("systemusers({id})?{SELECT}")).await {
        Ok(user) => details(&user, &client_id, facts),
        Err(reason) => Finding::unknown(reason, Some(READ_USERS)),
    };
    lines.add("user-details", Some(expected), finding);

    if let Some(unit) = &facts.business_unit_id {
        let unit = requests.json(format!("businessunits({unit})?$select=name")).await;
        facts.business_unit_name = unit.ok().and_then(|unit| text(&unit, "name"));
    }
    roles(requests, id, facts, lines).await;
}

const READ_USERS: &str =
    "ask an administrator to check it, or grant the application user the privilege to read users and security roles";

fn details(user: &Value, client_id: &str, facts: &mut Facts) -> Finding {
    facts.user_name = text(user, "fullname");
    facts.enabled = user
        .get("isdisabled")
        .and_then(Value::as_bool)
        .map(|disabled| !disabled);
    let name = facts.user_name.as_deref().unwrap_or("unnamed");
    match (facts.enabled, text(user, "applicationid")) {
        (Some(enabled), Some(application)) => {
            let state = if enabled { "enabled" } else { "disabled" };
            Finding::of(
                enabled && application.eq_ignore_ascii_case(client_id),
                format!("{name}, {state}, belongs to application {application}"),
                format!("check the application user ({ADMIN}, Application users)"),
            )
        }
        _ => Finding::unknown("the answer does not contain it", None),
    }
}

/// Reports the roles assigned to the user directly: `systemuserroles_association` (docs/facts/dataverse.md,
/// 1.10).
async fn roles<H: Host>(requests: &Requests<'_, H>, id: &str, facts: &mut Facts, lines: &mut Lines) {
    let path = format!("systemusers({id})/systemuserroles_association?$select=name,_roletemplateid_value");
    let answer = requests.json(path).await;
    let listed = answer.and_then(|answer| listed(&answer).ok_or_else(|| "the answer does not contain it".to_owned()));
    let finding = match listed {
        Ok(roles) => {
            let names = |powerful: bool| {
                let roles = roles.iter().filter(|(_, is_powerful)| *is_powerful || !powerful);
                roles.map(|(name, _)| name.clone()).collect::<Vec<_>>()
            };
            let (all, powerful) = (names(false), names(true));
            let found = if all.is_empty() {
                "none".to_owned()
            } else {
                all.join(", ")
            };
            facts.roles = Some(all);
            Finding::of(
                powerful.is_empty(),
                found,
                format!(
                    "{} may change the environment itself: replace it with a role that has only the required privileges ({ADMIN}, Application users)",
                    powerful.join(" and ")
                ),
            )
        }
        Err(reason) => Finding::unknown(reason, Some(READ_USERS)),
    };
    let expected = "neither System Administrator nor System Customizer";
    lines.add("roles", Some(expected.to_owned()), finding);
}

/// The roles' names, and whether each is administrative. `None` if the answer is malformed or incomplete.
fn listed(answer: &Value) -> Option<Vec<(String, bool)>> {
    let roles = answer.get("value")?.as_array()?;
    if answer.get("@odata.nextLink").is_some() {
        return None;
    }
    let role = |role: &Value| {
        let template = role.get("_roletemplateid_value")?.as_str().unwrap_or_default();
        let is_powerful = POWERFUL.iter().any(|id| id.eq_ignore_ascii_case(template));
        Some((text(role, "name")?, is_powerful))
    };
    roles.iter().map(role).collect()
}

/// A member that is text or a number, as text.
pub(super) fn text(object: &Value, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
