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

    assert!(advice(refused(401, "")).contains("tenant"));
    assert!(advice(refused(407, "")).contains("proxy"));
    assert!(advice(refused(413, "")).contains("chunks"));
    for (code, part) in [
        ("0x80072322", "requests"),
        ("0x80072321", "time"),
        ("0x80072326", "at once"),
        ("0x80072327", "at once"),
        ("0x80060308", "search less often"),
    ] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"x"}}}}"#);
        let (mut client, _) = contoso(move || Reply::Answer(json_answer(429, &body)));
        let throttling = throttling(client.get("contacts").unwrap_err());
        assert!(throttling.advice.unwrap().contains(part));
    }
}

#[test]
fn each_code_of_daily_work_has_its_advice() {
    for (status, code, part) in [
        (403, "0x80040220", "lacks a privilege"),
        (403, "0x80040231", "to own the row"),
        (403, "0x80048306", "access level"),
        (403, "0x8004f502", "column security profile"),
        (403, "0x8004F503", "column security profile"),
        (403, "0x8004f504", "column security profile"),
        (403, "0x8004f506", "column security profile"),
        (403, "0x8004f507", "column security profile"),
        (403, "0x80042f09", "no security role"),
        (403, "0x80072560", "New app user"),
        (403, "0x80040225", "activate it again"),
        (400, "0x8004022b", "another owner"),
        (403, "0x8004d24b", "no license"),
        (403, "0x80095ffc", "allow this client id"),
        (403, "0x80095ffe", "listed addresses"),
        (403, "0x8004a113", "administration mode"),
        (400, "0x80060888", "entity set (contacts)"),
        (404, "0x8006088a", "entity set (contacts)"),
        (501, "0x8006088a", "does not support this"),
        (400, "0x80041102", "no table of this name"),
        (404, "0x8004f899", "no table of this name"),
        (404, "0x80094005", "no table of this name"),
        (400, "0x80041103", "no column of this name"),
        (400, "0x80041129", "paging cookie"),
        (400, "0x8004112a", "paging cookie"),
        (400, "0x8004e023", "50,000"),
        (404, "0x80040217", "no row has this id"),
        (404, "0x80060891", "alternate key"),
        (400, "0x80060890", "not active yet"),
        (400, "0x8006089d", "several rows"),
        (400, "0x80048d19", "@odata.bind"),
        (400, "0x80044331", "shorten"),
        (400, "0x80090429", "shorten"),
        (400, "0x8004432f", "range"),
        (400, "0x8004431a", "option of this value"),
        (400, "0x80044354", "another type"),
        (400, "0x80044a02", "maximum file size"),
        (400, "0x80043e09", "blocked"),
        (400, "0x80050401", "capacity"),
        (400, "0x80050402", "capacity"),
        (412, "0x80060882", "new ETag"),
        (412, "0x80060892", "alternate key"),
        (412, "0x80040237", "there already"),
        (412, "0x80040333", "duplicate detection"),
        (405, "0x80040227", "refer to this one"),
        (400, "0x80040265", "plug-in trace log"),
        (500, "0x80040224", "plug-in trace log"),
        (403, "0x80048d06", "plug-in trace log"),
        (500, "0x80044150", "database"),
        (500, "0x80044151", "database"),
        (500, "0x80040216", "request id"),
    ] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"x"}}}}"#);
        let advice = refused(status, &body).advice.unwrap_or_else(|| panic!("{code}"));
        assert!(advice.contains(part), "{code}: {advice}");
    }
    for code in ["0x80040203", "0x80048d12", "0x1", ""] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"x"}}}}"#);
        assert_eq!(refused(400, &body).advice, None, "{code}");
    }
}

#[test]
fn no_text_of_an_error_gives_the_token_away() {
    let body = format!(
        r#"{{"error":{{"code":"0x80040220","message":"prvRead{TOKEN}","innererror":{{"message":"{TOKEN}"}},
        "@Microsoft.PowerApps.CDS.HelpLink":"https://x/{TOKEN}","@Microsoft.PowerApps.CDS.TraceText":"a {TOKEN}"}}}}"#
    );
    let error = refused(403, &body);
    let masked = format!("a {}", "*".repeat(TOKEN.len()));
    assert_eq!(error.trace_text.as_deref(), Some(masked.as_str()));
    assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
}
