//! The details of errors in addition to code and message.
#![allow(clippy::unwrap_used)]

mod common;

use common::{error, start};
use sandbox::ErrorShape;
use serde_json::json;

const CDS: &str = "@Microsoft.PowerApps.CDS.";

#[test]
fn annotations_on_request() {
    let local = start();
    let ask = |preference: &str| {
        let answer = local.call("GET", "opportunities", &[("Prefer", preference)], "");
        assert_eq!(error(&answer), (403, "0x80040220".into()));
        answer.json()["error"].as_object().unwrap().clone()
    };
    assert_eq!(ask("odata.maxpagesize=3").len(), 2);
    assert_eq!(ask("odata.include-annotations=\"Microsoft.Dynamics.CRM.*\"").len(), 2);
    let all = ask("odata.include-annotations=\"*\"");
    assert_eq!(all.len(), 7);
    assert_eq!(
        all[&format!("{CDS}HelpLink")],
        "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a80040220&client=platform"
    );
    assert_eq!(all[&format!("{CDS}InnerError.Message")], all["message"]);
    assert!(all[&format!("{CDS}TraceText")].as_str().unwrap().contains("\r\n"));
    let details = ask("odata.include-annotations=\"Microsoft.PowerApps.CDS.ErrorDetails*\"");
    assert_eq!(details.len(), 4);
    assert!(details[&format!("{CDS}ErrorDetails.OperationStatus")].is_string());
    let two = ask("odata.maxpagesize=1, odata.include-annotations=\"Microsoft.PowerApps.CDS.HelpLink,x\"");
    assert_eq!(two.len(), 3);
    // With another invalid preference, and in a part of a batch.
    let wrong = local.call(
        "GET",
        "contacts",
        &[("Prefer", "odata.maxpagesize=x,odata.include-annotations=\"*\"")],
        "",
    );
    assert!(wrong.json()["error"].get(format!("{CDS}HelpLink")).is_some());
    let part = |url: &str| {
        format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET {url} HTTP/1.1\r\n\
             Prefer: odata.include-annotations=\"*\"\r\n\r\n\r\n--b--\r\n"
        )
    };
    for url in ["opportunities", "$9/x"] {
        let answer = local.batch(&[], &part(url));
        assert!(answer.text().contains("CDS.HelpLink"), "{}", answer.text());
    }
}

#[test]
fn older_shapes() {
    let local = start();
    local.sandbox.set_error_shape(ErrorShape::InnerError);
    let body = local.get("opportunities").json();
    assert_eq!(body["error"]["code"], "0x80040220");
    assert_eq!(body["error"]["innererror"]["message"], body["error"]["message"]);
    assert!(body["error"]["innererror"]["type"].is_string() && body["error"]["innererror"]["stacktrace"].is_string());

    local.sandbox.set_error_shape(ErrorShape::Flat);
    let answer = local.get("nosuchset");
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json(),
        json!({
            "Message": "An error has occurred.",
            "ExceptionMessage": "Resource not found for the segment 'nosuchset'.",
            "ExceptionType": "Microsoft.Crm.CrmException",
            "StackTrace": null,
            "ErrorCode": "0x80060888",
        })
    );
    local.sandbox.set_error_shape(ErrorShape::Standard);
    assert_eq!(error(&local.get("nosuchset")).0, 404);
}
