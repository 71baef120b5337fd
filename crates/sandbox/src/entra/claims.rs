//! The `claims` parameter (docs/facts/entra.md, 2.6; OpenID Connect Core, 5.5): the claims that the client
//! requests for its token.

use serde_json::{Map, Value};

use super::errors::{self, EntraError};
use crate::tokens::Requested;

/// Parses the requested claims.
pub(super) fn read(parameter: Option<&str>) -> Result<Requested, EntraError> {
    let Some(parameter) = parameter else {
        return Ok(Requested::default());
    };
    let claims: Map<String, Value> = serde_json::from_str(parameter).map_err(|_| errors::malformed_claims())?;
    // Guess: an `access_token` that is null or of another type requests nothing.
    let access_token = claims.get("access_token").and_then(Value::as_object);
    Ok(Requested(access_token.cloned().unwrap_or_default()))
}
