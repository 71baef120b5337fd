//! Bodies of errors in every shape: whatever text an answer has, `message` says it.

use embedded_host::types::{DataverseError, OutageCause};

use super::wire::{HTML, JSON, Wire, serving};
use crate::support::{TOKEN, dataverse_error, outage};

fn refused(wire: Wire) -> DataverseError {
    dataverse_error(serving([wire]).client().get("contacts").unwrap_err())
}

#[test]
fn every_shape_of_json_has_a_message() {
    for (body, code, message) in [
        // OData 4.0, and the layers that Dataverse had before.
        (r#"{"error":{"code":"0x1","message":"plain"}}"#, "0x1", "plain"),
        (
            r#"{"error":{"code":"","message":{"lang":"en-US","value":"E-mail address is not valid. Please check."}}}"#,
            "",
            "E-mail address is not valid. Please check.",
        ),
        (
            r#"{"odata.error":{"code":"c","message":{"lang":"en","value":"light"}}}"#,
            "c",
            "light",
        ),
        (
            r#"{"error":{"code":"0x0","message":null,"details":[{"code":"x","message":"the detail"}]}}"#,
            "0x0",
            "the detail",
        ),
        (
            r#"{"error":{"code":"c","message":"","details":[{"message":"one"},{"message":"two","target":"t"}]}}"#,
            "c",
            "one; two",
        ),
        (
            r#"{"error":{"code":"c","innererror":{"message":"","innererror":{"message":"deep"}}}}"#,
            "c",
            "deep",
        ),
        (
            r#"{"error":{"code":"c","innererror":{"internalexception":{"message":"inside"}}}}"#,
            "c",
            "inside",
        ),
        (r#"{"Message":"flat","ErrorCode":-2147220969}"#, "0x80040217", "flat"),
        (
            r#"{"Message":"An error has occurred.","ExceptionMessage":"why"}"#,
            "",
            "why",
        ),
        (
            r#"{"Message":"No HTTP resource was found.","MessageDetail":"No type was found."}"#,
            "",
            "No HTTP resource was found. No type was found.",
        ),
        (
            r#"{"Message":"An error has occurred.","InnerException":{"Message":"outer","InnerException":{"ExceptionMessage":"inner"}}}"#,
            "",
            "An error has occurred.",
        ),
        // Gateways and others.
        (
            r#"{"error":"invalid_token","error_description":"The audience is invalid"}"#,
            "invalid_token",
            "invalid_token: The audience is invalid",
        ),
        (r#"{"error":"nothing else"}"#, "", "nothing else"),
        (
            r#"{"statusCode":401,"message":"Access denied due to missing subscription key."}"#,
            "",
            "Access denied due to missing subscription key.",
        ),
        (r#"{"code":"Throttle","message":"m"}"#, "Throttle", "m"),
        (
            r#"{"fault":{"faultstring":"quota","detail":{"errorcode":"q"}}}"#,
            "",
            r#"{"fault":{"faultstring":"quota","detail":{"errorcode":"q"}}}"#,
        ),
        // RFC 9457.
        (
            r#"{"type":"https://example.net/quota","title":"No quota.","status":400,"detail":"It is used up.","instance":"/1"}"#,
            "",
            "No quota. It is used up.",
        ),
        (r#"{"title":"Only a title","status":400}"#, "", "Only a title"),
        (
            r#"{"title":"One or more validation errors occurred.","errors":{"name":["is too long"],"age":["is none"]}}"#,
            "",
            "One or more validation errors occurred. age: is none; name: is too long",
        ),
        (
            r#"{"errors":[{"message":"first"},{"detail":"second"}]}"#,
            "",
            "first; second",
        ),
        // What is left: a text, or the body as it came.
        (r#""only a text""#, "", "only a text"),
        (
            r#"{"error":{"code":5,"message":null}}"#,
            "5",
            r#"{"error":{"code":5,"message":null}}"#,
        ),
        (r#"[{"a":1}]"#, "", r#"[{"a":1}]"#),
        (r#"{}"#, "", "{}"),
        ("null", "", "null"),
    ] {
        for content_type in [
            JSON,
            "Content-Type: application/problem+json",
            "Content-Type: text/plain",
        ] {
            let error = refused(Wire::new(400, &[content_type], body));
            assert_eq!(error.code, code, "{body}");
            assert!(error.message.ends_with(message), "{body}: {}", error.message);
        }
    }
}

#[test]
fn inner_errors_are_a_chain() {
    let inner = |body: &str| refused(Wire::json(400, body)).inner_message.unwrap_or_default();
    assert_eq!(
        inner(
            r#"{"error":{"message":"m","innererror":{"message":"a","internalexception":{"message":"b","innererror":{"message":"b"}}}}}"#
        ),
        "a; b"
    );
    assert_eq!(
        inner(
            r#"{"Message":"m","InnerException":{"Message":"An error has occurred.","ExceptionMessage":"a","InnerException":{"ExceptionMessage":"b"}}}"#
        ),
        "a; b"
    );
    let listed = refused(Wire::json(
        400,
        r#"{"error":{"message":"m","details":[{"code":"x","message":"d"}]}}"#,
    ));
    assert_eq!((listed.message.as_str(), listed.inner_message), ("m: d", None));
    let deep = format!(
        "{}{{}}{}",
        r#"{"error":{"message":"m","innererror":"#.to_owned() + &r#"{"message":"x","innererror":"#.repeat(60),
        "}".repeat(62)
    );
    assert_eq!(inner(&deep), "x");
}

#[test]
fn broken_json_says_where_and_how_it_begins() {
    for (body, place, beginning) in [
        (
            r#"{"error":{"code":"0x1","message":NaN}}"#,
            "line 1, column 34",
            r#"{"error":{"code":"0x1","message":NaN}}"#,
        ),
        ("{\n\"error\":\n{]", "line 3, column 2", "{ \"error\": {]"),
        (
            r#"{"error":{"message":"cut of"#,
            "line 1, column 27",
            r#"{"error":{"message":"cut of"#,
        ),
        ("{", "line 1, column 1", "{"),
    ] {
        let error = refused(Wire::json(400, body));
        assert!(
            error.message.contains(place) && error.message.ends_with(beginning),
            "{body}: {}",
            error.message
        );
    }
    let answered = outage(
        serving([Wire::json(200, r#"{"value":[{"a":NaN,"b":1}]}"#)])
            .client()
            .get("contacts")
            .unwrap_err(),
    );
    assert_eq!(answered.cause, OutageCause::UnusableAnswer);
    assert!(
        answered.detail.contains("line 1, column 16") && answered.detail.contains(r#"{"value":[{"a":NaN"#),
        "{}",
        answered.detail
    );
}

#[test]
fn a_beginning_is_short_and_without_the_token() {
    let long = format!(r#"{{"value":["you sent Bearer {TOKEN}", {}"#, "1, ".repeat(100_000));
    let answered = outage(serving([Wire::json(200, &long)]).client().get("contacts").unwrap_err());
    assert!(answered.detail.len() < 700, "{}", answered.detail);
    assert!(
        answered.detail.contains("***") && !answered.detail.contains("a.token"),
        "{}",
        answered.detail
    );
    let cut = &TOKEN[..TOKEN.len() - 3];
    for body in [
        long.clone(),
        format!(r#"{{"a":"{TOKEN}"}}"#),
        format!(r#"{{"error":{{"message":"{cut}","code":"{cut}"}}}}"#),
        format!("<title>{TOKEN}</title><p>{cut}"),
    ] {
        for content_type in [JSON, HTML] {
            let error = refused(Wire::new(400, &[content_type], &body));
            assert!(error.message.len() < 700, "{}", error.message);
            assert!(!format!("{error:?}").contains("a.token"), "{error:?}");
        }
    }
}

#[test]
fn pages_are_named_by_their_titles() {
    let page = "<!DOCTYPE html>\n<html><head><style>body{margin:0}</style>\n<TITLE>\n 403 - Forbidden: Access is denied.</TITLE></head><p>x";
    let error = refused(Wire::new(403, &[HTML], page));
    assert!(
        error.message.contains("text/html") && error.message.contains("\"403 - Forbidden: Access is denied.\""),
        "{}",
        error.message
    );
    let soap = "<?xml version=\"1.0\"?><error><code>x</code><message xml:lang=\"en\">Atom says why.</message></error>";
    let error = refused(Wire::new(400, &["Content-Type: application/atom+xml"], soap));
    assert!(error.message.contains("Atom says why."), "{}", error.message);
}
