//! Dataverse's errors with all their fields, and the advice.

use embedded_host::types::{DataverseError, Method, RequestOptions};
use embedded_host::{NO_REQUEST_OPTIONS, Reply};
use sandbox::ErrorShape;

use crate::support::{
    TOKEN, Tenant, answer, contoso, dataverse_error, json_answer, request, throttling, with_header,
    with_request_options,
};

fn refused(status: u16, body: &str) -> DataverseError {
    let body = body.to_owned();
    let (mut client, _) = contoso(move || Reply::Answer(json_answer(status, &body)));
    dataverse_error(client.get("contacts").unwrap_err())
}

#[test]
fn a_code_is_given_in_both_notations() {
    for (code, shown, number) in [
        ("\"0x80040220\"", "0x80040220", Some(-2_147_220_960)),
        ("\"-2147220969\"", "0x80040217", Some(-2_147_220_969)),
        ("\"\"", "", None),
    ] {
        let error = refused(400, &format!(r#"{{"error":{{"code":{code},"message":"m"}}}}"#));
        assert_eq!((error.code.as_str(), error.code_number), (shown, number));
    }
    let error = refused(404, r#"{"Message":"m","ErrorCode":-2147220969}"#);
    assert_eq!(
        (error.code.as_str(), error.code_number),
        ("0x80040217", Some(-2_147_220_969))
    );
}

#[test]
fn annotations_are_read_when_asked_for() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let plain = dataverse_error(client.get("opportunities").unwrap_err());
    assert!(plain.inner_message.is_none() && plain.help_link.is_none() && plain.trace_text.is_none());
    let options = RequestOptions {
        annotations: Some("*".to_owned()),
        ..NO_REQUEST_OPTIONS
    };
    let asked = with_request_options(request(Method::Get, "opportunities"), options);
    let error = dataverse_error(client.send(&asked).unwrap_err());
    assert_eq!(error.inner_message.as_ref(), Some(&error.message));
    assert!(error.help_link.unwrap().starts_with("http://go.microsoft.com/"));
    assert!(error.trace_text.unwrap().contains("\r\n"));
}

#[test]
fn older_shapes_are_read() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    for shape in [ErrorShape::Standard, ErrorShape::InnerError, ErrorShape::Flat] {
        tenant.sandbox.set_error_shape(shape);
        let error = dataverse_error(client.get("opportunities").unwrap_err());
        assert_eq!((error.status, error.code.as_str()), (403, "0x80040220"), "{shape:?}");
        assert!(error.message.contains("prvReadOpportunity"), "{shape:?}: {error:?}");
        assert!(error.advice.unwrap().contains("prvReadOpportunity"), "{shape:?}");
        assert_eq!(error.inner_message.is_some(), shape == ErrorShape::InnerError);
    }
}

#[test]
fn the_ids_of_the_request_and_the_wait_are_there() {
    let reply = || {
        let headers = [
            ("content-type", "application/json"),
            ("x-ms-service-request-id", "one"),
            ("x-ms-service-request-id", "two, three"),
            ("REQ_ID", "three"),
            ("retry-after", "12"),
        ];
        Reply::Answer(answer(
            500,
            &headers,
            r#"{"error":{"code":"0x80040216","message":"x"}}"#,
        ))
    };
    let error = dataverse_error(contoso(reply).0.get("contacts").unwrap_err());
    assert_eq!(error.request_id.as_deref(), Some("three"));
    assert_eq!(error.service_request_ids, ["one", "two", "three"]);
    assert_eq!(error.retry_after_seconds, Some(12));
    assert_eq!(error.attempts, 1);

    let real = dataverse_error(Tenant::start().client().get("opportunities").unwrap_err());
    assert_eq!(real.service_request_ids.len(), 2);
    assert_eq!(real.request_id.as_ref(), real.service_request_ids.last());
}

#[test]
fn errors_that_people_meet_come_with_advice() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let advice = |error: DataverseError| error.advice.unwrap();
    let closed = advice(dataverse_error(client.get("opportunities").unwrap_err()));
    assert!(
        closed.contains("prvReadOpportunity") && closed.contains("\"Read\" on the table Opportunity"),
        "{closed}"
    );
    let gone = "contacts(00000000-0000-0000-0000-00000000dead)";
    assert!(advice(dataverse_error(client.get(gone).unwrap_err())).contains("no row"));
    assert!(advice(dataverse_error(client.get("contacts?$select=LastName").unwrap_err())).contains("lower case"));
    let mut stale = request(Method::Delete, &format!("contacts({})", sandbox::seed::contact(1)));
    stale = with_header(stale, "If-Match", "W/\"1\"");
    assert!(advice(dataverse_error(client.send(&stale).unwrap_err())).contains("new ETag"));

    let stranger = Tenant::with(|config| config.applications[0].user = None);
    let error = dataverse_error(stranger.client().whoami().unwrap_err());
    assert!(error.advice.unwrap().contains("New app user"));
    let disabled = Tenant::with(|config| config.applications[0].user.as_mut().unwrap().enabled = false);
    let error = dataverse_error(disabled.client().whoami().unwrap_err());
    assert!(error.advice.unwrap().contains("disabled"));

    for (code, part) in [("0x80048306", "access level"), ("0x80095ffc", "allow this client id")] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"x"}}}}"#);
        assert!(advice(refused(403, &body)).contains(part));
    }
    assert!(advice(refused(401, "")).contains("tenant"));
    for (code, part) in [
        ("0x80072322", "requests"),
        ("0x80072321", "time"),
        ("0x80072326", "at once"),
    ] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"x"}}}}"#);
        let (mut client, _) = contoso(move || Reply::Answer(json_answer(429, &body)));
        let throttling = throttling(client.get("contacts").unwrap_err());
        assert!(throttling.advice.unwrap().contains(part));
    }
    assert_eq!(
        refused(400, r#"{"error":{"code":"0x80040265","message":"a plug-in"}}"#).advice,
        None
    );
}

#[test]
fn no_text_of_an_error_gives_the_token_away() {
    let body = format!(
        r#"{{"error":{{"code":"0x80040220","message":"prvRead{TOKEN}","innererror":{{"message":"{TOKEN}"}},
        "@Microsoft.PowerApps.CDS.HelpLink":"https://x/{TOKEN}","@Microsoft.PowerApps.CDS.TraceText":"a {TOKEN}"}}}}"#
    );
    let error = refused(403, &body);
    assert_eq!(error.trace_text.as_deref(), Some("a ***"));
    assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
}
