//! Answers in a content coding that nobody asked for: decoded, or an error that names it. Compressed bytes are never handed over.

use std::sync::atomic::{AtomicUsize, Ordering};

use embedded_host::types::{DownloadRequest, Error, Method, Options, OutageCause, Settings};
use embedded_host::{DEFAULT_OPTIONS, Reply};

use crate::batch::{alone, done, send};
use crate::coded::{deflate, gzip, zlib};
use crate::pages::names;
use crate::support::{
    Client, TENANT, answer, answered, contoso, contoso_settings, dataverse_error, json, outage, request, throttling,
    token_answer, with_body, with_options,
};

const JSON: (&str, &str) = ("content-type", "application/json; odata.metadata=minimal");
const ROWS: &str = r#"{"value":[{"lastname":"Miller"},{"lastname":"Lopez"}]}"#;

type Answer = http::Response<Vec<u8>>;

/// An answer in a coding, with these bytes.
fn coded(status: u16, coding: &str, body: impl Into<Vec<u8>>) -> Answer {
    answer(status, &[JSON, ("content-encoding", coding)], body)
}

/// A client whose Dataverse answers so.
fn client(reply: impl Fn() -> Answer + Send + Sync + 'static) -> Client {
    contoso(move || Reply::Answer(reply())).0
}

fn unusable(error: Error, parts: &[&str]) {
    let outage = outage(error);
    assert_eq!(outage.cause, OutageCause::UnusableAnswer, "{outage:?}");
    for part in parts {
        assert!(outage.detail.contains(part), "{outage:?}");
    }
}

#[test]
fn every_request_asks_for_no_coding() {
    let settings = Settings {
        tenant_id: None,
        ..contoso_settings()
    };
    let (mut client, requests) = answered(&settings, |request| {
        let path = request.uri().path();
        if path.contains("/oauth2/") {
            return Reply::Answer(token_answer());
        }
        if !request.headers().contains_key("authorization") {
            let uri = format!("https://login.microsoftonline.com/{TENANT}/oauth2/authorize");
            let challenge = format!("Bearer authorization_uri={uri}");
            return Reply::Answer(answer(401, &[("www-authenticate", &challenge)], ""));
        }
        Reply::Answer(answer(200, &[JSON], ROWS))
    });
    client.get("contacts").unwrap();
    client.post("contacts", "{}").unwrap();
    let _ = client.whoami();
    let _ = send(&mut client, vec![alone(request(Method::Get, "contacts"))], false);
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 6);
    for request in requests.iter() {
        let codings: Vec<_> = request.headers().get_all("accept-encoding").iter().collect();
        assert_eq!(codings, ["identity"], "{}", request.uri());
    }
}

#[test]
fn gzip_and_deflate_are_read() {
    let known: [(&str, Vec<u8>); 6] = [
        ("gzip", gzip(ROWS.as_bytes())),
        ("X-GZIP", gzip(ROWS.as_bytes())),
        ("identity, gzip", gzip(ROWS.as_bytes())),
        (
            "gzip",
            [gzip(&ROWS.as_bytes()[..9]), gzip(&ROWS.as_bytes()[9..])].concat(),
        ),
        ("deflate", zlib(ROWS.as_bytes())),
        ("deflate", deflate(ROWS.as_bytes())),
    ];
    for (coding, bytes) in known {
        let mut client = client(move || {
            let mut answer = coded(200, coding, bytes.clone());
            answer.headers_mut().insert("etag", "\"7\"".parse().unwrap());
            answer
        });
        let response = client.get("contacts").unwrap();
        assert_eq!(names(&response), ["Miller", "Lopez"], "{coding}");
        assert_eq!(response.etag.as_deref(), Some("W/\"7\""));
        let names: Vec<_> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert!(
            !names.contains(&"content-encoding") && !names.contains(&"content-length"),
            "{names:?}"
        );
    }
    let mut client = client(|| coded(200, "identity", ROWS));
    assert_eq!(names(&client.get("contacts").unwrap()).len(), 2);
}

#[test]
fn errors_are_read_too() {
    let body = r#"{"error":{"code":"0x80040217","message":"Contact Does Not Exist"}}"#;
    let mut client = client(move || coded(404, "gzip", gzip(body.as_bytes())));
    let error = dataverse_error(client.get("contacts(1)").unwrap_err());
    assert_eq!((error.status, error.code.as_str()), (404, "0x80040217"));
    assert_eq!(error.message, "Contact Does Not Exist");
}

#[test]
fn tokens_are_read_too() {
    let token = |coding: &'static str, bytes: Vec<u8>| {
        answered(&contoso_settings(), move |request| {
            if request.uri().path().contains("/oauth2/") {
                Reply::Answer(coded(200, coding, bytes.clone()))
            } else {
                Reply::Answer(answer(200, &[JSON], ROWS))
            }
        })
    };
    let plain = token_answer().into_body();
    token("gzip", gzip(&plain)).0.get("contacts").unwrap();
    token("deflate", zlib(&plain)).0.get("contacts").unwrap();
    let error = token("br", vec![0x8b, 2, 0x80]).0.get("contacts").unwrap_err();
    unusable(error, &["compressed (br)", "200"]);
    let cut = gzip(&plain);
    let error = token("gzip", cut[..cut.len() - 9].to_vec())
        .0
        .get("contacts")
        .unwrap_err();
    assert_eq!(outage(error).cause, OutageCause::CutOff);
}

#[test]
fn pages_and_whoami_are_read_too() {
    let at = AtomicUsize::new(0);
    let mut pages = client(move || {
        let link = "https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$skiptoken=2";
        let first = format!(r#"{{"value":[{{"lastname":"Miller"}}],"@odata.nextLink":"{link}"}}"#);
        match at.fetch_add(1, Ordering::SeqCst) {
            0 => coded(200, "gzip", gzip(first.as_bytes())),
            _ => coded(200, "deflate", zlib(ROWS.as_bytes())),
        }
    });
    let all = pages.pages(&request(Method::Get, "contacts"));
    assert_eq!(names(&pages.next(all).unwrap().unwrap()), ["Miller"]);
    assert_eq!(names(&pages.next(all).unwrap().unwrap()).len(), 2);
    assert!(pages.next(all).unwrap().is_none());
    let id = "00000000-0000-0000-0000-00000000000";
    let identity = format!(r#"{{"UserId":"{id}1","BusinessUnitId":"{id}2","OrganizationId":"{id}3"}}"#);
    let identity = client(move || coded(200, "gzip", gzip(identity.as_bytes())))
        .whoami()
        .unwrap();
    assert_eq!(identity.user_id, format!("{id}1"));
}

const PART: &str = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
                    {\"value\":[]}\r\n--b--\r\n";

#[test]
fn a_batch_is_read_or_not_sent_again() {
    let parts = |coding: &'static str, bytes: Vec<u8>| {
        let settings = with_options(contoso_settings(), DEFAULT_OPTIONS);
        answered(&settings, move |request| {
            if request.uri().path().contains("/oauth2/") {
                return Reply::Answer(token_answer());
            }
            let headers = [
                ("content-type", "multipart/mixed; boundary=b"),
                ("content-encoding", coding),
            ];
            Reply::Answer(answer(200, &headers, bytes.clone()))
        })
    };
    let write = || vec![alone(with_body(request(Method::Post, "contacts"), "{}"))];
    let (mut client, _) = parts("gzip", gzip(PART.as_bytes()));
    let results = send(&mut client, write(), false).unwrap();
    assert_eq!(json(done(&results[0]))["value"], serde_json::json!([]));
    for coding in ["br", "gzip, gzip"] {
        let (mut client, requests) = parts(coding, PART.into());
        let outage = outage(send(&mut client, write(), false).unwrap_err());
        assert_eq!((outage.cause, outage.attempts), (OutageCause::UnusableAnswer, 1));
        assert!(
            outage.may_have_taken_effect && outage.detail.contains(coding),
            "{outage:?}"
        );
        assert_eq!(requests.lock().unwrap().len(), 2, "a token and a batch");
    }
}

#[test]
fn a_coding_that_cannot_be_undone_is_named() {
    for coding in ["br", "zstd", "gzip, gzip", "deflate, gzip", "compress", "utf-8"] {
        let mut client = client(move || coded(200, coding, ROWS));
        unusable(
            client.get("contacts").unwrap_err(),
            &[&format!("({coding})"), "Accept-Encoding", "200"],
        );
    }
    let mut refused = client(|| coded(404, "br", "x"));
    let error = dataverse_error(refused.get("contacts").unwrap_err());
    assert!(
        error.status == 404 && error.message.contains("compressed (br)"),
        "{error:?}"
    );
    let mut throttled = client(|| {
        let mut answer = coded(429, "br", "x");
        answer.headers_mut().insert("retry-after", "7".parse().unwrap());
        answer
    });
    let throttling = throttling(throttled.get("contacts").unwrap_err());
    assert_eq!(throttling.retry_after_seconds, Some(7));
    assert!(throttling.message.contains("(br)"), "{throttling:?}");
}

#[test]
fn what_is_cut_or_damaged_is_no_answer() {
    let whole = gzip(ROWS.as_bytes());
    for length in [1, 5, 10, 20, whole.len() - 8, whole.len() - 1] {
        let cut = whole[..length].to_vec();
        let error = client(move || coded(200, "gzip", cut.clone()))
            .get("contacts")
            .unwrap_err();
        assert_eq!(outage(error).cause, OutageCause::CutOff, "{length}");
    }
    let mut wrong = whole.clone();
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    for bytes in [wrong, [whole.as_slice(), b"rest"].concat(), ROWS.into()] {
        let error = client(move || coded(200, "gzip", bytes.clone()))
            .get("contacts")
            .unwrap_err();
        unusable(error, &["Content-Encoding", "checksum"]);
    }
    assert!(
        client(|| coded(200, "gzip", ""))
            .get("contacts")
            .unwrap()
            .body
            .is_empty()
    );
}

#[test]
fn a_bomb_is_too_large() {
    let settings = with_options(
        contoso_settings(),
        Options {
            max_answer_bytes: Some(1 << 20),
            ..DEFAULT_OPTIONS
        },
    );
    let bomb = gzip(&vec![b' '; 20 << 20]);
    assert!(bomb.len() < 1 << 20);
    let (mut client, _) = answered(&settings, move |request| {
        if request.uri().path().contains("/oauth2/") {
            Reply::Answer(token_answer())
        } else {
            Reply::Answer(coded(200, "gzip", bomb.clone()))
        }
    });
    assert_eq!(
        outage(client.get("contacts").unwrap_err()).cause,
        OutageCause::AnswerTooLarge
    );
}

/// A download of a file that is answered so.
fn downloaded(
    status: u16,
    headers: &'static [(&str, &str)],
    body: &'static [u8],
    coding: &'static str,
) -> Result<Vec<u8>, Error> {
    let encode = move || match coding {
        "gzip" => gzip(body),
        _ => body.to_vec(),
    };
    let mut client = client(move || {
        let mut all = vec![
            ("content-type", "application/octet-stream"),
            ("content-encoding", coding),
        ];
        all.extend_from_slice(headers);
        answer(status, &all, encode())
    });
    let file = DownloadRequest {
        path: "contacts(00000000-0000-0000-0000-000000000001)/sample_contract".to_owned(),
        offset: 0,
        headers: Vec::new(),
    };
    let download = client.instance.download_file(Some(client.connection), &file).unwrap()?;
    let mut all = Vec::new();
    while let Some(mut bytes) = client.instance.read_file(download).unwrap()? {
        all.append(&mut bytes);
    }
    Ok(all)
}

#[test]
fn a_file_is_its_own_bytes_or_an_error() {
    assert_eq!(downloaded(200, &[], b"a whole file", "gzip").unwrap(), b"a whole file");
    // Of a part, nobody can tell which bytes are counted.
    let error = downloaded(206, &[("content-range", "bytes 0-24/25")], b"a file", "gzip").unwrap_err();
    unusable(error, &["a part of a file", "(gzip)", "206"]);
    unusable(downloaded(200, &[], b"a file", "br").unwrap_err(), &["(br)"]);
}
