//! A token that Dataverse's answer repeats reaches no caller.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use embedded_host::{Network, Reply, ServerOptions};

use super::relay::recorded_with;
use super::{call, gateway, gateway_with, get};
use crate::coded::gzip;
use crate::support::{Server, TOKEN, answer, json_answer};

const CONTACTS: &str = "/api/data/v9.2/contacts";
const STARS: &str = "********************";

on_each_face!(a_body_comes_without_it_wherever_it_is_cut);
fn a_body_comes_without_it_wherever_it_is_cut() {
    let server = Server::start(|head, stream| {
        let at: usize = head
            .split("?at=")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let body = format!("<p>Authorization: Bearer {TOKEN}</p>");
        let (first, second) = body.split_at(at);
        let length = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 500 X\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n{first}"
        );
        let _ = stream.flush();
        thread::sleep(Duration::from_millis(30));
        let _ = stream.write_all(second.as_bytes());
    });
    let gateway = gateway(&server.origin(), &[]);
    let expected = format!("<p>Authorization: Bearer {STARS}</p>");
    let length = expected.len().to_string();
    for at in 24..46 {
        let reply = get(&gateway, &format!("{CONTACTS}?at={at}"));
        assert_eq!((reply.status, reply.text()), (500, expected.clone()), "{at}");
        assert_eq!(reply.header("content-length"), Some(length.as_str()));
    }
}

on_each_face!(no_kind_of_body_repeats_it);
fn no_kind_of_body_repeats_it() {
    let escaped = TOKEN.replace('.', "\\u002e").replace('-', "%2d");
    for content_type in [
        "application/json",
        "text/plain",
        "application/xml",
        "application/octet-stream",
        "application/problem+json",
    ] {
        for (spelled, is_zipped) in [
            (TOKEN.to_owned(), false),
            (escaped.clone(), false),
            (TOKEN.to_owned(), true),
        ] {
            let body = format!(r#"{{"sent":"{spelled}"}}"#);
            let expected = format!(r#"{{"sent":"{}"}}"#, "*".repeat(spelled.len()));
            let (gateway, _) = recorded_with(&[], move || {
                let (coding, bytes) = if is_zipped {
                    ("gzip", gzip(body.as_bytes()))
                } else {
                    ("identity", body.clone().into_bytes())
                };
                answer(
                    200,
                    &[("content-type", content_type), ("content-encoding", coding)],
                    bytes,
                )
            });
            assert_eq!(get(&gateway, CONTACTS).text(), expected, "{content_type}");
        }
    }
}

on_each_face!(no_header_repeats_it);
fn no_header_repeats_it() {
    let encoded = TOKEN.replace('.', "%2E").replace('-', "%2d");
    let (gateway, _) = recorded_with(&[], move || {
        let mut answer = answer(200, &[("content-type", "text/plain")], "");
        let url = format!("https://contoso.crm.dynamics.com/x?a={encoded}&b={TOKEN}");
        for (name, value) in [
            ("location", &url),
            ("content-location", &url),
            ("odata-entityid", &url),
            ("link", &format!("<{url}>; rel=next")),
            ("x-authorization", &format!("Bearer {TOKEN}")),
            ("req_id", &TOKEN.to_owned()),
        ] {
            answer.headers_mut().insert(name, value.parse().unwrap());
        }
        answer
    });
    for method in ["GET", "HEAD"] {
        let reply = call(&gateway, method, CONTACTS).send();
        assert_eq!(reply.status, 200);
        let url = format!("{}/x?a={}&b={STARS}", gateway.origin(), "*".repeat(28));
        for (name, value) in [
            ("location", url.as_str()),
            ("content-location", &url),
            ("odata-entityid", &url),
            ("x-authorization", &format!("Bearer {STARS}")),
            ("req_id", STARS),
        ] {
            assert_eq!(reply.header(name), Some(value));
        }
        assert!(!format!("{:?}", reply.headers).contains("this"), "{:?}", reply.headers);
    }
}

on_each_face!(no_part_of_a_batch_repeats_it);
fn no_part_of_a_batch_repeats_it() {
    let part = format!(
        "--b\r\nContent-Type: application/http\r\nX-Echo: {TOKEN}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
         Location: https://contoso.crm.dynamics.com/{TOKEN}\r\n\r\n{{\"value\":\"{TOKEN}\"}}\r\n--b--\r\n"
    );
    let text = part.clone();
    let (gateway, _) = recorded_with(&[], move || {
        answer(200, &[("content-type", "multipart/mixed; boundary=b")], text.clone())
    });
    let expected = part
        .replace(TOKEN, STARS)
        .replace("https://contoso.crm.dynamics.com", &gateway.origin());
    assert_eq!(get(&gateway, CONTACTS).text(), expected);
}

on_each_face!(nor_is_that_of_an_earlier_attempt_repeated);
fn nor_is_that_of_an_earlier_attempt_repeated() {
    const FIRST: &str = "the-first.token.of-all";
    let asked = AtomicUsize::new(0);
    let network = Network::answered(move |request| {
        if request.uri().path().contains("/oauth2/") {
            let token = if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                FIRST
            } else {
                TOKEN
            };
            let body = format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{token}"}}"#);
            return Reply::Answer(json_answer(200, &body));
        }
        let carried = request.headers()["authorization"].to_str().unwrap().to_owned();
        if carried.contains(FIRST) {
            return Reply::Answer(answer(401, &[("x-echo", FIRST)], FIRST));
        }
        let echo = format!("{FIRST} {TOKEN}");
        Reply::Answer(answer(
            200,
            &[("x-echo", &echo), ("content-type", "text/plain")],
            echo.as_str(),
        ))
    });
    let variables = [("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com")];
    let options = ServerOptions {
        requests_per_instance: 2,
        network,
        ..ServerOptions::default()
    };
    let gateway = gateway_with("https://contoso.crm.dynamics.com", &variables, options);
    // A token that is refused and was there before the request is replaced.
    assert_eq!(call(&gateway, "GET", "/readyz").send().status, 200);
    let reply = get(&gateway, CONTACTS);
    let expected = format!("{} {STARS}", "*".repeat(FIRST.len()));
    assert_eq!((reply.status, reply.text()), (200, expected.clone()));
    assert_eq!(reply.header("x-echo"), Some(expected.as_str()));
}

on_each_face!(the_gateways_own_errors_do_not_repeat_it);
fn the_gateways_own_errors_do_not_repeat_it() {
    let (gateway, _) = recorded_with(&[], || {
        let inner = format!(r#""innererror":{{"message":"inner {TOKEN}"}}"#);
        json_answer(
            403,
            &format!(r#"{{"error":{{"code":"{TOKEN}","message":"sent {TOKEN}",{inner}}}}}"#),
        )
    });
    let reply = get(&gateway, "/whoami");
    assert_eq!(reply.status, 403);
    let error = reply.error();
    assert_eq!(error["message"], format!("sent {STARS}"));
    assert_eq!(error["innerMessage"], format!("inner {STARS}"));
    assert!(!gateway.output().contains(TOKEN), "{}", gateway.output());
}
