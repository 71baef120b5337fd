//! The functions that the sandbox has, and the service document.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::Call;
use super::refusal::Refusal;
use crate::privileges::Verb;
use crate::response::{Answer, append};
use crate::schema::Table;

/// docs/facts/dataverse.md, 1.2
pub(super) fn whoami(call: &Call<'_>) -> Result<Answer, Refusal> {
    if call.request.method != Method::GET {
        // https://learn.microsoft.com/troubleshoot/power-platform/dataverse/dataverse-web-api-and-sdk/web-api-client-errors.
        return Err(Refusal::no_such_resource(&format!("{}/WhoAmI", call.root)));
    }
    let mut answer = call.json(
        StatusCode::OK,
        &json!({
            "@odata.context": format!("{}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", call.root),
            "BusinessUnitId": call.user.business_unit_id,
            "UserId": call.user.user_id,
            "OrganizationId": call.user.organization_id,
        }),
    );
    append(&mut answer, "allow", "OPTIONS,GET,HEAD,POST");
    Ok(answer)
}

/// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/web-api-service-documents>. Guess: which of
/// the sandbox's few tables a real document would list.
pub(super) fn service_document(call: &Call<'_>) -> Result<Answer, Refusal> {
    if call.request.method != Method::GET {
        return Err(Refusal::method_not_allowed(&call.request.method));
    }
    let sets: Vec<Value> = Table::all()
        .map(|table| json!({"name": table.entity_set, "kind": "EntitySet", "url": table.entity_set}))
        .collect();
    let body = json!({"@odata.context": format!("{}/$metadata", call.root), "value": sets});
    Ok(call.json(StatusCode::OK, &body))
}

/// `RetrieveCurrentOrganization`
/// (<https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/organizationdetail>).
/// Guess: it requires no privilege.
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

/// `systemusers(id)/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()`
/// (<https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/roleprivilege>).
/// Guess: that it requires the privilege to read users, and `RecordFilterId`.
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

/// As for `WhoAmI`: functions support no other methods.
fn demand_get(call: &Call<'_>) -> Result<(), Refusal> {
    match call.request.method {
        Method::GET => Ok(()),
        _ => Err(Refusal::no_such_resource(&format!(
            "{}{}",
            call.origin, call.request.path
        ))),
    }
}
