//! The image column.
#![allow(clippy::unwrap_used)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Answer, Local, error, start};
use sandbox::seed;
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot a real picture, but only the signature is checked";
const BYTES: (&str, &str) = ("Content-Type", "application/octet-stream");

fn row(local: &Local) -> Value {
    let path = format!(
        "contacts({})?$select=entityimage,entityimageid,entityimage_url",
        seed::contact(1)
    );
    local.get(&path).json()
}

fn send(local: &Local, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let token = format!("Bearer {}", local.token());
    let headers = [&[("Authorization", token.as_str())], headers].concat();
    let path = format!("/api/data/v9.2/contacts({}){path}", seed::contact(1));
    common::exchange(&local.origin, method, &path, &headers, body).unwrap()
}

#[test]
fn with_the_row() {
    let local = start();
    let path = format!("contacts({})", seed::contact(1));
    assert_eq!(row(&local)["entityimage"], Value::Null);
    assert_eq!(
        send(&local, "GET", "/entityimage/$value?size=full", &[], b"").status,
        204
    );
    let body = json!({"entityimage": STANDARD.encode(PNG)}).to_string();
    assert_eq!(local.call("PATCH", &path, &[], &body).status, 204);
    let thumbnail = STANDARD.decode(row(&local)["entityimage"].as_str().unwrap()).unwrap();
    assert!(thumbnail.starts_with(b"GIF89a"));
    let url = row(&local)["entityimage_url"].as_str().unwrap().to_string();
    assert!(url.contains(row(&local)["entityimageid"].as_str().unwrap()), "{url}");
    assert_eq!(send(&local, "GET", "/entityimage/$value?size=full", &[], b"").body, PNG);
    assert_eq!(send(&local, "GET", "/entityimage/$value", &[], b"").body, thumbnail);
    // Only by name.
    for query in ["", "?$select=*"] {
        assert!(local.get(&format!("{path}{query}")).json().get("entityimage").is_none());
    }
    assert_eq!(local.call("PATCH", &path, &[], r#"{"entityimage":null}"#).status, 204);
    assert_eq!(row(&local)["entityimageid"], Value::Null);
    let created = local.call("POST", "contacts", &[("Prefer", "return=representation")], &body);
    assert!(created.json()["entityimageid"].is_string());
}

#[test]
fn like_a_file() {
    let local = start();
    let name = ("x-ms-file-name", "me.png");
    assert_eq!(send(&local, "PATCH", "/entityimage", &[BYTES, name], PNG).status, 204);
    let range = ("Range", "bytes=1-3");
    let part = send(&local, "GET", "/entityimage/$value?size=full", &[range], b"");
    assert_eq!((part.status, part.body.as_slice()), (206, b"PNG".as_slice()));
    assert_eq!(send(&local, "DELETE", "/entityimage", &[], b"").status, 204);
    assert_eq!(row(&local)["entityimage"], Value::Null);

    let begin = send(
        &local,
        "PATCH",
        "/entityimage?x-ms-file-name=me.png",
        &[("x-ms-transfer-mode", "chunked")],
        b"",
    );
    let to = begin.header("location").unwrap().split_once(')').unwrap().1.to_string();
    let whole = format!("bytes 0-{}/{}", PNG.len() - 1, PNG.len());
    assert_eq!(
        send(&local, "PATCH", &to, &[BYTES, ("Content-Range", &whole)], PNG).status,
        204
    );
    assert_eq!(send(&local, "GET", "/entityimage/$value?size=full", &[], b"").body, PNG);
    let json = ("Content-Type", "application/json");
    assert_eq!(
        send(&local, "PUT", "/entityimage", &[json], br#"{"value":null}"#).status,
        204
    );
    assert_eq!(row(&local)["entityimage"], Value::Null);
}

#[test]
fn what_is_no_image() {
    let local = start();
    let name = ("x-ms-file-name", "me.png");
    let refused = (400, "0x80072553".to_string());
    assert_eq!(
        error(&send(&local, "PATCH", "/entityimage", &[BYTES, name], b"text")),
        refused
    );
    let path = format!("contacts({})", seed::contact(1));
    for bad in [json!("%"), json!(STANDARD.encode("text")), json!(1)] {
        let body = json!({"entityimage": bad}).to_string();
        assert_eq!(error(&local.call("PATCH", &path, &[], &body)), refused, "{bad}");
    }
    local.sandbox.set_largest_file(20);
    assert_eq!(
        error(&send(&local, "PATCH", "/entityimage", &[BYTES, name], PNG)),
        refused
    );
    assert_eq!(row(&local)["entityimage"], Value::Null);
}
