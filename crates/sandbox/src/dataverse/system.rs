//! The rows of the tables about the environment itself, and the functions about it.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Call;
use super::members::Members;
use super::path::guid;
use super::refusal::Refusal;
use crate::User;
use crate::privileges::Verb;
use crate::response::Answer;
use crate::schema::Table;

/// Rows by entity set and id.
pub(super) type Rows = BTreeMap<(&'static str, Uuid), Map<String, Value>>;

/// What the tables hold, and which user (first) has which role.
pub(super) fn rows(members: &Members) -> (Rows, Vec<(Uuid, Uuid)>) {
    let mut rows = Rows::new();
    let mut roles = Vec::new();
    let mut add = |set, id: &str, values: Value| {
        if let (Some(id), Value::Object(values)) = (guid(id), values) {
            rows.insert((set, id), values);
        }
    };
    let organization = members.organization();
    for (client_id, user) in members.with_client_ids() {
        add("systemusers", &user.user_id, row(user, client_id));
        add(
            "businessunits",
            &user.business_unit_id,
            json!({"name": organization.friendly_name, "isdisabled": false}),
        );
        add(
            "organizations",
            &user.organization_id,
            // Microsoft's page "Use change tracking to synchronize data with external systems": 7 days.
            json!({"name": organization.unique_name, "expirechangetrackingindays": 7}),
        );
        for role in &user.roles {
            add(
                "roles",
                &role.role_id,
                json!({
                    "name": role.name,
                    "_roletemplateid_value": role.template_id,
                    "_businessunitid_value": user.business_unit_id,
                }),
            );
            roles.extend(guid(&user.user_id).zip(guid(&role.role_id)));
        }
    }
    (rows, roles)
}

fn row(user: &User, client_id: Option<&str>) -> Value {
    json!({
        "fullname": user.name,
        "domainname": user.domain_name,
        "applicationid": client_id,
        "azureactivedirectoryobjectid": user.entra_object_id,
        "isdisabled": !user.enabled,
        // DOC reference/entities/systemuser: 4 is non-interactive, as application users are; 0 is read and write.
        "accessmode": if client_id.is_some() { 4 } else { 0 },
        "_businessunitid_value": user.business_unit_id,
        "_organizationid_value": user.organization_id,
    })
}

/// `RetrieveCurrentOrganization` (Microsoft's reference: `OrganizationDetail`). Guess: it takes no privilege.
pub(super) fn current_organization(call: &Call<'_>) -> Result<Answer, Refusal> {
    demand_get(call)?;
    let organization = call.members.organization();
    let origin = call.origin;
    let body = json!({
        "@odata.context": format!("{}/$metadata#Microsoft.Dynamics.CRM.RetrieveCurrentOrganizationResponse", call.root),
        "Detail": {
            "OrganizationId": call.user.organization_id,
            "FriendlyName": organization.friendly_name,
            "OrganizationVersion": "9.2.0.0",
            "EnvironmentId": organization.environment_id,
            "DatacenterId": "00000000-0000-0000-0000-000000000000",
            "Geo": organization.geo,
            "TenantId": call.members.tenant_id(),
            "UrlName": organization.url_name,
            "UniqueName": organization.unique_name,
            "State": "Enabled",
            "SchemaType": "Standard",
            "OrganizationType": organization.organization_type,
            "Endpoints": {
                "Count": 1,
                "IsReadOnly": false,
                "Keys": ["WebApplication"],
                "Values": [format!("{origin}/")],
            },
        },
    });
    Ok(call.json(StatusCode::OK, &body))
}

/// `systemusers(id)/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()` (Microsoft's reference: `RolePrivilege`).
/// Guess: that it takes the privilege to read users, and `RecordFilterId`.
pub(super) fn user_privileges(call: &Call<'_>, table: &Table, id: Uuid) -> Result<Answer, Refusal> {
    demand_get(call)?;
    call.demand(table, Verb::Read)?;
    let user = call.members.user(id).ok_or_else(|| Refusal::no_such_row(table, id))?;
    let privileges = user.privileges.named().into_iter().map(|(name, id, depth)| {
        json!({
            "Depth": format!("{depth:?}"),
            "PrivilegeId": id.to_string(),
            "BusinessUnitId": user.business_unit_id,
            "PrivilegeName": name,
            "RecordFilterId": "00000000-0000-0000-0000-000000000000",
            "RecordFilterUniqueName": "",
        })
    });
    let body = json!({
        "@odata.context": format!("{}/$metadata#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse", call.root),
        "RolePrivileges": privileges.collect::<Vec<_>>(),
    });
    Ok(call.json(StatusCode::OK, &body))
}

/// As for `WhoAmI`: functions are not there for other methods.
fn demand_get(call: &Call<'_>) -> Result<(), Refusal> {
    match call.request.method {
        Method::GET => Ok(()),
        _ => Err(Refusal::no_such_resource(&format!(
            "{}{}",
            call.origin, call.request.path
        ))),
    }
}
