//! Errors of client authentication (docs/facts/entra.md, 3 unless said otherwise).

use super::{EntraError, invalid_client, invalid_request};
use crate::clock;

/// The status is unverified.
pub(in crate::entra) fn no_credential() -> EntraError {
    invalid_client(
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    )
}

pub(in crate::entra) fn wrong_secret(client_id: &str) -> EntraError {
    invalid_client(
        7_000_215,
        format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{client_id}'."
        ),
    )
}

/// Text and status as reported (<https://github.com/liprec/vsts-release-aas/issues/119>). Guess: only a
/// correct secret is reported as expired.
pub(in crate::entra) fn expired_secret(client_id: &str) -> EntraError {
    invalid_client(
        7_000_222,
        format!(
            "The provided client secret keys for app '{client_id}' are expired. Create new keys for the app in the \
             portal (https://aka.ms/NewClientSecret), or use certificate credentials (https://aka.ms/certCreds)."
        ),
    )
}

/// Guess: code and text.
pub(in crate::entra) fn unsupported_assertion_type(assertion_type: &str) -> EntraError {
    invalid_request(
        50_027,
        format!("The client_assertion_type '{assertion_type}' is not supported."),
    )
}

/// Guess: that a client assertion gets this code;
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes> has it for JWTs in general.
pub(in crate::entra) fn malformed_assertion(why: &str) -> EntraError {
    invalid_request(50_027, format!("JWT token is invalid or malformed: {why}."))
}

/// The status is inferred.
pub(in crate::entra) fn unsupported_algorithm() -> EntraError {
    invalid_request(
        5_002_730,
        "Invalid JWT token. Unsupported key for the signing algorithm.",
    )
}

pub(in crate::entra) fn unknown_key(thumbprint: &str, client_id: &str) -> EntraError {
    key_refused("The key was not found.", thumbprint, client_id)
}

pub(in crate::entra) fn bad_signature(thumbprint: &str, client_id: &str) -> EntraError {
    key_refused(
        "Key was found, but use of the key to verify the signature failed.",
        thumbprint,
        client_id,
    )
}

/// docs/facts/entra.md, 1.2 has the reason, for certificates registered by name whose `x5c` does not begin with
/// the leaf.
pub(in crate::entra) fn signature_mismatch(thumbprint: &str, client_id: &str) -> EntraError {
    key_refused(
        "The provided signature value did not match the expected signature value.",
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
             Graph Explorer or directly use MS Graph to see configured keys for app Id '{client_id}'.] \
             Alternatively, SNI may be configured on the app. Please ensure that client assertion is being sent with \
             the x5c claim in the JWT header."
        ),
    )
}

/// The status is inferred.
pub(in crate::entra) fn certificate_out_of_time() -> EntraError {
    invalid_client(
        1_000_502,
        "The provided certificate is not within its specified validity time range.",
    )
}

/// docs/facts/entra.md, 3 has code and status. Guess: text and occasion,
/// <https://github.com/AzureAD/microsoft-identity-web/issues/2444> says "Certificate has been revoked".
pub(in crate::entra) fn certificate_revoked() -> EntraError {
    invalid_client(7_000_214, "Certificate has been revoked.")
}

/// Code and text from a report (<https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/3909>).
/// Guess: 401, as its siblings.
pub(in crate::entra) fn invalid_chain() -> EntraError {
    invalid_client(7_000_213, "Invalid certificate chain.")
}

/// Text from a report (<https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/2746>). Guess:
/// 401, as its siblings.
pub(in crate::entra) fn wrong_audience() -> EntraError {
    invalid_client(
        700_023,
        "Client assertion audience claim does not match Realm issuer. Review the documentation at \
         https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    )
}

/// The status is unverified.
pub(in crate::entra) fn wrong_application() -> EntraError {
    invalid_client(
        700_021,
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    )
}

pub(in crate::entra) fn assertion_out_of_time(now: i64, from: i64, until: i64) -> EntraError {
    invalid_client(
        700_024,
        format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry \
             time of assertion {}.",
            clock::entra_precise(now),
            clock::entra_precise(from),
            clock::entra_precise(until)
        ),
    )
}

/// Guess: the whole answer. No code for a replayed `jti` is documented; 70002 is the general `invalid_client` of
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
pub(in crate::entra) fn replayed_assertion() -> EntraError {
    invalid_client(
        70_002,
        "Error validating credentials. The client assertion was used before: its 'jti' must be new in every request.",
    )
}

/// Guess: text and status; the code is what reports name when an application trusts no issuer at all.
pub(in crate::entra) fn no_federation(client_id: &str) -> EntraError {
    invalid_client(
        70_025,
        format!("The client '{client_id}' has no configured federated identity credentials."),
    )
}

/// <https://github.com/Azure/azure-workload-identity/issues/1200> has the body of 2024,
/// <https://github.com/external-secrets/external-secrets/issues/2783> the 401.
pub(in crate::entra) fn unknown_issuer(issuer: &str) -> EntraError {
    federation_mismatch(700_211, "issuer", issuer)
}

/// <https://docs.gitlab.com/ci/cloud_services/azure/> has code and beginning. Guess: the rest, as its siblings.
pub(in crate::entra) fn unknown_audience(audience: &str) -> EntraError {
    federation_mismatch(700_212, "audience", audience)
}

/// <https://github.com/Azure/azure-workload-identity/issues/1200>.
pub(in crate::entra) fn unknown_subject(subject: &str) -> EntraError {
    federation_mismatch(700_213, "subject", subject)
}

fn federation_mismatch(code: u32, what: &str, presented: &str) -> EntraError {
    invalid_client(
        code,
        format!(
            "No matching federated identity record found for presented assertion {what} '{presented}'. Check your \
             federated identity credential Subject, Audience and Issuer against the presented assertion. \
             https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
        ),
    )
}

/// Guess: the whole answer. 50013 is the code of a user's assertion with a bad signature (docs/facts/entra.md,
/// 3).
pub(in crate::entra) fn federated_signature() -> EntraError {
    invalid_client(
        50_013,
        "Assertion failed signature validation. [Reason - The provided signature value did not match the expected \
         signature value.]",
    )
}
