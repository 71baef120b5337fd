//! Content codings through the gateway: what is asked of Dataverse, what its answers become, and what a caller may send.

use std::io::Read;

use embedded_host::client::Reply;

use super::relay::recorded_with;
use super::{call, get};
use crate::coded::{deflate, gzip, zlib};
use crate::support::answer;

const CONTACTS: &str = "/api/data/v9.2/contacts";
const JSON: &str = "application/json; odata.metadata=minimal";
const ROWS: &str =
    r#"{"@odata.context":"https://contoso.crm.dynamics.com/api/data/v9.2/$metadata#contacts","value":[]}"#;

type Answer = http::Response<Vec<u8>>;

fn coded(status: u16, content_type: &str, coding: &str, body: impl Into<Vec<u8>>) -> Answer {
    let headers = [("content-type", content_type), ("content-encoding", coding)];
    answer(status, &headers, body)
}

/// A gateway whose Dataverse answers so.
fn gateway(reply: impl Fn() -> Answer + Send + Sync + 'static) -> embedded_host::Server {
    recorded_with(&[], reply).0
}

on_each_face!(only_gzip_and_identity_are_asked_for);
fn only_gzip_and_identity_are_asked_for() {
    let (gateway, requests) = recorded_with(&[], || answer(204, &[], ""));
    for (given, asked) in [
        (None, "identity"),
        (Some("gzip, deflate, br"), "gzip"),
        (Some("br"), "identity"),
        (Some("*"), "gzip"),
        (Some("br, gzip;q=0.5, identity;q=0.1"), "gzip;q=0.5, identity;q=0.1"),
        (Some("gzip;q=0"), "identity"),
    ] {
        let mut call = call(&gateway, "GET", CONTACTS);
        if let Some(given) = given {
            call = call.header("accept-encoding", given);
        }
        call.send();
        let sent = requests.lock().unwrap().pop().unwrap();
        let all: Vec<_> = sent.headers().get_all("accept-encoding").iter().collect();
        assert_eq!(all, [asked], "{given:?}");
    }
    let part = call(&gateway, "GET", CONTACTS).header("accept-encoding", "gzip");
    part.header("range", "bytes=0-9").send();
    let sent = requests.lock().unwrap().pop().unwrap();
    assert_eq!(sent.headers()["accept-encoding"], "identity");
}

on_each_face!(what_holds_links_or_text_is_decoded);
fn what_holds_links_or_text_is_decoded() {
    let codings: [(&str, Vec<u8>); 4] = [
        ("gzip", gzip(ROWS.as_bytes())),
        (
            "x-gzip",
            [gzip(&ROWS.as_bytes()[..30]), gzip(&ROWS.as_bytes()[30..])].concat(),
        ),
        ("deflate", zlib(ROWS.as_bytes())),
        ("deflate", deflate(ROWS.as_bytes())),
    ];
    for (coding, bytes) in codings {
        for content_type in [JSON, "text/plain", "application/xml"] {
            let bytes = bytes.clone();
            let gateway = gateway(move || {
                let mut answer = coded(200, content_type, coding, bytes.clone());
                for (name, value) in [("etag", "\"7\""), ("content-md5", "x"), ("vary", "Accept")] {
                    answer.headers_mut().insert(name, value.parse().unwrap());
                }
                answer
            });
            let reply = call(&gateway, "GET", CONTACTS).header("accept-encoding", "gzip").send();
            let expected = if content_type == JSON {
                ROWS.replace("https://contoso.crm.dynamics.com", &gateway.origin())
            } else {
                ROWS.to_owned()
            };
            assert_eq!((reply.status, reply.text()), (200, expected), "{coding}");
            assert!(reply.whole);
            assert_eq!(reply.header("content-encoding"), None);
            assert_eq!(reply.header("content-md5"), None);
            assert_eq!(reply.header("etag"), Some("W/\"7\""));
            let vary: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "vary").collect();
            assert_eq!(vary.len(), 2, "{vary:?}");
        }
    }
}

on_each_face!(errors_are_decoded);
fn errors_are_decoded() {
    let body = r#"{"error":{"code":"0x80040217","message":"Contact Does Not Exist"}}"#;
    let gateway = gateway(move || coded(404, JSON, "gzip", gzip(body.as_bytes())));
    let reply = get(&gateway, CONTACTS);
    assert_eq!((reply.status, reply.text().as_str()), (404, body));
}

on_each_face!(a_batch_is_decoded);
fn a_batch_is_decoded() {
    let part = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\
                Location: https://contoso.crm.dynamics.com/api/data/v9.2/contacts(1)\r\n\r\n\r\n--b--\r\n";
    let gateway = gateway(move || coded(200, "multipart/mixed; boundary=b", "gzip", gzip(part.as_bytes())));
    let reply = get(&gateway, CONTACTS);
    assert!(
        reply.text().contains(&format!("Location: {}/api", gateway.origin())),
        "{}",
        reply.text()
    );
}

on_each_face!(what_nobody_reads_passes_as_gzip_to_who_takes_it);
fn what_nobody_reads_passes_as_gzip_to_who_takes_it() {
    let file: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let zipped = gzip(&file);
    let bytes = zipped.clone();
    let gateway = gateway(move || {
        let mut answer = coded(200, "application/octet-stream", "gzip", bytes.clone());
        let length = bytes.len().to_string();
        answer.headers_mut().insert("content-length", length.parse().unwrap());
        answer.headers_mut().insert("etag", "\"7\"".parse().unwrap());
        answer
    });
    let reply = call(&gateway, "GET", CONTACTS)
        .header("accept-encoding", "br, gzip")
        .send();
    assert!(reply.body == zipped);
    assert_eq!(reply.header("content-length"), Some(zipped.len().to_string().as_str()));
    for (name, value) in [
        ("content-encoding", "gzip"),
        ("etag", "\"7\""),
        ("vary", "Accept-Encoding"),
    ] {
        assert_eq!(reply.header(name), Some(value));
    }
    for accepted in ["br", "identity", "gzip;q=0"] {
        let reply = call(&gateway, "GET", CONTACTS)
            .header("accept-encoding", accepted)
            .send();
        assert!(reply.body == file && reply.whole, "{accepted}");
        assert_eq!(
            (reply.header("content-encoding"), reply.header("etag")),
            (None, Some("W/\"7\""))
        );
    }
}

on_each_face!(a_coding_that_cannot_be_undone_is_named);
fn a_coding_that_cannot_be_undone_is_named() {
    for coding in ["br", "gzip, gzip", "zstd"] {
        for content_type in [JSON, "application/octet-stream"] {
            let gateway = gateway(move || coded(200, content_type, coding, "x"));
            let reply = call(&gateway, "GET", CONTACTS).header("accept-encoding", coding).send();
            assert_eq!(reply.status, 502, "{coding}");
            let error = reply.error();
            assert_eq!(error["cause"], "unusable-answer");
            assert!(
                error["message"].as_str().unwrap().contains(&format!("({coding})")),
                "{error}"
            );
        }
    }
    let gateway = gateway(|| {
        let mut answer = coded(429, JSON, "br", "x");
        answer.headers_mut().insert("retry-after", "7".parse().unwrap());
        answer
    });
    let reply = get(&gateway, CONTACTS);
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
    assert!(
        reply.whole && reply.text().contains("compressed (br)"),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("content-encoding"), None);
}

on_each_face!(a_part_of_a_coded_file_is_refused);
fn a_part_of_a_coded_file_is_refused() {
    let gateway = gateway(|| {
        let mut answer = coded(206, "application/octet-stream", "gzip", gzip(b"a file"));
        answer
            .headers_mut()
            .insert("content-range", "bytes 0-24/25".parse().unwrap());
        answer
    });
    let part = call(&gateway, "GET", CONTACTS)
        .header("range", "bytes=0-99")
        .header("accept-encoding", "gzip");
    let reply = part.send();
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert!(reply.text().contains("a part of a file"), "{}", reply.text());
}

on_each_face!(what_is_cut_or_damaged_does_not_end_as_if_it_were_whole);
fn what_is_cut_or_damaged_does_not_end_as_if_it_were_whole() {
    let whole = gzip(ROWS.repeat(100).as_bytes());
    let mut wrong = whole.clone();
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    for bytes in [
        whole[..whole.len() - 1].to_vec(),
        whole[..20].to_vec(),
        wrong,
        [whole.as_slice(), b"x"].concat(),
    ] {
        let gateway = gateway(move || coded(200, "text/plain", "gzip", bytes.clone()));
        let mut received = Vec::new();
        let mut stream = call(&gateway, "GET", CONTACTS).begin();
        let _ = stream.read_to_end(&mut received);
        assert!(Reply::parse(&received).is_none_or(|reply| !reply.whole));
    }
}

on_each_face!(without_a_body_nothing_is_decoded);
fn without_a_body_nothing_is_decoded() {
    for (status, method) in [(200, "HEAD"), (304, "GET"), (204, "GET")] {
        for content_type in [JSON, "text/plain"] {
            let gateway = gateway(move || {
                let mut answer = coded(status, content_type, "gzip", "");
                answer.headers_mut().insert("etag", "W/\"7\"".parse().unwrap());
                answer
            });
            let reply = call(&gateway, method, CONTACTS)
                .header("accept-encoding", "gzip")
                .send();
            assert_eq!((reply.status, reply.body.len()), (status, 0), "{method} {content_type}");
            assert_eq!(reply.header("content-encoding"), None);
            assert_eq!(reply.header("etag"), Some("W/\"7\""));
        }
    }
}

on_each_face!(a_204_has_no_body_whatever_comes_behind_it);
fn a_204_has_no_body_whatever_comes_behind_it() {
    let gateway = gateway(|| answer(204, &[("content-type", "text/plain"), ("content-length", "4")], "body"));
    let reply = get(&gateway, CONTACTS);
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(reply.header("content-length"), None);
}

on_each_face!(head_tells_no_length_that_get_would_not_have);
fn head_tells_no_length_that_get_would_not_have() {
    let head = |content_type: &'static str| {
        let gateway = gateway(move || answer(200, &[("content-type", content_type), ("content-length", "17")], ""));
        let reply = call(&gateway, "HEAD", CONTACTS).send();
        reply.header("content-length").map(str::to_owned)
    };
    assert_eq!(head("text/plain").as_deref(), Some("17"));
    assert_eq!(head(JSON), None);
}

on_each_face!(a_bomb_needs_no_memory);
fn a_bomb_needs_no_memory() {
    const MEMORY: usize = 8 << 20;
    let bomb = gzip(&vec![b' '; 20 << 20]);
    let gateway = gateway(move || coded(200, JSON, "gzip", bomb.clone()));
    let reply = get(&gateway, CONTACTS);
    assert_eq!((reply.body.len(), reply.whole), (20 << 20, true));
    assert!(gateway.peak_memory() < MEMORY, "{}", gateway.peak_memory());
}

on_each_face!(a_request_in_a_coding_is_refused);
fn a_request_in_a_coding_is_refused() {
    let (gateway, requests) = recorded_with(&[], || answer(204, &[], ""));
    for (path, content_type) in [
        (CONTACTS, "application/json"),
        (CONTACTS, "application/octet-stream"),
        ("/api/data/v9.2/$batch", "multipart/mixed; boundary=b"),
        ("/validate", "application/json"),
    ] {
        for coding in ["gzip", "br", "gzip, identity"] {
            let sent = call(&gateway, "POST", path)
                .header("content-type", content_type)
                .header("content-encoding", coding);
            let reply = sent.body(gzip(b"{}")).send();
            assert_eq!(
                (reply.status, reply.header("accept-encoding")),
                (415, Some("identity")),
                "{path}"
            );
            assert!(reply.error()["message"].as_str().unwrap().contains("Content-Encoding"));
        }
    }
    let part = "--b\r\nContent-Type: application/http\r\n\r\nPOST /api/data/v9.2/contacts HTTP/1.1\r\n\
                Content-Type: application/json\r\nContent-Encoding: gzip\r\n\r\nx\r\n--b--\r\n";
    let batch = call(&gateway, "POST", "/api/data/v9.2/$batch").header("content-type", "multipart/mixed; boundary=b");
    let reply = batch.body(part).send();
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(requests.lock().unwrap().is_empty(), "nothing went out");
    let plain = call(&gateway, "POST", CONTACTS).header("content-encoding", "identity");
    assert_eq!(plain.json("{}").send().status, 204);
    let sent = requests.lock().unwrap().pop().unwrap();
    assert!(!sent.headers().contains_key("content-encoding"));
}
