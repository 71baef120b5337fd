//! Checks the environment: its organization, and that tenant and URL belong to it.

use serde_json::Value;

use super::identity::text;
use super::lines::{Finding, Lines};
use super::report::Facts;
use super::requests::Requests;
use crate::guid::is_guid;
use crate::host::Host;
use crate::http::origin::Origin;

/// Reports what the environment says about itself.
pub(super) async fn check<H: Host>(requests: &Requests<'_, H>, facts: &mut Facts, lines: &mut Lines) {
    // `OrganizationDetail` (docs/facts/dataverse.md, 1.10).
    const PATH: &str = "RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')";
    organization(requests, facts, lines);
    let answer = requests.json(PATH.to_owned()).await;
    let detail = answer.and_then(|answer| {
        let detail = answer.get("Detail").filter(|detail| detail.is_object()).cloned();
        detail.ok_or_else(|| "the answer does not contain it".to_owned())
    });
    let (tenant, url) = match &detail {
        Ok(detail) => {
            facts.organization_name = text(detail, "FriendlyName");
            facts.organization_kind = text(detail, "OrganizationType");
            let name = facts.organization_name.as_deref().unwrap_or("unnamed");
            let kind = facts.organization_kind.as_deref().map(kind).unwrap_or_default();
            lines.add("environment", None, Finding::note(format!("{name}{kind}"), None));
            (
                tenant(detail, &facts.tenant),
                url(detail, requests.connection().environment()),
            )
        }
        Err(reason) => (Finding::unknown(reason, None), Finding::unknown(reason, None)),
    };
    lines.add("tenant", Some(facts.tenant.clone()), tenant);
    lines.add(
        "environment-url",
        Some(requests.connection().environment().to_string()),
        url,
    );
}

/// Compares the organization id with the one in the settings.
pub(super) fn organization<H: Host>(requests: &Requests<'_, H>, facts: &Facts, lines: &mut Lines) {
    let settings = requests.connection().settings();
    let found = facts.organization_id.clone().unwrap_or_default();
    let name = settings.names.organization_id;
    let finding = match &settings.organization_id {
        Some(expected) => Finding::of(
            expected.eq_ignore_ascii_case(&found),
            found,
            format!(
                "{} is not the environment of {name}: correct the wrong one",
                settings.environment
            ),
        ),
        None => Finding::note(
            found,
            Some(format!(
                "set {name} to this id: then this check fails if the settings point to another environment"
            )),
        ),
    };
    lines.add("organization", settings.organization_id.clone(), finding);
}

/// `OrganizationType` (docs/facts/dataverse.md, 1.10).
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
        None => Finding::unknown("the answer does not contain it", None),
        // The settings contain a domain of the tenant, which cannot be compared.
        Some(found) if !is_guid(of_token) => Finding::note(found, Some("use this id as the tenant".to_owned())),
        Some(found) => Finding::of(
            found.eq_ignore_ascii_case(of_token),
            found,
            "the environment belongs to a different tenant than the token: use an application of the environment's tenant",
        ),
    }
}

/// Compares the URL with the environment's endpoints. The Web API's host may or may not contain `api.`
/// (docs/facts/dataverse.md, 1.1).
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
        return Finding::unknown("the answer does not contain it", None);
    }
    let plain = |origin: &Origin| origin.to_string().replacen(".api.", ".", 1);
    let mut found: Vec<_> = origins.iter().map(Origin::to_string).collect();
    found.dedup();
    Finding::of(
        origins.iter().any(|origin| plain(origin) == plain(environment)),
        found.join(", "),
        "the environment reports a different address: use that, unless the settings name a proxy on purpose",
    )
}
