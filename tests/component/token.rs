//! The token: requested as documented, cached while it is valid, and every refusal with all its fields.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use embedded_host::types::{AssertionAlgorithm, Error, Options, OutageCause, Service, Settings};
use embedded_host::{DEFAULT_OPTIONS, Network, Reply, certificate, secret};
use sandbox::{Fault, FaultKind};

use crate::support::{
    CLIENT, Client, SECRET, STRANGER, Server, TENANT, TOKEN, Tenant, answer, answered, contoso_settings, entra_error,
    json_answer, outage, token_answer, with_options,
};

fn unix_time() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// The error of a token request with this answer.
fn refused(reply: impl Fn() -> http::Response<Vec<u8>> + Send + Sync + 'static) -> Error {
    answered(&contoso_settings(), move |_| Reply::Answer(reply()))
        .0
        .token()
        .unwrap_err()
}

#[test]
fn the_request_is_the_documented_one() {
    let settings = Settings {
        credentials: vec![secret(r#"a secret+with/odd&letters="<^>%"#)],
        ..contoso_settings()
    };
    let (mut client, requests) = answered(&settings, |_| Reply::Answer(token_answer()));
    let token = client.token().unwrap();
    assert_eq!(token.token, TOKEN);
    assert_eq!(token.audience, "https://contoso.crm.dynamics.com");

    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 1);
    let (head, body) = (&requests[0], requests[0].body());
    assert_eq!(head.method(), "POST");
    assert_eq!(
        head.uri().to_string(),
        format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token")
    );
    assert_eq!(head.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(head.headers()["content-length"], body.len().to_string());
    assert_eq!(head.headers()["accept"], "application/json");
    assert_eq!(head.headers()["return-client-request-id"], "true");
    assert_eq!(head.headers()["client-request-id"].len(), 36);
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("scope", "https://contoso.crm.dynamics.com/.default"),
        ("claims", r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#),
        ("client_secret", r#"a secret+with/odd&letters="<^>%"#),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn the_end_of_a_token_is_told() {
    let tenant = Tenant::with(|config| config.token_lifetime = Duration::from_secs(1800));
    let before = unix_time();
    let token = tenant.client().token().unwrap();
    assert!(
        (before + 1800..=unix_time() + 1800).contains(&token.expires_at),
        "{}",
        token.expires_at
    );
    assert!((1795..=1800).contains(&token.expires_in), "{}", token.expires_in);
    assert_eq!(token.audience, tenant.sandbox.origin());
}

#[test]
fn a_token_is_asked_for_once() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let first = client.token().unwrap();
    client.whoami().unwrap();
    client.get("contacts?$top=1").unwrap();
    assert_eq!(client.token().unwrap().token, first.token);
    assert_eq!(tenant.counts(), (1, 2));

    let other = client.instance.open(&tenant.settings()).unwrap().unwrap();
    assert_eq!(
        client.instance.acquire_token(Some(other)).unwrap().unwrap().token,
        first.token,
        "another connection"
    );
    client.instance.close(other).unwrap();
    assert_eq!(tenant.counts().0, 1);

    tenant.client().token().unwrap();
    assert_eq!(tenant.counts().0, 2, "another instance has its own memory");
}

#[test]
fn a_token_is_not_used_in_its_last_five_minutes() {
    for (lifetime, requests) in [(300, 2), (330, 1)] {
        let tenant = Tenant::with(|config| config.token_lifetime = Duration::from_secs(lifetime));
        let mut client = tenant.client();
        client.whoami().unwrap();
        client.whoami().unwrap();
        assert_eq!(tenant.counts().0, requests, "a lifetime of {lifetime} s");
    }
}

#[test]
fn tokens_are_kept_apart_by_all_that_selects_the_identity() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let by_certificate = client.token().unwrap().token;
    let mut open = |settings: &Settings| {
        let connection = client.instance.open(settings).unwrap().unwrap();
        client.instance.acquire_token(Some(connection)).unwrap()
    };
    let by_secret = open(&tenant.secret_settings()).unwrap().token;
    assert_ne!(by_secret, by_certificate, "another credential");

    let wrong = Settings {
        credentials: vec![secret("wrong")],
        ..tenant.secret_settings()
    };
    assert!(
        open(&wrong).is_err(),
        "a wrong secret does not profit from the right one's token"
    );
    let other_tenant = Settings {
        tenant_id: Some(TENANT.into()),
        ..tenant.settings()
    };
    assert!(open(&other_tenant).is_err(), "nor another tenant");
    let with = |options| with_options(tenant.settings(), options);
    let other_scope = with(Options {
        scope: Some("https://other.example/.default".into()),
        ..DEFAULT_OPTIONS
    });
    assert!(open(&other_scope).is_err(), "nor another scope");
    let other_authority = Server::start(|_, _| {});
    let elsewhere = Options {
        authority: Some(other_authority.origin()),
        ..DEFAULT_OPTIONS
    };
    let elsewhere = Settings {
        options: Some(elsewhere),
        ..tenant.settings()
    };
    assert_eq!(open(&elsewhere).unwrap().token, TOKEN, "nor another authority");
    let rs256 = with(Options {
        assertion_algorithm: Some(AssertionAlgorithm::Rs256),
        ..DEFAULT_OPTIONS
    });
    assert_ne!(open(&rs256).unwrap().token, by_certificate, "nor another assertion");
    let other_client = Settings {
        client_id: CLIENT.into(),
        ..tenant.settings()
    };
    assert!(open(&other_client).is_err(), "nor another application");
}

#[test]
fn every_refusal_of_entra_id_comes_with_all_its_fields() {
    let tenant = Tenant::start();
    let good = tenant.settings();
    let stranger = format!("{}{}", STRANGER.certificate_pem, STRANGER.key_pkcs8_pem);
    let scope = |scope: &str| {
        let mut settings = tenant.settings();
        settings.options = settings.options.map(|options| Options {
            scope: Some(scope.into()),
            ..options
        });
        settings
    };
    for (what, settings, status, error, code) in [
        (
            "a wrong secret",
            Settings {
                credentials: vec![secret("wrong")],
                ..good.clone()
            },
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            "an unknown certificate",
            Settings {
                credentials: vec![certificate(stranger)],
                ..good.clone()
            },
            401,
            "invalid_client",
            700_027,
        ),
        (
            "an unknown application",
            Settings {
                client_id: CLIENT.into(),
                ..good.clone()
            },
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            "an unknown tenant",
            Settings {
                tenant_id: Some(TENANT.into()),
                ..good.clone()
            },
            400,
            "invalid_request",
            90_002,
        ),
        (
            "a wrong resource",
            scope("https://other.crm.dynamics.com/.default"),
            400,
            "invalid_resource",
            500_011,
        ),
    ] {
        let refusal = entra_error(Client::open(&settings, Network::Machine).token().unwrap_err());
        assert_eq!(
            (refusal.status, refusal.error.as_str()),
            (status, error),
            "{what}: {refusal:?}"
        );
        assert_eq!(refusal.error_codes, [code], "{what}");
        assert!(
            refusal.description.starts_with(&format!("AADSTS{code}: ")),
            "{what}: {refusal:?}"
        );
        assert_eq!(
            refusal.correlation_id.as_deref(),
            Some(refusal.client_request_id.as_str()),
            "{what}"
        );
        assert!(
            refusal.trace_id.is_some() && refusal.timestamp.is_some() && refusal.error_uri.is_some(),
            "{what}"
        );
        assert!(refusal.suberror.is_none() && refusal.claims.is_none(), "{what}");
    }
}

#[test]
fn suberror_and_claims_are_passed_on() {
    let refusal = entra_error(refused(|| {
        json_answer(
            400,
            r#"{"error":"invalid_grant","error_description":"AADSTS53003: Blocked.","error_codes":[53003],
                "suberror":"message_only","claims":"{\"access_token\":{}}"}"#,
        )
    }));
    assert_eq!(refusal.suberror.as_deref(), Some("message_only"));
    assert_eq!(refusal.claims.as_deref(), Some("{\"access_token\":{}}"));
    assert_eq!(refusal.trace_id, None);
}

#[test]
fn an_answer_that_is_not_json_keeps_its_status() {
    for body in ["<html>Blocked by a proxy, and here is your request: secret</html>", ""] {
        let outage = outage(refused(move || answer(403, &[("content-type", "text/html")], body)));
        assert_eq!((outage.status, outage.cause), (Some(403), OutageCause::UnusableAnswer));
        assert!(
            outage.detail.contains("text/html") && !outage.detail.contains("secret"),
            "{outage:?}"
        );
        assert_eq!(outage.client_request_id.len(), 36);
    }
}

#[test]
fn throttling_by_entra_id_says_how_long_to_wait() {
    let tenant = Tenant::start();
    let throttle = FaultKind::Throttle {
        code: String::new(),
        retry_after_secs: 60,
    };
    tenant.sandbox.misbehave(Fault::new(sandbox::Service::Entra, throttle));
    match tenant.client().whoami().unwrap_err() {
        Error::Throttled(throttling) => {
            assert_eq!(throttling.service, Service::EntraId);
            assert_eq!(throttling.retry_after_seconds, Some(60));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(tenant.counts(), (1, 0), "Dataverse was not asked");
}

#[test]
fn entra_id_failing_is_an_outage() {
    for status in [500, 503, 504] {
        let outage = outage(refused(move || {
            json_answer(status, r#"{"error":"temporarily_unavailable"}"#)
        }));
        assert_eq!(outage.service, Service::EntraId);
        assert_eq!(
            (outage.cause, outage.status),
            (OutageCause::ServiceUnavailable, Some(status))
        );
        assert!(!outage.may_have_taken_effect);
    }
}

#[test]
fn an_answer_that_grants_nothing_is_an_outage() {
    for body in [
        "",
        "OK",
        "[]",
        r#"{"token_type":"Bearer","expires_in":3599}"#,
        r#"{"token_type":"Bearer","expires_in":-1,"access_token":"x"}"#,
        r#"{"token_type":"Bearer","expires_in":"soon","access_token":"x"}"#,
        r#"{"token_type":"mac","expires_in":3599,"access_token":"x"}"#,
        r#"{"token_type":"Bearer","expires_in":3599,"access_token":""}"#,
        r#"{"token_type":"Bearer","expires_in":3599,"access_token":"x\r\nX-Evil: 1"}"#,
    ] {
        let outage = outage(refused(move || json_answer(200, body)));
        assert_eq!(
            (outage.cause, outage.status),
            (OutageCause::UnusableAnswer, Some(200)),
            "{body}"
        );
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (mut client, requests) = answered(&contoso_settings(), |_| {
        Reply::Answer(answer(302, &[("location", "https://evil.example/")], ""))
    });
    assert_eq!(outage(client.token().unwrap_err()).cause, OutageCause::UnusableAnswer);
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[test]
fn numbers_as_text_are_understood() {
    let body = r#"{"token_type":"bearer","expires_in":"1000","access_token":"x","resource":"y"}"#;
    let (mut client, _) = answered(&contoso_settings(), move |_| Reply::Answer(json_answer(200, body)));
    assert!((999..=1000).contains(&client.token().unwrap().expires_in));
}

#[test]
fn a_token_that_dataverse_does_not_accept_any_more_is_replaced_once() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    client.whoami().unwrap();
    tenant.sandbox.revoke_tokens();
    client.post("contacts", r#"{"lastname":"Once"}"#).unwrap();
    assert_eq!(tenant.counts(), (2, 3), "a new token, and the request again");
    let found = client
        .get("contacts?$filter=lastname eq 'Once'&$select=lastname")
        .unwrap();
    assert_eq!(crate::support::json(&found)["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_new_token_that_dataverse_does_not_accept_is_not_replaced() {
    let requests = Mutex::new(0);
    let (mut client, sent) = answered(&contoso_settings(), move |request| {
        *requests.lock().unwrap() += 1;
        if request.uri().path().contains("/oauth2/") {
            Reply::Answer(token_answer())
        } else {
            Reply::Answer(answer(401, &[], ""))
        }
    });
    for calls in [2, 4, 6, 7, 8] {
        let error = crate::support::dataverse_error(client.whoami().unwrap_err());
        assert_eq!(error.status, 401);
        assert_eq!(
            sent.lock().unwrap().len(),
            calls,
            "a token and a request each time, and after three times the request alone"
        );
    }
}

#[test]
fn refusals_that_ask_to_come_back_are_outages() {
    for (status, body) in [
        (
            400,
            r#"{"error":"temporarily_unavailable","error_description":"AADSTS90033: later"}"#,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_codes":[90024],"error_description":"AADSTS90024: later"}"#,
        ),
        (408, ""),
    ] {
        let outage = outage(refused(move || json_answer(status, body)));
        assert_eq!(
            (outage.cause, outage.status),
            (OutageCause::ServiceUnavailable, Some(status)),
            "{body}"
        );
    }
    let throttled = refused(|| json_answer(400, r#"{"error":"invalid_request","error_codes":[90055]}"#));
    assert!(matches!(throttled, Error::Throttled(_)), "{throttled:?}");
}

#[test]
fn an_outage_says_what_the_service_said() {
    let outage = outage(refused(|| {
        let headers = [("retry-after", "7"), ("x-ms-request-id", "the-id")];
        answer(503, &headers, "")
    }));
    assert_eq!(
        (outage.retry_after_seconds, outage.request_id.as_deref()),
        (Some(7), Some("the-id"))
    );
    assert!(
        outage.detail.contains("https://login.microsoftonline.com"),
        "{outage:?}"
    );
}

#[test]
fn a_token_too_large_for_a_header_is_none() {
    let body = format!(
        r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{}"}}"#,
        "x".repeat(200_000)
    );
    let outage = outage(refused(move || json_answer(200, &body)));
    assert_eq!(outage.cause, OutageCause::UnusableAnswer);
}

#[test]
fn a_secret_that_is_repeated_is_not_passed_on() {
    let body = format!(r#"{{"error":"invalid_client","error_description":"AADSTS1: client_secret={SECRET}"}}"#);
    let refusal = refused(move || json_answer(401, &body));
    assert_eq!(entra_error(refusal).description, "AADSTS1: client_secret=***");
}

#[test]
fn entra_id_is_asked_again_within_the_budget() {
    let tenant = Tenant::start();
    let patient = with_options(tenant.settings(), DEFAULT_OPTIONS);
    let throttle = |retry_after_secs| {
        let code = String::new();
        let kind = FaultKind::Throttle { code, retry_after_secs };
        Fault::new(sandbox::Service::Entra, kind)
    };
    let faults = [
        Fault::status(sandbox::Service::Entra, 503, "down"),
        Fault::status(sandbox::Service::Entra, 408, "slow"),
        Fault::new(sandbox::Service::Entra, FaultKind::Disconnect { carry_out: true }),
        throttle(1),
    ];
    for fault in faults {
        let said = format!("{fault:?}");
        tenant.sandbox.clear_requests();
        tenant.sandbox.misbehave(fault);
        Client::open(&patient, Network::Machine).token().unwrap();
        assert_eq!(tenant.counts().0, 2, "{said}");
    }

    tenant.sandbox.clear_requests();
    tenant.sandbox.misbehave(throttle(31));
    let begin = std::time::Instant::now();
    let error = Client::open(&patient, Network::Machine).token().unwrap_err();
    assert!(matches!(error, Error::Throttled(_)), "{error:?}");
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "a wait too long is not begun"
    );
    assert_eq!(tenant.counts().0, 1);
}

#[test]
fn what_stays_out_of_reach_is_given_up() {
    let tenant = Tenant::start();
    let patient = with_options(tenant.settings(), DEFAULT_OPTIONS);
    let down = Fault::status(sandbox::Service::Entra, 500, "down");
    tenant.sandbox.misbehave(down.times(100));
    let outage = outage(Client::open(&patient, Network::Machine).token().unwrap_err());
    assert_eq!(
        (outage.cause, outage.status),
        (OutageCause::ServiceUnavailable, Some(500))
    );
    assert_eq!(tenant.counts().0, 4);
}

/// Outages are limited to four attempts, and throttling to the time that the service requests. They are
/// counted separately.
#[test]
fn throttled_attempts_do_not_use_up_those_for_outages() {
    const STATUSES: [u16; 4] = [429, 429, 429, 503];
    for finds_tenant in [false, true] {
        let left = Mutex::new(STATUSES.to_vec());
        let settings = Settings {
            tenant_id: Some(TENANT.to_owned()).filter(|_| !finds_tenant),
            ..with_options(contoso_settings(), DEFAULT_OPTIONS)
        };
        let (mut client, requests) = answered(&settings, move |request| {
            let is_token = request.uri().path().ends_with("/oauth2/v2.0/token");
            let mut left = left.lock().unwrap();
            Reply::Answer(if is_token != finds_tenant && !left.is_empty() {
                answer(left.remove(0), &[("retry-after", "0")], "")
            } else if is_token {
                token_answer()
            } else {
                let uri =
                    format!("Bearer authorization_uri=https://login.microsoftonline.com/{TENANT}/oauth2/authorize");
                answer(401, &[("www-authenticate", &uri)], "")
            })
        });
        assert!(!client.token().unwrap().token.is_empty());
        let asked = STATUSES.len() + 1 + usize::from(finds_tenant);
        assert_eq!(requests.lock().unwrap().len(), asked, "{finds_tenant}");
    }
}
