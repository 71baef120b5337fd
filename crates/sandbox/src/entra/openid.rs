//! Metadata of the token service: where its endpoints are, the keys of its tokens, and the hosts of its cloud.
//!
//! Sources: <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc> and
//! <https://learn.microsoft.com/entra/msal/dotnet/advanced/custom-authority-aliases>. Libraries read these documents before
//! they request a token.

use form_urlencoded::parse;
use http::{Method, Uri};
use serde_json::{Value, json};

use super::errors::{self, EntraError};
use crate::request::Received;
use crate::shared::Shared;
use crate::signing;

const INSTANCE: &str = "/common/discovery/instance";
const CONFIGURATION: &str = "/v2.0/.well-known/openid-configuration";
const KEYS: &str = "/discovery/v2.0/keys";

/// Whether a path is one of the metadata documents'.
pub(crate) fn is_metadata(path: &str) -> bool {
    path == INSTANCE || path.ends_with(CONFIGURATION) || path.ends_with(KEYS)
}

/// The document at the request's path, of the tenant in that path.
pub(super) fn document(request: &Received, tenant_id: &str, shared: &Shared) -> Result<Value, EntraError> {
    if request.method != Method::GET {
        return Err(errors::only_get(&request.method));
    }
    let origin = &shared.origin;
    if request.path == INSTANCE {
        return instance(request, tenant_id, origin);
    }
    if request.path.ends_with(KEYS) {
        return Ok(json!({"keys": [signing::public_jwk()]}));
    }
    let tenant = format!("{origin}/{tenant_id}");
    Ok(json!({
        "issuer": format!("{tenant}/v2.0"),
        "token_endpoint": format!("{tenant}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{tenant}{KEYS}"),
        // The sandbox answers 501 there: nobody signs in interactively.
        "authorization_endpoint": format!("{tenant}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{tenant}/oauth2/v2.0/devicecode"),
        "end_session_endpoint": format!("{tenant}/oauth2/v2.0/logout"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

/// Where the authority named in the query has its metadata. The sandbox knows only itself.
fn instance(request: &Received, tenant_id: &str, origin: &str) -> Result<Value, EntraError> {
    let authority = parse(request.query.as_bytes()).find(|(name, _)| name == "authorization_endpoint");
    let host = |url: &str| Some(url.parse::<Uri>().ok()?.authority()?.as_str().to_ascii_lowercase());
    let own = host(origin);
    if authority.and_then(|(_, url)| host(&url)) != own {
        return Err(errors::unknown_instance());
    }
    let host = own.unwrap_or_default();
    Ok(json!({
        "tenant_discovery_endpoint": format!("{origin}/{tenant_id}{CONFIGURATION}"),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }))
}
