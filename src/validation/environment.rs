//! Which environment it is, and that tenant and URL belong to it.

use serde_json::Value;

use super::asking::Asking;
use super::identity::text;
use super::lines::{Finding, Lines};
use super::report::Facts;
use crate::guid::is_guid;
use crate::host::Host;
use crate::http::origin::Origin;

/// Notes what the environment says of itself.
pub(super) async fn check<H: Host>(asking: &Asking<'_, H>, facts: &mut Facts, lines: &mut Lines) {
    // Microsoft's reference: `RetrieveCurrentOrganization`, `OrganizationDetail`.
    const PATH: &str = "RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')";
    organization(asking, facts, lines);
    let answer = asking.json(PATH.to_owned()).await;
    let detail = answer.and_then(|answer| {
        let detail = answer.get("Detail").filter(|detail| detail.is_object()).cloned();
        detail.ok_or_else(|| "the answer does not tell".to_owned())
    });
    let (tenant, url) = match &detail {
        Ok(detail) => {
            facts.organization_name = text(detail, "FriendlyName");
            facts.organization_kind = text(detail, "OrganizationType");
            let name = facts.organization_name.as_deref().unwrap_or("without a name");
            let kind = facts.organization_kind.as_deref().map(kind).unwrap_or_default();
            lines.add("environment", None, Finding::note(format!("{name}{kind}"), None));
            (
                tenant(detail, &facts.tenant),
                url(detail, asking.connection().environment()),
            )
        }
        Err(reason) => (Finding::unknown(reason, None), Finding::unknown(reason, None)),
    };
    lines.add("tenant", Some(facts.tenant.clone()), tenant);
    lines.add(
        "environment-url",
        Some(asking.connection().environment().to_string()),
        url,
    );
}

/// Notes whether it is the one that the settings name.
pub(super) fn organization<H: Host>(asking: &Asking<'_, H>, facts: &Facts, lines: &mut Lines) {
    let settings = asking.connection().settings();
    let found = facts.organization_id.clone().unwrap_or_default();
    let name = settings.names.organization_id;
    let finding = match &settings.organization_id {
        Some(expected) => Finding::of(
            expected.eq_ignore_ascii_case(&found),
            found,
            format!(
                "{} is another environment than {name} says: correct the one that is wrong",
                settings.environment
            ),
        ),
        None => Finding::note(
            found,
            Some(format!(
                "set {name} to it, and the check fails wherever the settings lead to another environment"
            )),
        ),
    };
    lines.add("organization", settings.organization_id.clone(), finding);
}

/// Microsoft's reference: `OrganizationType`.
fn kind(kind: &str) -> String {
    let meaning = match kind {
        "Customer" | "0" | "Secondary" | "4" => ": production",
        "CustomerTest" | "5" | "CustomerFreeTest" | "6" => ": a sandbox",
        _ => "",
    };
    format!(", {kind}{meaning}")
}

fn tenant(detail: &Value, of_token: &str) -> Finding {
    match text(detail, "TenantId") {
        None => Finding::unknown("the answer does not tell", None),
        // The settings name the tenant by one of its domains, which cannot be compared.
        Some(found) if !is_guid(of_token) => Finding::note(found, Some("name the tenant by this id".to_owned())),
        Some(found) => Finding::of(
            found.eq_ignore_ascii_case(of_token),
            found,
            "the environment belongs to another tenant than the token: use the application of the environment's own tenant",
        ),
    }
}

/// Its web address is among the endpoints; the Web API's has `api.` in it, or not (Microsoft's page "Compose HTTP requests and
/// handle errors", "Web API URL and versions").
fn url(detail: &Value, environment: &Origin) -> Finding {
    let endpoints = detail.get("Endpoints").and_then(|endpoints| endpoints.get("Values"));
    let values = endpoints
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let origins: Vec<_> = values
        .iter()
        .filter_map(|value| Origin::of(&value.as_str()?.parse().ok()?).ok())
        .collect();
    if origins.is_empty() {
        return Finding::unknown("the answer does not tell", None);
    }
    let plain = |origin: &Origin| origin.to_string().replacen(".api.", ".", 1);
    let mut found: Vec<_> = origins.iter().map(Origin::to_string).collect();
    found.dedup();
    Finding::of(
        origins.iter().any(|origin| plain(origin) == plain(environment)),
        found.join(", "),
        "the environment says that it has another address: use that, unless the settings name a proxy on purpose",
    )
}
