//! An assertion from another issuer: workload identity federation (docs/facts/entra.md, 2.7, 3).

use super::credentials::Credentials;
use super::errors::{EntraError, client};
use super::jwt::{Algorithm, Jwt};

/// Checks everything except the times. docs/facts/entra.md, 3: case-sensitive. Guess: issuer, subject and
/// audience are checked in that order and before the signature.
pub(super) fn check(jwt: &Jwt, issuer: &str, credentials: &Credentials) -> Result<(), EntraError> {
    if credentials.federated.is_empty() {
        return Err(client::no_federation(&credentials.client_id));
    }
    let subject = jwt.text("sub").unwrap_or_default();
    let audiences = jwt.audiences();
    let of_issuer = || {
        let all = credentials.federated.iter();
        all.filter(|trusted| trusted.credential.issuer == issuer)
    };
    let of_subject = || of_issuer().filter(|trusted| trusted.credential.subject == subject);
    let for_audience = || of_subject().filter(|trusted| audiences.contains(&trusted.credential.audience.as_str()));
    if of_issuer().next().is_none() {
        return Err(client::unknown_issuer(issuer));
    }
    if of_subject().next().is_none() {
        return Err(client::unknown_subject(subject));
    }
    if for_audience().next().is_none() {
        return Err(client::unknown_audience(&audiences.join(", ")));
    }
    // https://learn.microsoft.com/entra/workload-id/workload-identity-federation: only RS256 is supported for federated
    // credentials.
    let Algorithm::Rs256 = jwt.algorithm()? else {
        return Err(client::unsupported_algorithm());
    };
    if for_audience().any(|trusted| jwt.is_signed_with(&trusted.key, &Algorithm::Rs256)) {
        Ok(())
    } else {
        Err(client::federated_signature())
    }
}
