//! A host whose clock is wrong.

use std::time::{Duration, SystemTime};

use embedded_host::{Clock, Network, Reply};

use crate::support::{Client, STRANGER, Tenant, answer, answered, certificate_of, contoso_settings, entra_error};

#[test]
fn a_wrong_clock_is_corrected_by_entra_ids() {
    for seconds in [3600, -3600, 20 * 24 * 3600, -2 * 24 * 3600, -20 * 365 * 24 * 3600] {
        let tenant = Tenant::start();
        let clock = Clock::default();
        clock.set_wrong(seconds);
        let mut client = Client::open_with_clock(&tenant.settings(), Network::Machine, clock.clone());
        client.whoami().unwrap();
        assert_eq!(tenant.counts().0, 2, "refused once, then by Entra ID's clock");
        tenant.sandbox.revoke_tokens();
        client.whoami().unwrap();
        assert_eq!(tenant.counts().0, 3, "the correction is kept");
        let output = client.instance.output();
        assert_eq!(output.matches("the host's clock is").count(), 1, "{output}");
        let direction = if seconds > 0 { "ahead of" } else { "behind" };
        assert!(output.contains(direction), "{output}");

        clock.set_wrong(-seconds);
        tenant.sandbox.revoke_tokens();
        client.whoami().unwrap();
    }
}

#[test]
fn a_clock_that_is_right_is_not_corrected() {
    let refused = |date: String| {
        let settings = embedded_host::types::Settings {
            credentials: vec![certificate_of(&STRANGER)],
            ..contoso_settings()
        };
        let (mut client, requests) = answered(&settings, move |_| {
            let body = r#"{"error":"invalid_client","error_description":"AADSTS700024: x","error_codes":[700024]}"#;
            let headers = [("content-type", "application/json"), ("date", date.as_str())];
            Reply::Answer(answer(
                401,
                if date.is_empty() { &headers[..1] } else { &headers },
                body,
            ))
        });
        let error = entra_error(client.token().unwrap_err());
        assert!(error.advice.unwrap().contains("clock"));
        requests.lock().unwrap().len()
    };
    assert_eq!(refused(String::new()), 1, "without a time in the answer");
    assert_eq!(refused("soon".to_owned()), 1, "none that can be read");
    let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
    assert_eq!(refused(httpdate::fmt_http_date(in_an_hour)), 2, "once only");
}
