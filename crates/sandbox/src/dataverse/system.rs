//! The rows of the tables about the environment itself.

use serde_json::{Value, json};
use uuid::Uuid;

use super::members::Members;
use super::store::SystemRows;
use crate::guid::guid;
use crate::user::User;

/// The rows, and the pairs of user and role.
pub(super) fn rows(members: &Members) -> (SystemRows, Vec<(Uuid, Uuid)>) {
    let mut rows = SystemRows::new();
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
            // https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems:
            // 7 days.
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
        // https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/systemuser: 4 is
        // non-interactive, as application users are; 0 is read and write.
        "accessmode": if client_id.is_some() { 4 } else { 0 },
        "_businessunitid_value": user.business_unit_id,
        "_organizationid_value": user.organization_id,
    })
}
