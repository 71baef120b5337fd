//! `WhoAmI`: the identity under which the environment knows the caller (docs/facts/dataverse.md, 1.2).

use serde::Deserialize;

use super::exchange::Exchange;
use crate::error::Error;
use crate::guid::is_guid;
use crate::http::json;

/// The function's path.
pub(crate) const PATH: &str = "WhoAmI";

/// The application user, its business unit and its organization.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Identity {
    /// The application user's id.
    pub user_id: String,
    /// Its business unit's id.
    pub business_unit_id: String,
    /// The id of the environment's organization.
    pub organization_id: String,
}

impl Identity {
    /// Parses the answer.
    ///
    /// # Errors
    /// `unavailable` if it does not contain three GUIDs.
    pub fn read(exchange: &Exchange) -> Result<Self, Error> {
        Self::parse(&exchange.body).ok_or_else(|| {
            exchange.unusable("the answer to WhoAmI does not contain the three ids: is this a Dataverse environment?")
        })
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let identity: Self = serde_json::from_slice(json::without_mark(body)).ok()?;
        let ids = [&identity.user_id, &identity.business_unit_id, &identity.organization_id];
        ids.iter().all(|id| is_guid(id)).then_some(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_am_i_is_three_guids() {
        let fine = br#"{"UserId":"00000000-0000-0000-0000-000000000001","BusinessUnitId":"00000000-0000-0000-0000-000000000002",
            "OrganizationId":"00000000-0000-0000-0000-000000000003","@odata.context":"x"}"#;
        let identity = Identity::parse(fine).unwrap();
        assert_eq!(identity.user_id, "00000000-0000-0000-0000-000000000001");
        assert!(Identity::parse(br#"{"UserId":"x","BusinessUnitId":"y","OrganizationId":"z"}"#).is_none());
    }
}
