//! What the token endpoint refuses, with codes, statuses and texts (facts: entra 3 unless said otherwise).

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
}

impl EntraError {
    pub(super) fn answer(&self, trace_id: &str, correlation_id: &str, now: i64) -> Answer {
        let timestamp = clock::entra_timestamp(now);
        let EntraError {
            code,
            error,
            status,
            text,
        } = self;
        let body = json!({
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
        answer(*status, "application/json; charset=utf-8", body.to_string())
    }
}

fn error(code: u32, error: &'static str, status: StatusCode, text: impl Into<String>) -> EntraError {
    EntraError {
        code,
        error,
        status,
        text: text.into(),
    }
}

fn invalid_request(code: u32, text: impl Into<String>) -> EntraError {
    error(code, "invalid_request", StatusCode::BAD_REQUEST, text)
}

fn invalid_client(code: u32, text: impl Into<String>) -> EntraError {
    error(code, "invalid_client", StatusCode::UNAUTHORIZED, text)
}

/// Guess: the status; ENTRADOCS reference-error-codes has the code.
pub(super) fn only_post(method: &Method) -> EntraError {
    invalid_request(
        900_561,
        format!("The endpoint only accepts POST requests. Received a {method} request."),
    )
}

/// Newer deployments say `invalid_tenant`; the token endpoint was seen with `invalid_request`.
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

pub(super) fn missing_parameter(name: &str) -> EntraError {
    invalid_request(
        900_144,
        format!("The request body must contain the following parameter: '{name}'."),
    )
}

/// Guess: text and status; ENTRADOCS reference-error-codes has the code.
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

/// The status is unverified.
pub(super) fn no_credential() -> EntraError {
    invalid_client(
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    )
}

pub(super) fn wrong_secret(client_id: &str) -> EntraError {
    invalid_client(
        7_000_215,
        format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{client_id}'."
        ),
    )
}

/// Guess: code and text.
pub(super) fn unsupported_assertion_type(assertion_type: &str) -> EntraError {
    invalid_request(
        50_027,
        format!("The client_assertion_type '{assertion_type}' is not supported."),
    )
}

/// Guess: that a client assertion gets this code; ENTRADOCS reference-error-codes has it for JWTs in general.
pub(super) fn malformed_assertion(why: &str) -> EntraError {
    invalid_request(50_027, format!("JWT token is invalid or malformed: {why}."))
}

/// The status is inferred.
pub(super) fn unsupported_algorithm() -> EntraError {
    invalid_request(
        5_002_730,
        "Invalid JWT token. Unsupported key for the signing algorithm.",
    )
}

pub(super) fn unknown_key(thumbprint: &str, client_id: &str) -> EntraError {
    key_refused("The key was not found.", thumbprint, client_id)
}

pub(super) fn bad_signature(thumbprint: &str, client_id: &str) -> EntraError {
    key_refused(
        "Key was found, but use of the key to verify the signature failed.",
        thumbprint,
        client_id,
    )
}

fn key_refused(reason: &str, thumbprint: &str, client_id: &str) -> EntraError {
    invalid_client(
        700_027,
        format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. \
             [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, \
             Graph Explorer or directly use MS Graph to see configured keys for app Id '{client_id}'.]"
        ),
    )
}

/// The status is inferred.
pub(super) fn certificate_out_of_time() -> EntraError {
    invalid_client(
        1_000_502,
        "The provided certificate is not within its specified validity time range.",
    )
}

/// Text from a report (AzureAD/microsoft-authentication-library-for-dotnet issue 2746). Guess: 401, as its siblings.
pub(super) fn wrong_audience() -> EntraError {
    invalid_client(
        700_023,
        "Client assertion audience claim does not match Realm issuer. Review the documentation at \
         https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    )
}

/// The status is unverified.
pub(super) fn wrong_application() -> EntraError {
    invalid_client(
        700_021,
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    )
}

pub(super) fn assertion_out_of_time(now: i64, from: i64, until: i64) -> EntraError {
    invalid_client(
        700_024,
        format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry \
             time of assertion {}.",
            clock::iso(now),
            clock::iso(from),
            clock::iso(until)
        ),
    )
}

/// Guess: the whole answer. No code for a replayed `jti` is documented; 70002 is the general `invalid_client` of
/// ENTRADOCS reference-error-codes.
pub(super) fn replayed_assertion() -> EntraError {
    invalid_client(
        70_002,
        "Error validating credentials. The client assertion was used before: its 'jti' must be new in every request.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_every_field() {
        let answer = wrong_secret("app").answer("trace", "correlation", 1_683_352_980);
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
