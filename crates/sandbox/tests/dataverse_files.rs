//! File columns over HTTP.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, Local, error, exchange, start, start_with};
use sandbox::{Privileges, Verb, seed};
use serde_json::{Value, json};

const MISSING: &str = "99999999-0000-4000-8000-000000000000";
const CHUNK: usize = 4_194_304;

fn column(n: usize) -> String {
    format!("/api/data/v9.2/contacts({})/sample_contract", seed::contact(n))
}

fn send(local: &Local, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let token = format!("Bearer {}", local.token());
    let headers = [&[("Authorization", token.as_str())], headers].concat();
    exchange(&local.origin, method, path, &headers, body).unwrap()
}

const BYTES: (&str, &str) = ("Content-Type", "application/octet-stream");
const NAME: (&str, &str) = ("x-ms-file-name", "contract.pdf");

/// Bytes that reveal a piece at the wrong offset.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n / 253 + n) as u8).collect()
}

/// Begins an upload in chunks and returns the path for them.
#[track_caller]
fn begin(local: &Local, path: &str, name: &str) -> String {
    let path = format!("{path}?x-ms-file-name={name}");
    let answer = send(local, "PATCH", &path, &[("x-ms-transfer-mode", "chunked")], b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-ms-chunk-size"), Some("4194304"));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    let location = answer.header("location").unwrap();
    location.strip_prefix(&local.origin).unwrap().to_string()
}

fn chunk(local: &Local, path: &str, range: &str, body: &[u8]) -> Answer {
    send(local, "PATCH", path, &[BYTES, NAME, ("Content-Range", range)], body)
}

#[test]
fn one_request_up_and_one_down() {
    let local = start();
    let path = column(1);
    let row = || local.get(&format!("contacts({})", seed::contact(1))).json();
    assert_eq!(row()["sample_contract"], Value::Null);
    let none = send(&local, "GET", &format!("{path}/$value"), &[], b"");
    assert_eq!(error(&none), (404, "0x80040217".into()));

    let etag = row()["@odata.etag"].clone();
    let content = bytes(300_000);
    assert_eq!(send(&local, "PATCH", &path, &[BYTES, NAME], &content).status, 204);
    let now = row();
    assert!(uuid::Uuid::try_parse(now["sample_contract"].as_str().unwrap()).is_ok());
    assert_eq!(now["sample_contract_name"], "contract.pdf");
    assert_ne!(now["@odata.etag"], etag);

    let whole = send(&local, "GET", &format!("{path}/$value"), &[], b"");
    assert_eq!((whole.status, &whole.body), (200, &content));
    assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
    assert_eq!(whole.header("x-ms-file-size"), Some("300000"));
    assert_eq!(whole.header("x-ms-file-name"), Some("contract.pdf"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));

    let range = |range: &str| send(&local, "GET", &format!("{path}/$value"), &[("Range", range)], b"");
    for (text, from, to) in [
        ("bytes=0-99", 0, 100),
        ("bytes=299990-", 299_990, 300_000),
        ("bytes=-5", 299_995, 300_000),
    ] {
        let part = range(text);
        assert_eq!((part.status, &part.body[..]), (206, &content[from..to]), "{text}");
        let expected = format!("bytes {from}-{}/300000", to - 1);
        assert_eq!(part.header("content-range"), Some(&*expected));
        assert_eq!(part.header("x-ms-file-size"), Some("300000"));
    }
    let beyond = range("bytes=300000-");
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some("bytes */300000"))
    );
    assert_eq!(range("bytes=0-1,4-5").status, 501);

    assert_eq!(send(&local, "DELETE", &path, &[], b"").status, 204);
    assert_eq!(row()["sample_contract_name"], Value::Null);
    assert_eq!(range("bytes=0-99").status, 404);
    assert_eq!(error(&send(&local, "DELETE", &path, &[], b"")).0, 404);
}

#[test]
fn in_chunks() {
    let local = start();
    // Less than a chunk, an exact multiple, and a bit more.
    for length in [1000, 2 * CHUNK, 2 * CHUNK + 1] {
        let path = column(2);
        let content = bytes(length);
        let to = begin(&local, &path, "contract.pdf");
        let mut at = 0;
        for piece in content.chunks(CHUNK) {
            let end = at + piece.len();
            let answer = chunk(&local, &to, &format!("bytes {at}-{}/{length}", end - 1), piece);
            assert_eq!(
                answer.status,
                if end == length { 204 } else { 206 },
                "{}",
                answer.text()
            );
            at = end;
        }
        assert_eq!(
            error(&chunk(&local, &to, "bytes 0-0/1", b"x")).0,
            400,
            "the session is over"
        );

        let mut read = Vec::new();
        while read.len() < length {
            let range = format!("bytes={}-{}", read.len(), read.len() + CHUNK - 1);
            let part = send(&local, "GET", &format!("{path}/$value"), &[("Range", &range)], b"");
            assert_eq!(part.status, 206);
            read.extend(part.body);
        }
        assert_eq!(read, content);
    }
}

#[test]
fn a_chunk_has_to_fit() {
    let local = start();
    let to = begin(&local, &column(3), "contract.pdf");
    let refused = |range: &str, body: &[u8]| {
        let answer = chunk(&local, &to, range, body);
        assert_eq!(error(&answer), (400, "0x80040203".into()), "{range}");
    };
    assert_eq!(chunk(&local, &to, "bytes 0-3/8", b"0123").status, 206);
    refused("bytes 2-5/8", b"2345");
    refused("bytes 5-7/8", b"567");
    refused("bytes 4-7/8", b"45");
    refused("bytes 4-7/9", b"4567");
    refused("bytes 4-8/8", b"45678");
    refused("bytes 7-4/8", b"");
    refused("bytes=4-7/8", b"4567");
    refused("bytes */8", b"");
    refused("", b"4567");
    let long = vec![0; CHUNK + 1];
    let other = begin(&local, &column(3), "x");
    assert_eq!(
        error(&chunk(&local, &other, &format!("bytes 0-{CHUNK}/{}", 2 * CHUNK), &long)).0,
        400
    );
    assert_eq!(
        error(&chunk(&local, &other, "bytes 0-0/134217729", b"x")),
        (400, "0x80044a02".into())
    );

    // With another type, for another row, with another token; and without the name, which the session knows.
    let range = ("Content-Range", "bytes 4-7/8");
    let status = |path: &str, headers: &[(&str, &str)]| send(&local, "PATCH", path, headers, b"4567").status;
    assert_eq!(status(&to, &[NAME, range, ("Content-Type", "text/plain")]), 400);
    assert_eq!(
        status(&to.replace(&seed::contact(3), &seed::contact(4)), &[BYTES, NAME, range]),
        400
    );
    assert_eq!(status(&format!("{to}0"), &[BYTES, NAME, range]), 400);
    assert_eq!(status(&to, &[BYTES, range]), 204);
    let whole = send(&local, "GET", &format!("{}/$value", column(3)), &[], b"");
    assert_eq!(whole.body, b"01234567");
}

#[test]
fn names() {
    let local = start();
    let value = format!("{}/$value", column(1));
    let name = |query: &str, headers: &[(&str, &str)]| {
        let headers = [&[BYTES], headers].concat();
        let status = send(&local, "PATCH", &format!("{}{query}", column(1)), &headers, b"x").status;
        let shown = send(&local, "GET", &value, &[], b"");
        (status, shown.header("x-ms-file-name").map(str::to_string))
    };
    let some = |text: &str| Some(text.to_string());
    assert_eq!(name("", &[]), (400, None));
    assert_eq!(name("?x-ms-file-name=query.txt", &[]), (204, some("query.txt")));
    assert_eq!(name("?x-ms-file-name=query.txt", &[NAME]), (204, some("contract.pdf")));
    assert_eq!(
        name("", &[("x-ms-file-name", "Verträge.pdf")]),
        (400, some("contract.pdf"))
    );
    assert_eq!(
        name("?x-ms-file-name=Vertr%C3%A4ge.pdf", &[]),
        (204, some("Vertr%C3%A4ge.pdf"))
    );
    let row = local.get(&format!("contacts({})?$select=sample_contract_name", seed::contact(1)));
    assert_eq!(row.json()["sample_contract_name"], "Verträge.pdf");
}

#[test]
fn what_is_refused() {
    let local = start();
    let status = |method: &str, path: &str, headers: &[(&str, &str)]| send(&local, method, path, headers, b"x").status;
    let path = column(1);
    assert_eq!(
        status("PATCH", &path, &[NAME, ("Content-Type", "application/json")]),
        400
    );
    assert_eq!(
        status("PATCH", &path, &[NAME, ("x-ms-transfer-mode", "chunked")]),
        400,
        "with a body"
    );
    assert_eq!(status("PATCH", &path, &[BYTES, NAME, ("If-Match", "W/\"1\"")]), 412);
    assert_eq!(
        status("PATCH", &path.replace(&seed::contact(1), MISSING), &[BYTES, NAME]),
        404
    );
    assert_eq!(status("GET", &path, &[]), 501);
    assert_eq!(status("PUT", &path, &[BYTES, NAME]), 501);
    assert_eq!(status("POST", &path, &[BYTES, NAME]), 405);
    assert_eq!(status("DELETE", &format!("{path}/$value"), &[]), 405);
    assert_eq!(
        local
            .get(&format!("accounts({})/sample_contract/$value", seed::account(1)))
            .status,
        501
    );

    let local = start_with(|config| {
        if let Some(user) = &mut config.applications[0].user {
            user.privileges = Privileges::none().allow("contacts", &[Verb::Create]);
        }
    });
    assert_eq!(error(&send(&local, "PATCH", &path, &[BYTES, NAME], b"x")).0, 403);
    assert_eq!(error(&send(&local, "GET", &format!("{path}/$value"), &[], b"")).0, 403);
    assert_eq!(error(&send(&local, "DELETE", &path, &[], b"")).0, 403);
}

#[test]
fn a_file_goes_with_its_row() {
    let local = start();
    let path = column(1);
    assert_eq!(send(&local, "PATCH", &path, &[BYTES, NAME], b"old").status, 204);
    let row = format!("contacts({})", seed::contact(1));
    let part = |id: usize, request: &str| {
        format!(
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n\
             {request} HTTP/1.1\r\n\r\n\r\n"
        )
    };
    let set = part(1, &format!("DELETE {row}")) + &part(2, &format!("DELETE contacts({MISSING})"));
    let batch = format!("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{set}--c--\r\n--b--\r\n");
    let multipart = [("Content-Type", "multipart/mixed; boundary=b")];
    let failed = send(&local, "POST", "/api/data/v9.2/$batch", &multipart, batch.as_bytes());
    assert_eq!(failed.status, 404, "{}", failed.text());
    let kept = send(&local, "GET", &format!("{path}/$value"), &[], b"");
    assert_eq!(kept.body, b"old", "a change set that fails gives the file back");

    assert_eq!(local.call("DELETE", &row, &[], "").status, 204);
    assert_eq!(
        local
            .call("PATCH", &row, &[], &json!({"lastname": "again"}).to_string())
            .status,
        204
    );
    assert_eq!(send(&local, "GET", &format!("{path}/$value"), &[], b"").status, 404);
}

#[test]
fn one_request_has_a_limit() {
    let local = start();
    let path = column(1);
    let mut content = bytes(128 * 1024 * 1024);
    let refused = send(&local, "PATCH", &path, &[BYTES, NAME], &content);
    assert_eq!(error(&refused), (413, String::new()));
    content.pop();
    assert_eq!(send(&local, "PATCH", &path, &[BYTES, NAME], &content).status, 204);
    let whole = send(&local, "GET", &format!("{path}/$value"), &[], b"");
    assert!(whole.status == 200 && whole.body == content);

    let length = content.len() as u64;
    let recorded = local.sandbox.requests();
    let upload = recorded.iter().find(|request| request.body_length == length).unwrap();
    assert_eq!(upload.body, content[..64 * 1024]);
}

#[test]
fn chunks_can_be_small() {
    let local = start();
    local.sandbox.set_file_chunk_size(4);
    let path = column(2);
    let answer = send(
        &local,
        "PATCH",
        &format!("{path}?x-ms-file-name=x"),
        &[("x-ms-transfer-mode", "chunked")],
        b"",
    );
    assert_eq!(answer.header("x-ms-chunk-size"), Some("4"));
    let to = answer
        .header("location")
        .unwrap()
        .strip_prefix(&local.origin)
        .unwrap()
        .to_string();
    assert_eq!(
        chunk(&local, &to, "bytes 0-4/8", b"01234").status,
        400,
        "longer than a chunk"
    );
    assert_eq!(chunk(&local, &to, "bytes 0-3/8", b"012x").status, 206);
    // As after a lost answer.
    assert_eq!(chunk(&local, &to, "bytes 0-3/8", b"0123").status, 206);
    local.sandbox.refuse_repeated_chunks(true);
    assert_eq!(
        error(&chunk(&local, &to, "bytes 0-3/8", b"0123")),
        (400, "0x80040203".into())
    );
    // Exactly two chunks, without an empty one at the end.
    assert_eq!(chunk(&local, &to, "bytes 4-7/8", b"4567").status, 204);
    assert_eq!(
        send(&local, "GET", &format!("{path}/$value"), &[], b"").body,
        b"01234567"
    );
    assert_eq!(
        error(&chunk(&local, &to, "bytes 4-7/8", b"4567")).0,
        400,
        "the session is over"
    );
}

#[test]
fn a_file_can_be_too_large() {
    let local = start();
    local.sandbox.set_largest_file(10);
    let put = |body: &[u8]| send(&local, "PATCH", &column(1), &[BYTES, NAME], body);
    assert_eq!(put(b"0123456789").status, 204);
    assert_eq!(error(&put(b"0123456789a")), (400, "0x80044a02".into()));
    let to = begin(&local, &column(1), "x");
    assert_eq!(
        error(&chunk(&local, &to, "bytes 0-3/11", b"0123")),
        (400, "0x80044a02".into())
    );
}
