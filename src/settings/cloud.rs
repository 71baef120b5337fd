//! Microsoft's clouds: which Entra ID authority issues tokens for which environments.

use crate::http::origin::Origin;

/// One of Microsoft's clouds.
struct Cloud {
    /// Its names in tools, in lower case.
    names: &'static [&'static str],
    /// The host that tokens are requested from, followed by aliases of the same service.
    authorities: &'static [&'static str],
    /// The suffixes of its environments' hosts.
    environments: &'static [&'static str],
}

/// Environments: docs/facts/entra.md, 5.2. Authorities: docs/facts/entra.md, 5.1; the aliases are those of
/// Microsoft's authentication libraries. GCC (`crm9.dynamics.com`) signs in to the public cloud.
///
/// Names: Azure CLI and PowerShell (<https://learn.microsoft.com/cli/azure/manage-clouds-azure-cli>), the Azure SDKs, and Terraform's
/// providers.
const CLOUDS: [Cloud; 3] = [
    Cloud {
        names: &["azurecloud", "azurepubliccloud", "azurepublic", "azureglobal", "public"],
        authorities: &[
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
        ],
        environments: &[".dynamics.com"],
    },
    Cloud {
        names: &[
            "azureusgovernment",
            "azureusgovernmentcloud",
            "azuregovernment",
            "usgovernment",
        ],
        authorities: &[
            "login.microsoftonline.us",
            "login.usgovcloudapi.net",
            "login-us.microsoftonline.com",
        ],
        environments: &[".microsoftdynamics.us", ".appsplatform.us"],
    },
    Cloud {
        names: &["azurechinacloud", "azurechina", "china"],
        authorities: &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        environments: &[".dynamics.cn"],
    },
];

/// The names that messages suggest.
pub(crate) const NAMES: &str = "AzureCloud, AzureUSGovernment or AzureChinaCloud";

/// The origin of a cloud's authority by the cloud's name; `None` if the name is unknown.
pub(crate) fn authority_by_name(name: &str) -> Option<Result<Origin, String>> {
    let name = name.to_ascii_lowercase();
    if matches!(name.as_str(), "azuregermancloud" | "azuregermany" | "german") {
        return Some(Err(
            "is Microsoft Cloud Deutschland, which was closed in 2021".to_owned()
        ));
    }
    let cloud = CLOUDS.iter().find(|cloud| cloud.names.contains(&name.as_str()))?;
    let authority = cloud.authorities.first()?;
    Some(Origin::parse(&format!("https://{authority}")))
}

/// Whether a host is a known authority.
pub(crate) fn is_authority(host: &str) -> bool {
    CLOUDS.iter().any(|cloud| cloud.authorities.contains(&host))
}

/// Whether a host is in an environment domain.
pub(crate) fn is_environment(host: &str) -> bool {
    let mut endings = CLOUDS.iter().flat_map(|cloud| cloud.environments);
    endings.any(|ending| host.ends_with(ending))
}

/// The origin of the authority for an environment, by the environment's host.
///
/// # Errors
/// A readable reason why it is not known.
pub(crate) fn authority_of(host: &str) -> Result<Origin, String> {
    if host.ends_with(".microsoftdynamics.de") {
        return Err("the environment belongs to Microsoft Cloud Deutschland, which was closed in 2021".to_owned());
    }
    let cloud = CLOUDS
        .iter()
        .find(|cloud| cloud.environments.iter().any(|suffix| host.ends_with(suffix)));
    let authority = cloud.and_then(|cloud| cloud.authorities.first());
    let authority = authority.ok_or_else(|| format!("it cannot be derived from the environment's host {host}"))?;
    Origin::parse(&format!("https://{authority}"))
}

/// Refuses authorities that were closed.
///
/// # Errors
/// A readable reason.
pub(crate) fn check_authority(authority: &Origin) -> Result<(), String> {
    if authority.host() == "login.microsoftonline.de" {
        return Err("is the authority of Microsoft Cloud Deutschland, which was closed in 2021".to_owned());
    }
    Ok(())
}

/// Whether two authorities are aliases of the same cloud, both on the default port.
pub(crate) fn is_same_cloud(one: &Origin, other: &Origin) -> bool {
    CLOUDS.iter().any(|cloud| {
        let has = |authority: &Origin| authority.is_host_alone() && cloud.authorities.contains(&authority.host());
        has(one) && has(other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_authority() {
        for (host, authority) in [
            ("contoso.crm.dynamics.com", "https://login.microsoftonline.com"),
            ("contoso.api.crm4.dynamics.com", "https://login.microsoftonline.com"),
            ("agency.crm9.dynamics.com", "https://login.microsoftonline.com"),
            ("agency.crm.microsoftdynamics.us", "https://login.microsoftonline.us"),
            ("dod.crm.appsplatform.us", "https://login.microsoftonline.us"),
            ("contoso.crm.dynamics.cn", "https://login.partner.microsoftonline.cn"),
        ] {
            assert_eq!(authority_of(host).unwrap().to_string(), authority, "{host}");
        }
    }

    #[test]
    fn a_host_that_only_looks_like_one_has_none() {
        for host in ["evildynamics.com", "contoso.crm.dynamics.com.evil.example", "127.0.0.1"] {
            assert!(authority_of(host).is_err(), "{host}");
        }
        assert!(authority_of("contoso.crm.microsoftdynamics.de").is_err_and(|reason| reason.contains("closed")));
    }

    #[test]
    fn names_of_one_cloud_are_the_same() {
        let same = |one: &str, other: &str| is_same_cloud(&Origin::parse(one).unwrap(), &Origin::parse(other).unwrap());
        assert!(same("https://login.windows.net", "https://login.microsoftonline.com"));
        for (one, other) in [
            ("https://login.microsoftonline.us", "https://login.microsoftonline.com"),
            ("https://login.windows.net:8443", "https://login.microsoftonline.com"),
            ("https://evil.example", "https://evil.example"),
        ] {
            assert!(!same(one, other), "{one}, {other}");
        }
    }
}
