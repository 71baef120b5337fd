//! Discovery of the tenant from the environment.

use embedded_host::types::{Error, OutageCause, Service, Settings};
use embedded_host::{Network, Reply};

use crate::support::{
    COMPONENT, Client, TENANT, Tenant, answer, answered, contoso_settings, outage, settings_faults, token_answer,
};

fn without_tenant(settings: Settings) -> Settings {
    Settings {
        tenant_id: None,
        ..settings
    }
}

#[test]
fn the_environment_tells_its_tenant_once() {
    let tenant = Tenant::start();
    let mut client = Client::open(&without_tenant(tenant.settings()), Network::Machine);
    let token = client.token().unwrap();
    assert_eq!(token.tenant, tenant.demo.config.tenant_id);
    let requests = tenant.sandbox.requests();
    assert!(!requests[0].headers.iter().any(|(name, _)| name == "authorization"));
    assert_eq!(tenant.counts(), (1, 1));
    let again = client
        .instance
        .open(&without_tenant(tenant.secret_settings()))
        .unwrap()
        .unwrap();
    client.instance.acquire_token(Some(again)).unwrap().unwrap();
    assert_eq!(tenant.counts(), (2, 1));
}

#[test]
fn variables_need_no_tenant() {
    let tenant = Tenant::start();
    let origin = tenant.sandbox.origin();
    let variables = [
        ("DATAVERSE_URL", origin.as_str()),
        ("AZURE_AUTHORITY_HOST", &origin),
        ("AZURE_CLIENT_ID", &tenant.demo.client_id),
        ("AZURE_CLIENT_SECRET", &tenant.demo.client_secret),
    ];
    let mut instance = COMPONENT.instance(&variables, Network::Machine).unwrap();
    instance.whoami(None).unwrap().unwrap();
    tenant.sandbox.set_challenge(Some("Bearer".to_owned()));
    let mut instance = COMPONENT.instance(&variables, Network::Machine).unwrap();
    let faults = settings_faults(instance.whoami(None).unwrap().unwrap_err());
    assert_eq!(faults[0].0, "AZURE_TENANT_ID");
}

#[test]
fn only_known_authorities_are_believed() {
    let good = format!("https://login.windows.net/{TENANT}/oauth2/authorize");
    for (challenge, sentence) in [
        (
            format!("Bearer authorization_uri={good}, resource_id=https://contoso.crm.dynamics.com/"),
            None,
        ),
        (format!("bearer AUTHORIZATION_URI=\"{good}\""), None),
        (
            format!("Bearer authorization_uri=https://login.evil.example/{TENANT}/oauth2/authorize"),
            Some("neither https://login.microsoftonline.com nor of the same cloud"),
        ),
        (
            format!("Bearer authorization_uri=https://login.microsoftonline.us/{TENANT}/oauth2/authorize"),
            Some("nor of the same cloud"),
        ),
        (
            "Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize".to_owned(),
            Some("one tenant"),
        ),
        (
            "Bearer resource_id=https://contoso.crm.dynamics.com/".to_owned(),
            Some("no authorization_uri"),
        ),
        (format!("Basic authorization_uri={good}"), Some("no authorization_uri")),
        (String::new(), Some("no authorization_uri")),
    ] {
        let said = challenge.clone();
        let (mut client, requests) = answered(&without_tenant(contoso_settings()), move |request| {
            Reply::Answer(if request.uri().host() == Some("login.microsoftonline.com") {
                token_answer()
            } else {
                answer(401, &[("www-authenticate", &challenge)], "")
            })
        });
        let outcome = client.token();
        let requests = requests.lock().unwrap();
        match sentence {
            None => {
                assert_eq!(outcome.unwrap().tenant, TENANT, "{said}");
                let url = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
                assert_eq!(
                    requests[1].uri().to_string(),
                    url,
                    "the settings' authority, not the named one"
                );
            }
            Some(sentence) => {
                let faults = settings_faults(outcome.unwrap_err());
                assert_eq!(faults[0].0, "tenant-id", "{said}");
                assert!(faults[0].1.contains(sentence), "{said}: {faults:?}");
                assert_eq!(requests.len(), 1, "{said}: no token was requested");
            }
        }
    }
}

#[test]
fn an_environment_that_does_not_answer_is_an_outage() {
    let (mut client, _) = answered(&without_tenant(contoso_settings()), |_| {
        Reply::Answer(answer(503, &[], ""))
    });
    let outage = outage(client.token().unwrap_err());
    assert_eq!(
        (outage.service, outage.cause, outage.status),
        (Service::Dataverse, OutageCause::ServiceUnavailable, Some(503))
    );

    let throttled = [("retry-after", "60"), ("content-type", "application/json")];
    let (mut client, requests) = answered(&without_tenant(contoso_settings()), move |_| {
        let body = r#"{"error":{"code":"0x80072322","message":"Too many."}}"#;
        Reply::Answer(answer(429, &throttled, body))
    });
    match client.token().unwrap_err() {
        Error::Throttled(throttling) => {
            assert_eq!((throttling.retry_after_seconds, throttling.attempts), (Some(60), 1));
            assert_eq!(
                (throttling.code.as_str(), throttling.message.as_str()),
                ("0x80072322", "Too many.")
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(requests.lock().unwrap().len(), 1);

    let (mut client, _) = answered(&without_tenant(contoso_settings()), |_| {
        Reply::Answer(answer(200, &[], ""))
    });
    let faults = settings_faults(client.token().unwrap_err());
    assert!(faults[0].1.contains("200 instead of 401"), "{faults:?}");
}
