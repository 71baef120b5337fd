//! Which tenant an environment belongs to, where the settings do not say it: the environment's 401 to a stranger names it
//! (Microsoft's page "Authenticate with Microsoft Dataverse web services").

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use http::{Request, Response, StatusCode, Uri, header};

use super::answer;
use super::headers::CLIENT_REQUEST_ID;
use super::url::ROOT;
use crate::error::{Asked, Error, Reason, Service};
use crate::faults::Faults;
use crate::guid::new_guid;
use crate::host::{Cause, Failure, Host};
use crate::http::body::exchange;
use crate::http::challenge;
use crate::http::origin::Origin;
use crate::http::stranger;
use crate::retry::{self, Attempt, Budget};
use crate::settings::{Settings, cloud, parse_tenant};
use crate::turn::Turn;

/// The tenants of so many environments are kept; beyond that the oldest makes room.
const MAX_KEPT: usize = 256;

/// What a 401 says in its body does not matter.
const MAX_ANSWER_BYTES: u32 = 1 << 20;

/// The tenants that environments named in the life of the instance.
#[derive(Default)]
pub(crate) struct Tenants {
    kept: RefCell<VecDeque<Kept>>,
}

/// One environment's tenant, once it is known.
struct Kept {
    environment: Origin,
    authority: Origin,
    tenant: Rc<Tenant>,
}

#[derive(Default)]
struct Tenant {
    /// Held while the environment is asked, so that it is not asked twice at once.
    turn: Turn,
    id: RefCell<Option<String>>,
}

impl Tenants {
    /// The tenant of settings: the one that they name, or else the one that the environment names, which is asked once.
    ///
    /// # Errors
    /// `unavailable` when the environment does not answer, `invalid-settings` when its answer names no tenant that can be
    /// believed.
    pub(crate) async fn of(&self, host: &impl Host, settings: &Settings, budget: &Budget) -> Result<String, Error> {
        if let Some(tenant) = &settings.tenant {
            return Ok(tenant.clone());
        }
        let tenant = self.kept(settings);
        if let Some(id) = tenant.id() {
            return Ok(id);
        }
        let _turn = tenant.turn.wait().await?;
        if let Some(id) = tenant.id() {
            return Ok(id);
        }
        let outcome = discover(host, settings, budget).await;
        tenant.turn.end(outcome.as_ref().err());
        tenant.id.replace(outcome.as_ref().ok().cloned());
        outcome
    }

    fn kept(&self, settings: &Settings) -> Rc<Tenant> {
        let (environment, authority) = (&settings.environment, &settings.authority);
        let mut kept = self.kept.borrow_mut();
        let is_it = |kept: &&Kept| kept.environment == *environment && kept.authority == *authority;
        if let Some(known) = kept.iter().find(is_it) {
            return Rc::clone(&known.tenant);
        }
        if kept.len() >= MAX_KEPT {
            kept.pop_front();
        }
        let tenant = Rc::<Tenant>::default();
        kept.push_back(Kept {
            environment: environment.clone(),
            authority: authority.clone(),
            tenant: Rc::clone(&tenant),
        });
        tenant
    }
}

impl Tenant {
    fn id(&self) -> Option<String> {
        self.id.borrow().clone()
    }
}

/// Asks the environment, without a token.
async fn discover(host: &impl Host, settings: &Settings, budget: &Budget) -> Result<String, Error> {
    let asked = Asked {
        service: Service::Dataverse,
        origin: settings.environment.to_string(),
        writes: false,
        client_request_id: new_guid(host),
    };
    let attempt = async || match ask(host, settings, &asked.client_request_id).await {
        Ok(answer) => Attempt::Done(answer),
        Err(reason) => Attempt::Failed(reason),
    };
    let (answer, _) = retry::run(host, budget, &asked, true, attempt).await?;
    tenant_of(&answer, &settings.authority).map_err(|reason| {
        let reason = format!("is not set, and the environment does not tell it: {reason}. Set it");
        Faults::one(settings.names.tenant_id, reason).into_settings_error()
    })
}

async fn ask(host: &impl Host, settings: &Settings, client_request_id: &str) -> Result<Response<Vec<u8>>, Reason> {
    let request = Request::get(format!("{}{ROOT}", settings.environment))
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, crate::USER_AGENT)
        .header(CLIENT_REQUEST_ID, client_request_id)
        .body(None::<&[u8]>)
        .map_err(|error| Reason::NoAnswer(Failure::not_sent(Cause::UnusableAnswer, error.to_string())))?;
    let answer = exchange(host, request, &settings.timeouts, MAX_ANSWER_BYTES)
        .await
        .map_err(Reason::NoAnswer)?;
    let status = answer.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        // Without a token there is none to take out.
        return answer::read(answer.clone(), "", host.now()).map(|_| answer);
    }
    if status.is_server_error() {
        let (head, _) = answer.into_parts();
        let detail = "it cannot say which tenant it belongs to now";
        return Err(answer::failed(&head, host.now(), Cause::ServiceUnavailable, detail));
    }
    Ok(answer)
}

/// The tenant that a 401 names.
fn tenant_of(answer: &Response<Vec<u8>>, authority: &Origin) -> Result<String, String> {
    if answer.status() != StatusCode::UNAUTHORIZED {
        return Err(format!(
            "it, or something between, such as a proxy, answers {} instead of 401 ({})",
            answer.status().as_u16(),
            stranger::describe(answer.headers(), answer.body(), &[])
        ));
    }
    let uri = challenge::authorization_uri(answer.headers()).ok_or("its 401 names no authorization_uri")?;
    tenant_in(&uri, authority)
}

/// The tenant in `https://login.microsoftonline.com/{tenant}/oauth2/authorize`. An answer that names another host than the
/// authority's cloud may come from anybody.
///
/// # Errors
/// Why none can be told, for people.
pub fn tenant_in(uri: &str, authority: &Origin) -> Result<String, String> {
    let uri: Uri = uri
        .parse()
        .map_err(|_| "its authorization_uri is not a URL".to_owned())?;
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
