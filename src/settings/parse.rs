//! Single settings, as people write them.

use crate::credential::AssertionAlgorithm;
use crate::guid::is_guid;
use crate::http::origin::Origin;
use crate::settings::cloud;

/// A tenant's id or one of its domain names, in lower case.
///
/// # Errors
/// What is wrong with it, for people.
pub fn parse_tenant(tenant: &str) -> Result<String, String> {
    let tenant = tenant.to_ascii_lowercase();
    if matches!(tenant.as_str(), "common" | "organizations" | "consumers") {
        return Err(format!(
            "is {tenant}: an application signs in to one tenant; give that tenant's id"
        ));
    }
    let is_domain = tenant.contains('.')
        && !tenant.contains("..")
        && tenant
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && tenant.bytes().any(|b| b.is_ascii_alphabetic());
    if is_guid(&tenant) || is_domain {
        Ok(tenant)
    } else {
        Err("is neither a GUID nor a domain name".to_owned())
    }
}

pub fn parse_client_id(id: &str) -> Result<String, String> {
    if is_guid(id) {
        Ok(id.to_ascii_lowercase())
    } else {
        Err("is not a GUID: expected the application (client) id of the app registration".to_owned())
    }
}

pub fn parse_organization_id(id: &str) -> Result<String, String> {
    if is_guid(id) {
        Ok(id.to_ascii_lowercase())
    } else {
        Err("is not a GUID: expected the environment's organization id, as whoami tells it".to_owned())
    }
}

/// The Azure SDKs accept the variable without a scheme, so people write it so.
pub fn parse_authority(authority: &str) -> Result<Origin, String> {
    let authority = if authority.contains("://") {
        Origin::parse(authority)?
    } else {
        Origin::parse(&format!("https://{authority}"))?
    };
    cloud::check_authority(&authority).map(|()| authority)
}

/// Client credentials ask for all that was granted, with this suffix; anything else is AADSTS1002012.
pub fn parse_scope(scope: &str) -> Result<String, String> {
    let resource = scope.strip_suffix("/.default").unwrap_or_default();
    if !resource.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(scope.to_owned())
    } else {
        Err("is not a resource followed by /.default, such as https://contoso.crm.dynamics.com/.default".to_owned())
    }
}

pub fn parse_algorithm(name: &str) -> Result<AssertionAlgorithm, String> {
    match name.to_ascii_uppercase().as_str() {
        "PS256" => Ok(AssertionAlgorithm::Ps256),
        "RS256" => Ok(AssertionAlgorithm::Rs256),
        _ => Err("is neither PS256 nor RS256".to_owned()),
    }
}

pub fn parse_flag(flag: &str) -> Result<bool, String> {
    match flag.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("is none of 1, true, 0 and false".to_owned()),
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
