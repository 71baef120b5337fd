//! A byte order mark before JSON: whoever reads may pass over it (RFC 8259, 8.1), and so it is read everywhere.

use embedded_host::types::{BatchResult, Method, Settings};
use embedded_host::{Network, secret};

use super::wire::{BOM, JSON, Wire, granting, serving};
use crate::batch::{alone, done, send};
use crate::gateway;
use crate::support::{Client, dataverse_error, json, request, settings_for};

#[test]
fn before_a_token() {
    let body = format!(r#"{BOM}{{"token_type":"Bearer","expires_in":3599,"access_token":"tok.tok.tok"}}"#);
    let (server, _) = granting(move |_| Wire::json(200, &body));
    assert_eq!(server.client().token().unwrap().token, "tok.tok.tok");
}

#[test]
fn before_the_refusal_of_a_credential() {
    let (server, asked) = granting(|form| {
        if form.contains("client_secret=new") {
            return Wire::json(200, r#"{"token_type":"Bearer","expires_in":3599,"access_token":"tok"}"#);
        }
        let refusal =
            r#"{"error":"invalid_client","error_description":"AADSTS7000222: expired.","error_codes":[7000222]}"#;
        Wire::json(401, &format!("{BOM}{refusal}"))
    });
    let settings = Settings {
        credentials: vec![secret("old~secret"), secret("new~secret")],
        ..settings_for(&server.origin())
    };
    let token = Client::open(&settings, Network::Machine).token().unwrap();
    assert_eq!(token.credential.name, "credentials[1]");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[test]
fn before_rows() {
    let rows = format!(
        r#"{BOM}{{"@odata.nextLink":"{{origin}}/api/data/v9.2/contacts?$skiptoken=2","value":[{{"fullname":"Ann"}}]}}"#
    );
    let server = serving([Wire::json(200, &rows)]);
    let response = server.client().get("contacts").unwrap();
    assert!(response.body.ends_with(br#""value":[{"fullname":"Ann"}]}"#));
    assert!(
        response
            .next_link
            .unwrap()
            .ends_with("/api/data/v9.2/contacts?$skiptoken=2")
    );
    // Links behind it lead back to the gateway.
    let gateway = gateway::gateway(&server.origin(), &[]);
    let reply = gateway::get(&gateway, "/api/data/v9.2/contacts");
    assert!(
        reply.text().contains(&format!("{}/api/data", gateway.origin())),
        "{reply:?}"
    );
}

#[test]
fn before_a_row_that_was_created() {
    let id = "10000000-0000-4000-8000-000000000001";
    let entity = format!("OData-EntityId: {{origin}}/api/data/v9.2/contacts({id})");
    let body = format!(r#"{BOM}{{"@odata.etag":"W/\"9\"","contactid":"{id}"}}"#);
    let server = serving([Wire::new(201, &[JSON, &entity], &body)]);
    let response = server.client().post("contacts", "{}").unwrap();
    assert_eq!((response.status, response.entity_id.as_deref()), (201, Some(id)));
    assert_eq!(response.etag.as_deref(), Some("W/\"9\""));
}

#[test]
fn before_an_error() {
    let body = format!(r#"{BOM}{{"error":{{"code":"0x80040217","message":"contact With Id = x Does Not Exist"}}}}"#);
    let error = dataverse_error(serving([Wire::json(404, &body)]).client().get("contacts").unwrap_err());
    assert_eq!((error.status, error.code.as_str()), (404, "0x80040217"));
    assert!(error.message.contains("Does Not Exist"));
}

/// A part of the answer to a batch.
fn part(head: &str, body: &str) -> String {
    format!(
        "--batchresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n{head}\r\n\r\n{body}\r\n"
    )
}

fn batch(parts: &[String]) -> Wire {
    let body = format!("{}--batchresponse_1--\r\n", parts.concat());
    Wire::new(200, &["Content-Type: multipart/mixed; boundary=batchresponse_1"], &body)
}

fn read() -> embedded_host::types::BatchItem {
    alone(request(Method::Get, "contacts"))
}

#[test]
fn within_a_part_of_a_batch() {
    let ok = format!("HTTP/1.1 200 OK\r\n{JSON}\r\nOData-Version: 4.0");
    let answer = batch(&[
        part(&ok, &format!(r#"{BOM}{{"@odata.etag":"W/\"1\"","value":[1]}}"#)),
        part(&ok, r#"{"value":[1]}"#),
    ]);
    let results = send(&mut serving([answer]).client(), vec![read(), read()], false).unwrap();
    assert_eq!(done(&results[0]).etag.as_deref(), Some("W/\"1\""));
    assert_eq!(json(done(&results[1]))["value"][0], 1);
}

#[test]
fn an_older_error_and_an_empty_header_within_a_part() {
    let head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 103\r\nlocation: \r\n\
                dataserviceversion: 2.0";
    let body = r#"{"error":{"code":"","message":{"lang":"en","value":"blah;;blah.coom is no valid e-mail address. Try again."}}}"#;
    let head = head.replace("103", &body.len().to_string());
    let results = send(
        &mut serving([batch(&[part(&head, body)])]).client(),
        vec![read()],
        false,
    )
    .unwrap();
    match &results[0] {
        BatchResult::Refused(error) => {
            assert_eq!(error.status, 500);
            assert_eq!(error.message, "blah;;blah.coom is no valid e-mail address. Try again.");
        }
        other => panic!("{other:?}"),
    }
}
