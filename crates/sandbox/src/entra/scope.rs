//! The scope rule (docs/facts/entra.md, 5.3): `{environment origin}/.default`, single slash, nothing else.

use super::errors::{self, EntraError};

/// The resource of a scope.
pub(super) fn resource(scope: &str, origin: &str, tenant_id: &str) -> Result<String, EntraError> {
    // The grammar of RFC 6749, 3.3. Guess: several scopes are malformed.
    let token_char = |c: char| matches!(c, '!' | '#'..='[' | ']'..='~');
    if scope.is_empty() || !scope.chars().all(token_char) {
        return Err(errors::malformed_scope(scope));
    }
    let Some(resource) = scope.strip_suffix("/.default") else {
        return Err(errors::scope_without_default(scope));
    };
    if resource != origin {
        return Err(errors::resource_not_found(resource, tenant_id));
    }
    Ok(resource.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "http://127.0.0.1:8080";

    fn code(scope: &str) -> u32 {
        match resource(scope, ORIGIN, "tenant") {
            Ok(_) => 0,
            Err(error) => error.code,
        }
    }

    #[test]
    fn the_scope_is_the_origin_and_default() {
        assert_eq!(code("http://127.0.0.1:8080/.default"), 0);
        assert_eq!(code("http://127.0.0.1:8080//.default"), 500_011);
        assert_eq!(code("http://127.0.0.1:8080/api/.default"), 500_011);
        assert_eq!(code("https://other.crm.dynamics.com/.default"), 500_011);
        assert_eq!(code("http://127.0.0.1:8080"), 1_002_012);
        assert_eq!(code("http://127.0.0.1:8080.default"), 1_002_012);
        assert_eq!(code("http://127.0.0.1:8080/.default openid"), 70_011);
        assert_eq!(code("\"http://127.0.0.1:8080/.default\""), 70_011);
    }
}
