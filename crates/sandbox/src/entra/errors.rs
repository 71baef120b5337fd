//! The errors of the token endpoint, with codes, statuses and texts (docs/facts/entra.md, 3 unless said
//! otherwise).

pub(super) mod by_code;
pub(super) mod client;

use http::{Method, StatusCode};
use serde_json::json;

use crate::clock;
use crate::response::{Answer, answer};

#[derive(Debug)]
pub(super) struct EntraError {
    pub(super) code: u32,
    pub(super) error: &'static str,
    pub(super) status: StatusCode,
    pub(super) text: String,
    pub(super) suberror: Option<&'static str>,
    /// JSON as text, for the client to send with its next request.
    pub(super) claims: Option<String>,
}

impl EntraError {
    pub(super) fn answer(&self, trace_id: &str, correlation_id: &str, now: i64) -> Answer {
        let timestamp = clock::entra_timestamp(now);
        let EntraError {
            code,
            error,
            status,
            text,
            suberror,
            claims,
        } = self;
        let mut body = json!({
            "error": error,
            "error_description": format!(
                "AADSTS{code}: {text} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}"
            ),
            "error_codes": [code],
            "timestamp": timestamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        // docs/facts/entra.md, 2.6, 3: both only if the refusal has them.
        if let Some(suberror) = suberror {
            body["suberror"] = json!(suberror);
        }
        if let Some(claims) = claims {
            body["claims"] = json!(claims);
        }
        answer(*status, "application/json; charset=utf-8", body.to_string())
    }
}

fn error(code: u32, error: &'static str, status: StatusCode, text: impl Into<String>) -> EntraError {
    EntraError {
        code,
        error,
        status,
        text: text.into(),
        suberror: None,
        claims: None,
    }
}

fn invalid_request(code: u32, text: impl Into<String>) -> EntraError {
    error(code, "invalid_request", StatusCode::BAD_REQUEST, text)
}

fn invalid_client(code: u32, text: impl Into<String>) -> EntraError {
    error(code, "invalid_client", StatusCode::UNAUTHORIZED, text)
}

/// Guess: the status; <https://learn.microsoft.com/entra/identity-platform/reference-error-codes> has the code.
pub(super) fn only_post(method: &Method) -> EntraError {
    invalid_request(
        900_561,
        format!("The endpoint only accepts POST requests. Received a {method} request."),
    )
}

/// Guess: the status, as for [`only_post`].
pub(super) fn only_get(method: &Method) -> EntraError {
    invalid_request(
        900_561,
        format!("The endpoint only accepts GET requests. Received a {method} request."),
    )
}

/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes> has the code, and
/// <https://learn.microsoft.com/entra/msal/dotnet/advanced/custom-authority-aliases> the error. Guess: the status.
pub(super) fn unknown_instance() -> EntraError {
    error(
        50_049,
        "invalid_instance",
        StatusCode::BAD_REQUEST,
        "Unknown or invalid instance.",
    )
}

/// Newer deployments return `invalid_tenant`; the token endpoint was observed to return `invalid_request`.
pub(super) fn tenant_not_found(tenant: &str) -> EntraError {
    invalid_request(
        90_002,
        format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the \
             correct cloud. Check with your subscription administrator, this may happen if there are no active \
             subscriptions for the tenant."
        ),
    )
}

/// Guess: the whole answer. The error for a `claims` parameter that is not a JSON object is not documented;
/// 90023 is <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>'s InvalidRequest.
pub(super) fn malformed_claims() -> EntraError {
    invalid_request(
        90_023,
        "The authentication service request isn't valid: the 'claims' parameter is not a JSON object.",
    )
}

pub(super) fn missing_parameter(name: &str) -> EntraError {
    invalid_request(
        900_144,
        format!("The request body must contain the following parameter: '{name}'."),
    )
}

/// Guess: text and status; <https://learn.microsoft.com/entra/identity-platform/reference-error-codes> has the code.
pub(super) fn unsupported_grant(grant_type: &str) -> EntraError {
    error(
        70_003,
        "unsupported_grant_type",
        StatusCode::BAD_REQUEST,
        format!("The app requested an unsupported grant type '{grant_type}'. The sandbox knows client_credentials."),
    )
}

pub(super) fn application_not_found(client_id: &str, tenant: &str) -> EntraError {
    error(
        700_016,
        "unauthorized_client",
        StatusCode::BAD_REQUEST,
        format!(
            "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if \
             the application has not been installed by the administrator of the tenant or consented to by any user in \
             the tenant. You may have sent your authentication request to the wrong tenant."
        ),
    )
}

pub(super) fn malformed_scope(scope: &str) -> EntraError {
    error(
        70_011,
        "invalid_scope",
        StatusCode::BAD_REQUEST,
        format!("The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."),
    )
}

pub(super) fn scope_without_default(scope: &str) -> EntraError {
    error(
        1_002_012,
        "invalid_scope",
        StatusCode::BAD_REQUEST,
        format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        ),
    )
}

pub(super) fn resource_not_found(resource: &str, tenant: &str) -> EntraError {
    error(
        500_011,
        "invalid_resource",
        StatusCode::BAD_REQUEST,
        format!(
            "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if \
             the application has not been installed by the administrator of the tenant or consented to by any user in \
             the tenant. You might have sent your authentication request to the wrong tenant."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_every_field() {
        let answer = client::wrong_secret("app").answer("trace", "correlation", 1_683_352_980);
        assert_eq!(answer.status(), 401);
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(body["error"], "invalid_client");
        assert_eq!(body["error_codes"], json!([7_000_215]));
        assert_eq!(body["timestamp"], "2023-05-06 06:03:00Z");
        assert_eq!(body["trace_id"], "trace");
        assert_eq!(body["correlation_id"], "correlation");
        assert_eq!(
            body["error_uri"],
            "https://login.microsoftonline.com/error?code=7000215"
        );
        let description = body["error_description"].as_str().unwrap();
        assert!(
            description.starts_with("AADSTS7000215: Invalid client secret provided."),
            "{description}"
        );
        assert!(
            description.ends_with(" Trace ID: trace Correlation ID: correlation Timestamp: 2023-05-06 06:03:00Z"),
            "{description}"
        );
    }
}
