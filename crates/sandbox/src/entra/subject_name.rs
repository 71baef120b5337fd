//! A certificate that is trusted by its subject name and its root, not by its thumbprint (SN/I,
//! docs/facts/entra.md, 1.2). Guess: everything, except that the chain is required, leaf first, and the
//! error for a wrong order.

use super::credentials::Credentials;
use super::errors::{EntraError, client};
use super::jwt::{Algorithm, Jwt};
use crate::certificate::{Read, hex};

pub(super) fn check(jwt: &Jwt, algorithm: &Algorithm, credentials: &Credentials, now: i64) -> Result<(), EntraError> {
    let unknown = || client::unknown_key(&hex(&jwt.thumbprint()), &credentials.client_id);
    if credentials.subject_names.is_empty() {
        return Err(unknown());
    }
    let chain = jwt.certificates().ok_or_else(client::invalid_chain)?;
    let leaf = chain.first().ok_or_else(unknown)?;
    if !jwt.is_signed_with(&leaf.key, algorithm) {
        return Err(client::signature_mismatch(&hex(&leaf.sha256), &credentials.client_id));
    }
    let subject = leaf.subject();
    let named = || {
        credentials
            .subject_names
            .iter()
            .filter(|trusted| trusted.subject == subject)
    };
    if named().next().is_none() {
        return Err(unknown());
    }
    if !named().any(|trusted| leads_to(&chain, &trusted.root, now)) {
        return Err(client::invalid_chain());
    }
    if leaf.is_valid_at(now) {
        Ok(())
    } else {
        Err(client::certificate_out_of_time())
    }
}

/// The root itself need not be sent.
fn leads_to(chain: &[Read], root: &Read, now: i64) -> bool {
    let Some(last) = chain.last() else { return false };
    let mut links = chain.iter().zip(chain.iter().skip(1));
    links.all(|(issued, issuer)| issued.is_issued_by(issuer))
        && chain.iter().skip(1).chain([root]).all(|above| above.is_valid_at(now))
        && (last.sha256 == root.sha256 || last.is_issued_by(root))
}
