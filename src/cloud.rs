//! Microsoft's clouds: which Entra ID issues the tokens for which environments.

/// The origin of the Entra ID that serves an environment, by the environment's host.
///
/// Hosts: "Datacenter regions" and "Power Apps for US Government" in Microsoft's Power Platform documentation;
/// authorities: "National clouds" in the Entra ID documentation. GCC (`crm9.dynamics.com`) signs in to the public cloud.
///
/// # Errors
/// Why none can be told, for people.
pub fn authority_of(host: &str) -> Result<&'static str, String> {
    const CLOUDS: [(&str, &str); 4] = [
        (".dynamics.com", "https://login.microsoftonline.com"),
        (".microsoftdynamics.us", "https://login.microsoftonline.us"),
        (".appsplatform.us", "https://login.microsoftonline.us"),
        (".dynamics.cn", "https://login.partner.microsoftonline.cn"),
    ];
    if host.ends_with(".microsoftdynamics.de") {
        return Err("belongs to Microsoft Cloud Deutschland, which was closed in 2021".to_owned());
    }
    CLOUDS
        .iter()
        .find(|(suffix, _)| host.ends_with(suffix))
        .map(|(_, authority)| *authority)
        .ok_or_else(|| format!("cannot be told from the environment's host {host}"))
}

#[cfg(test)]
mod tests {
    use super::authority_of;

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
            assert_eq!(authority_of(host), Ok(authority), "{host}");
        }
    }

    #[test]
    fn a_host_that_only_looks_like_one_has_none() {
        for host in ["evildynamics.com", "contoso.crm.dynamics.com.evil.example", "127.0.0.1"] {
            assert!(authority_of(host).is_err(), "{host}");
        }
        assert!(authority_of("contoso.crm.microsoftdynamics.de").is_err_and(|reason| reason.contains("closed")));
    }
}
