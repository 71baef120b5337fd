//! Refusals that do not arise in the sandbox: a test requests them by their number.

use http::StatusCode;
use serde_json::json;

use super::{EntraError, error, invalid_request, tenant_not_found};

/// The documented answer. Codes and their meaning:
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
pub(in crate::entra) fn refusal(code: u32, tenant: &str) -> Option<EntraError> {
    let refusal = match code {
        // https://learn.microsoft.com/entra/identity-platform/reference-breaking-changes has `error` and text. Guess:
        // the status.
        50_196 => error(
            code,
            "invalid_grant",
            StatusCode::BAD_REQUEST,
            "The server terminated an operation because it encountered a loop while processing a request.",
        ),
        53_003 => conditional_access(),
        // docs/facts/entra.md, 3: newer deployments call it invalid_tenant.
        90_002 => EntraError {
            error: "invalid_tenant",
            ..tenant_not_found(tenant)
        },
        // A complete answer with 503: https://github.com/Azure/azure-sdk-for-python/issues/14241. Guess:
        // that its siblings look the same.
        90_006 | 90_024 | 90_033 | 90_090 => error(
            code,
            "temporarily_unavailable",
            StatusCode::SERVICE_UNAVAILABLE,
            "A transient error has occurred. Please try again.",
        ),
        // docs/facts/entra.md, 3: status unverified. Guess: the text.
        90_038 => invalid_request(
            code,
            format!("The specified tenant '{tenant}' belongs to another national cloud than this instance."),
        ),
        // Guess: `error` and status; a throttled application gets 429 in plain text (docs/facts/entra.md, 2.3).
        90_055 => error(
            code,
            "temporarily_unavailable",
            StatusCode::TOO_MANY_REQUESTS,
            "There are too many incoming requests for this tenant.",
        ),
        // docs/facts/entra.md, 3: status unverified. The page lists the sentence under both numbers.
        900_382 | 900_432 => invalid_request(code, "Confidential Client isn't supported in Cross Cloud request."),
        _ => return None,
    };
    Some(refusal)
}

/// Text, `suberror` and `claims` as in reported bodies, also of federated applications. The status is unverified.
fn conditional_access() -> EntraError {
    let policies = json!({"essential": true, "values": ["50000000-0000-4000-8000-000000000001"]});
    EntraError {
        suberror: Some("message_only"),
        claims: Some(json!({"access_token": {"capolids": policies}}).to_string()),
        ..error(
            53_003,
            "invalid_grant",
            StatusCode::BAD_REQUEST,
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        )
    }
}
