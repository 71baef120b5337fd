//! Parsers of single settings.

use uuid::Uuid;

use crate::credential::{AssertionAlgorithm, pasted};
use crate::http::origin::Origin;
use crate::settings::cloud;

/// Parses a setting that is not a secret. If it is not valid, a fault from pasting is reported in
/// preference to the parser's reason.
///
/// # Errors
/// A readable reason why it is not valid.
pub(super) fn plain<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, String> {
    let text = text.trim();
    parse(text).map_err(|reason| pasted::fault(text).unwrap_or(reason))
}

/// Parses a GUID in the forms that .NET, browsers and portals write (without hyphens, in braces or
/// parentheses, as a URN) and returns it in the hyphenated form of Microsoft's services.
fn parse_guid(text: &str) -> Option<String> {
    let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let guid = Uuid::try_parse(inside.unwrap_or(text)).ok()?;
    Some(guid.hyphenated().to_string())
}

/// Parses a tenant's id or one of its domain names, and returns it in lower case.
///
/// # Errors
/// A readable reason why it is not valid.
pub fn parse_tenant(tenant: &str) -> Result<String, String> {
    if let Some(id) = parse_guid(tenant) {
        return Ok(id);
    }
    let tenant = tenant.to_ascii_lowercase();
    if let Some(named) = tenant_in_url(&tenant) {
        let named = parse_tenant(named)?;
        return Err(format!("is a URL: give only {named}"));
    }
    if matches!(tenant.as_str(), "common" | "organizations" | "consumers") {
        return Err(format!(
            "is {tenant}: an application signs in to one tenant; give that tenant's id"
        ));
    }
    let host = tenant.strip_prefix("https://").unwrap_or(&tenant).trim_end_matches('/');
    if cloud::is_authority(host) {
        return Err("is a host of Entra ID, not a tenant: give the tenant's id".to_owned());
    }
    if cloud::is_environment(host) {
        return Err("is the host of an environment, not a tenant: give the tenant's id".to_owned());
    }
    let is_domain = tenant.contains('.')
        && !tenant.contains("..")
        && tenant
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && tenant.bytes().any(|b| b.is_ascii_alphabetic());
    if is_domain {
        Ok(tenant)
    } else {
        Err("is neither a GUID nor a domain name such as contoso.onmicrosoft.com".to_owned())
    }
}

/// The tenant in `https://login.microsoftonline.com/<tenant>/…`, recognised by a scheme or an Entra ID
/// host.
fn tenant_in_url(text: &str) -> Option<&str> {
    let (scheme, rest) = text
        .split_once("://")
        .map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    let mut segments = rest.split('/');
    let host = segments.next()?;
    let is_url = scheme.is_some() || cloud::is_authority(host);
    segments.next().filter(|tenant| is_url && !tenant.is_empty())
}

/// # Errors
/// A readable reason why it is not valid.
pub(super) fn parse_client_id(id: &str) -> Result<String, String> {
    parse_guid(id)
        .ok_or_else(|| "is not a GUID: expected the application (client) id of the app registration".to_owned())
}

/// # Errors
/// A readable reason why it is not valid.
pub(super) fn parse_organization_id(id: &str) -> Result<String, String> {
    parse_guid(id)
        .ok_or_else(|| "is not a GUID: expected the environment's organization id, as whoami returns it".to_owned())
}

/// Parses a URL or the name of a cloud. The scheme is optional, as in the Azure SDKs.
///
/// # Errors
/// A readable reason why it is not valid.
pub(super) fn parse_authority(authority: &str) -> Result<Origin, String> {
    if let Some(origin) = cloud::authority_by_name(authority) {
        return origin;
    }
    let url = if authority.contains("://") {
        authority
    } else {
        let host = authority.split(['/', ':']).next().unwrap_or_default();
        if !host.contains('.') && host != "localhost" {
            return Err(format!(
                "is neither a URL nor a cloud: expected https://host, or {}",
                cloud::NAMES
            ));
        }
        &format!("https://{authority}")
    };
    let origin = Origin::parse(url).map_err(|reason| {
        if reason.contains("more than the origin") {
            format!("{reason} (the tenant is a separate setting)")
        } else {
            reason
        }
    })?;
    cloud::check_authority(&origin).map(|()| origin)
}

/// The client credentials flow requires the suffix `/.default`, which requests all granted permissions;
/// Entra ID refuses other scopes with AADSTS1002012.
pub(super) fn parse_scope(scope: &str) -> Result<String, String> {
    let resource = scope.strip_suffix("/.default").unwrap_or_default();
    if !resource.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(scope.to_owned())
    } else {
        Err("is not a resource followed by /.default, such as https://contoso.crm.dynamics.com/.default".to_owned())
    }
}

pub(super) fn parse_algorithm(name: &str) -> Result<AssertionAlgorithm, String> {
    match name.to_ascii_uppercase().as_str() {
        "PS256" => Ok(AssertionAlgorithm::Ps256),
        "RS256" => Ok(AssertionAlgorithm::Rs256),
        _ => Err("is neither PS256 nor RS256".to_owned()),
    }
}

pub(super) fn parse_flag(flag: &str) -> Result<bool, String> {
    match flag.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("is not a flag: expected 1, true, 0 or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_ids_or_domains() {
        for tenant in [
            "11111111-1111-4111-8111-111111111111",
            "contoso.onmicrosoft.com",
            "Contoso.COM",
        ] {
            assert_eq!(parse_tenant(tenant), Ok(tenant.to_ascii_lowercase()));
        }
        for tenant in [
            "",
            ".",
            "..",
            "common",
            "Consumers",
            "a/b.com",
            "a b.com",
            "a..com",
            "1.2",
            "contoso",
            "a.com/..",
            "é.com",
        ] {
            assert!(parse_tenant(tenant).is_err(), "{tenant}");
        }
    }

    #[test]
    fn an_authority_may_lack_its_scheme() {
        assert_eq!(
            parse_authority("login.microsoftonline.us").unwrap().to_string(),
            "https://login.microsoftonline.us"
        );
        assert_eq!(
            parse_authority("https://login.microsoftonline.us/")
                .unwrap()
                .to_string(),
            "https://login.microsoftonline.us"
        );
        assert!(parse_authority("http://login.microsoftonline.us").is_err());
        assert!(parse_authority("login.microsoftonline.us/tenant").is_err());
        assert!(parse_authority("login.microsoftonline.de").is_err_and(|reason| reason.contains("closed")));
    }
}
