//! Which tenant an environment belongs to, where the settings do not say it: the environment's 401 to a stranger names it
//! (Microsoft's page "Authenticate with Microsoft Dataverse web services").

use http::{Request, StatusCode, Uri, header};

use crate::attempts::{Attempts, counted};
use crate::contract::types::{Error, OutageCause, Service};
use crate::dataverse::answer;
use crate::dataverse::headers::CLIENT_REQUEST_ID;
use crate::error::{Asked, Faults};
use crate::host::{Failure, Host, exchange, new_guid};
use crate::http::challenge;
use crate::http::origin::Origin;
use crate::retry::{Budget, retry_after};
use crate::settings::cloud;
use crate::settings::{Settings, parse_tenant};

/// Asks the environment, without a token.
///
/// # Errors
/// `unavailable` when it does not answer, `invalid-settings` when its answer tells no tenant that can be believed.
pub async fn discover(host: &impl Host, settings: &Settings, budget: &Budget) -> Result<String, Error> {
    let mut attempts = Attempts::default();
    loop {
        attempts.begin();
        let error = match ask(host, settings).await {
            Ok(answer) => {
                return answer.map_err(|reason| {
                    let mut faults = Faults::default();
                    let reason = format!("is not set, and the environment does not tell it: {reason}. Set it");
                    faults.add(settings.names.tenant_id, reason);
                    faults.into_settings_error()
                });
            }
            Err(error) => error,
        };
        if !attempts.wait(host, budget, &error, true).await {
            return Err(counted(error, attempts.made()));
        }
    }
}

async fn ask(host: &impl Host, settings: &Settings) -> Result<Result<String, String>, Error> {
    /// What a 401 says in its body does not matter.
    const MAX_ANSWER_BYTES: u32 = 1 << 20;
    let client_request_id = new_guid(host);
    let origin = settings.environment.to_string();
    let asked = Asked {
        service: Service::Dataverse,
        origin: &origin,
        writes: false,
        client_request_id: &client_request_id,
    };
    let request = Request::get(format!("{origin}/api/data/v9.2/"))
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, crate::USER_AGENT)
        .header(CLIENT_REQUEST_ID, &client_request_id)
        .body(None::<&[u8]>)
        .map_err(|error| asked.outage(Failure::not_sent(OutageCause::UnusableAnswer, error.to_string())))?;
    let answer = exchange(host, request, &settings.timeouts, MAX_ANSWER_BYTES)
        .await
        .map_err(|failure| asked.outage(failure))?;
    let status = answer.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        // Without a token there is none to leave out.
        answer::read(answer, &asked, "", host.now())?;
        return Ok(Err("its 429 is no answer".to_owned()));
    }
    if status.is_server_error() {
        return Err(asked.outage(Failure {
            status: Some(status.as_u16()),
            retry_after_seconds: retry_after(answer.headers(), host.now()),
            ..Failure::new(
                OutageCause::ServiceUnavailable,
                "it cannot say which tenant it belongs to now",
            )
        }));
    }
    if status != StatusCode::UNAUTHORIZED {
        return Ok(Err(format!("it answers {} instead of 401", status.as_u16())));
    }
    let uri = challenge::authorization_uri(answer.headers()).ok_or("its 401 names no authorization_uri");
    Ok(uri
        .map_err(str::to_owned)
        .and_then(|uri| tenant_in(&uri, &settings.authority)))
}

/// The tenant in `https://login.microsoftonline.com/{tenant}/oauth2/authorize`. An answer that names another host than the
/// authority's cloud may come from anybody.
///
/// # Errors
/// Why none can be told, for people.
pub fn tenant_in(uri: &str, authority: &Origin) -> Result<String, String> {
    let uri: Uri = uri.parse().map_err(|_| "its authorization_uri is no URL".to_owned())?;
    let named = Origin::of(&uri).map_err(|reason| format!("its authorization_uri {reason}"))?;
    if named != *authority && !cloud::is_same_cloud(&named, authority) {
        return Err(format!(
            "it names an authority that is neither {authority} nor of the same cloud ({named})"
        ));
    }
    let tenant = uri.path().split('/').nth(1).unwrap_or_default();
    parse_tenant(tenant).map_err(|reason| format!("the tenant that it names {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "11111111-1111-4111-8111-111111111111";

    fn found(uri: &str, authority: &str) -> Result<String, String> {
        tenant_in(uri, &Origin::parse(authority).unwrap())
    }

    #[test]
    fn a_tenant_of_the_same_cloud_is_believed() {
        let public = "https://login.microsoftonline.com";
        for uri in [
            format!("{public}/{TENANT}/oauth2/authorize"),
            format!("https://login.windows.net/{TENANT}/oauth2/authorize"),
            format!("https://LOGIN.microsoftonline.com/{TENANT}"),
        ] {
            assert_eq!(found(&uri, public).as_deref(), Ok(TENANT), "{uri}");
        }
        let own = "https://login.example:8443";
        assert_eq!(
            found(&format!("{own}/contoso.com/x"), own).as_deref(),
            Ok("contoso.com")
        );
    }

    #[test]
    fn anything_else_is_not() {
        let public = "https://login.microsoftonline.com";
        for uri in [
            "https://login.microsoftonline.com.evil.example/contoso.com/oauth2/authorize",
            "https://evil.example/contoso.com/oauth2/authorize",
            "https://login.microsoftonline.us/contoso.com/oauth2/authorize",
            "https://login.microsoftonline.com/common/oauth2/authorize",
            "https://login.microsoftonline.com/",
            "https://login.microsoftonline.com/../oauth2",
            "http://login.microsoftonline.com/contoso.com",
            "https://a@login.microsoftonline.com/contoso.com",
            "/contoso.com/oauth2/authorize",
            "",
        ] {
            assert!(found(uri, public).is_err(), "{uri}");
        }
    }
}
