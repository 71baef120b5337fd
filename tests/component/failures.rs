//! Servers that crash, stall or misbehave, over real sockets: the error for the caller, and whether a write
//! may have happened.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use embedded_host::types::{Method, Options, OutageCause, Service, Settings};
use embedded_host::{HttpError, Network, Reply};

use crate::support::{
    Client, NO_RETRIES, Server, answered, contoso, contoso_settings, dataverse_error, json_answer, outage, read_body,
    request, settings_for, token_answer, with_body, with_options,
};

/// Asserts the cause for a read and for a write, of which only the write may have taken effect.
fn assert_outage(client: &mut Client, cause: OutageCause, status: Option<u16>) {
    let read = outage(client.get("contacts").unwrap_err());
    assert_eq!(
        (read.cause, read.status, read.service),
        (cause, status, Service::Dataverse),
        "{read:?}"
    );
    assert!(!read.may_have_taken_effect, "a read changes nothing: {read:?}");
    let write = outage(client.post("contacts", "{}").unwrap_err());
    assert_eq!((write.cause, write.status), (cause, status), "{write:?}");
    assert!(write.may_have_taken_effect, "{write:?}");
    assert_eq!(write.client_request_id.len(), 36);
}

#[test]
fn a_body_that_is_cut_is_an_error() {
    for head in ["content-length: 100", "transfer-encoding: chunked"] {
        let server = Server::start(move |request, stream| {
            read_body(request, stream);
            let body = if head.starts_with('t') {
                "5\r\n{\"val\r\n"
            } else {
                "{\"value\":[]"
            };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{head}\r\n\r\n{body}"
            );
        });
        assert_outage(&mut server.client(), OutageCause::CutOff, Some(200));
    }
}

#[test]
fn a_body_cut_behind_the_hosts_back_is_an_error() {
    // Some hosts do not compare a body with the length that it announced.
    let cut = || {
        let mut answer = json_answer(200, "{\"value\":[]}");
        answer.headers_mut().insert("content-length", 100.into());
        Reply::Answer(answer)
    };
    assert_outage(&mut contoso(cut).0, OutageCause::CutOff, Some(200));
}

#[test]
fn a_refusal_is_one_without_its_body_too() {
    let cut = |status: u16| {
        let client = contoso(move || {
            let mut answer = json_answer(status, "{\"error\":");
            let headers = answer.headers_mut();
            headers.insert("content-length", 100.into());
            headers.insert("retry-after", 3600.into());
            headers.insert("req_id", "the-id".parse().unwrap());
            Reply::Answer(answer)
        });
        client.0
    };
    match cut(429).post("contacts", "{}").unwrap_err() {
        embedded_host::types::Error::Throttled(error) => {
            assert_eq!(error.retry_after_seconds, Some(3600));
            assert_eq!(error.request_id.as_deref(), Some("the-id"));
            assert!(!error.may_have_taken_effect);
        }
        other => panic!("{other:?}"),
    }
    let refused = dataverse_error(cut(403).post("contacts", "{}").unwrap_err());
    assert_eq!((refused.status, refused.may_have_taken_effect), (403, false));
    let down = outage(cut(503).get("contacts").unwrap_err());
    assert_eq!(
        (down.cause, down.status, down.retry_after_seconds),
        (OutageCause::ServiceUnavailable, Some(503), Some(3600))
    );
}

#[test]
fn a_connection_closed_without_an_answer_is_an_error() {
    let server = Server::start(|request, stream| {
        read_body(request, stream);
    });
    assert_outage(&mut server.client(), OutageCause::CutOff, None);
}

#[test]
fn an_answer_that_is_not_http_is_an_error() {
    let server = Server::start(|request, stream| {
        read_body(request, stream);
        let _ = stream.write_all(b"\x16\x03\x01 hello\r\n\r\n");
    });
    assert_outage(&mut server.client(), OutageCause::CutOff, None);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let server = Server::start(|request, stream| {
        read_body(request, stream);
        let _ = stream.read(&mut [0]);
    });
    let options = Options {
        first_byte_timeout_ms: Some(200),
        ..NO_RETRIES
    };
    let settings = with_options(settings_for(&server.origin()), options);
    let start = Instant::now();
    assert_outage(
        &mut Client::open(&settings, Network::Machine),
        OutageCause::TimedOut,
        None,
    );
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_answer_that_stalls_is_given_up() {
    let server = Server::start(|request, stream| {
        read_body(request, stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome");
        let _ = stream.read(&mut [0]);
    });
    let options = Options {
        between_bytes_timeout_ms: Some(200),
        ..NO_RETRIES
    };
    let settings = with_options(settings_for(&server.origin()), options);
    let start = Instant::now();
    assert_outage(
        &mut Client::open(&settings, Network::Machine),
        OutageCause::TimedOut,
        Some(200),
    );
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_host_without_timeouts_is_given_up_all_the_same() {
    let settings = with_options(
        contoso_settings(),
        Options {
            connect_timeout_ms: Some(100),
            first_byte_timeout_ms: Some(200),
            ..NO_RETRIES
        },
    );
    let (mut client, _) = answered(&settings, |request| {
        if request.uri().path().contains("/oauth2/") {
            Reply::Answer(token_answer())
        } else {
            Reply::Never
        }
    });
    let start = Instant::now();
    assert_outage(&mut client, OutageCause::TimedOut, None);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_refused_connection_cannot_have_taken_effect() {
    let authority = Server::start(|_, _| {});
    let environment = format!(
        "http://{}",
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    );
    let settings = Settings {
        environment_url: environment.clone(),
        ..settings_for(&authority.origin())
    };
    let mut client = Client::open(&settings, Network::Machine);
    let outage = outage(client.post("contacts", "{}").unwrap_err());
    assert_eq!(
        (outage.cause, outage.service),
        (OutageCause::NoConnection, Service::Dataverse)
    );
    assert!(!outage.may_have_taken_effect);
    assert!(outage.detail.contains(&environment), "{outage:?}");
}

#[test]
fn a_dependency_without_network_is_told_what_to_inherit() {
    // Spin's error for a capability that a dependency was not granted.
    let denied = || HttpError::InternalError(Some("\"wasi:http/outgoing-handler\" is not permitted".to_owned()));
    let (mut client, _) = contoso(move || Reply::Fails(denied));
    let outage = outage(client.post("contacts", "{}").unwrap_err());
    assert_eq!(
        (outage.cause, outage.may_have_taken_effect),
        (OutageCause::DeniedByHost, false)
    );
    assert!(outage.detail.contains("inherit_configuration"), "{outage:?}");
}

#[test]
fn an_upload_that_stalls_is_given_up() {
    // The server neither reads nor answers.
    let server = Server::start(|_, _| thread::sleep(Duration::from_secs(5)));
    let options = Options {
        first_byte_timeout_ms: Some(300),
        connect_timeout_ms: Some(300),
        ..NO_RETRIES
    };
    let settings = with_options(settings_for(&server.origin()), options);
    let start = Instant::now();
    let upload = with_body(request(Method::Post, "contacts"), vec![b' '; 30_000_000]);
    let outage = outage(Client::open(&settings, Network::Machine).send(&upload).unwrap_err());
    assert_eq!(
        (outage.cause, outage.may_have_taken_effect),
        (OutageCause::TimedOut, true)
    );
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn what_failed_before_sending_cannot_have_taken_effect() {
    let cases: [(fn() -> HttpError, OutageCause); 6] = [
        (|| HttpError::HttpRequestDenied, OutageCause::DeniedByHost),
        (|| HttpError::DestinationIpProhibited, OutageCause::DeniedByHost),
        (|| HttpError::DnsTimeout, OutageCause::NoConnection),
        (|| HttpError::ConnectionRefused, OutageCause::NoConnection),
        (|| HttpError::TlsCertificateError, OutageCause::NoConnection),
        (|| HttpError::ConnectionTimeout, OutageCause::TimedOut),
    ];
    for (error, cause) in cases {
        let (mut client, _) = contoso(move || Reply::Fails(error));
        let outage = outage(client.post("contacts", "{}").unwrap_err());
        assert_eq!(
            (outage.cause, outage.may_have_taken_effect),
            (cause, false),
            "{outage:?}"
        );
    }
}

#[test]
fn a_denial_by_the_host_says_what_to_allow() {
    let (mut client, _) = contoso(|| Reply::Fails(|| HttpError::HttpRequestDenied));
    assert!(
        outage(client.get("contacts").unwrap_err())
            .detail
            .contains("allowed_outbound_hosts")
    );
}

#[test]
fn what_failed_while_sending_may_have_taken_effect() {
    let cases: [(fn() -> HttpError, OutageCause); 3] = [
        (|| HttpError::ConnectionTerminated, OutageCause::CutOff),
        (|| HttpError::HttpProtocolError, OutageCause::CutOff),
        (|| HttpError::ConnectionReadTimeout, OutageCause::TimedOut),
    ];
    for (error, cause) in cases {
        assert_outage(&mut contoso(move || Reply::Fails(error)).0, cause, None);
    }
}

#[test]
fn a_service_that_is_down_may_have_acted() {
    for status in [502, 503, 504] {
        let down = move || {
            Reply::Answer(json_answer(
                status,
                r#"{"error":{"code":"","message":"down for repair"}}"#,
            ))
        };
        assert_outage(&mut contoso(down).0, OutageCause::ServiceUnavailable, Some(status));
        let outage = outage(contoso(down).0.get("contacts").unwrap_err());
        assert!(outage.detail.contains("down for repair"), "{outage:?}");
    }
}

#[test]
fn an_answer_over_the_limit_is_not_read() {
    let options = Options {
        max_answer_bytes: Some(1000),
        ..NO_RETRIES
    };
    for (size, announced) in [(1000, true), (1000, false), (1001, true), (1001, false)] {
        let server = Server::start(move |request, stream| {
            read_body(request, stream);
            let length = if announced {
                format!("content-length: {size}\r\n")
            } else {
                String::new()
            };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\n{length}connection: close\r\n\r\n{}",
                "x".repeat(size)
            );
        });
        let settings = with_options(settings_for(&server.origin()), options.clone());
        let mut client = Client::open(&settings, Network::Machine);
        if size == 1000 {
            assert_eq!(client.get("contacts").unwrap().body.len(), 1000);
        } else {
            assert_outage(&mut client, OutageCause::AnswerTooLarge, Some(200));
        }
    }
}

#[test]
fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let evil = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("http://{}/api/data/v9.2/contacts", evil.local_addr().unwrap());
        let server = Server::start(move |request, stream| {
            read_body(request, stream);
            let head = format!("HTTP/1.1 {status} Moved\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
        });
        assert_outage(&mut server.client(), OutageCause::UnusableAnswer, Some(status));
        evil.set_nonblocking(true).unwrap();
        assert!(evil.accept().is_err(), "the token followed the redirect");
    }
}

#[test]
fn a_large_upload_arrives_whole_over_a_socket() {
    let size = 5_000_000;
    let server = Server::start(move |request, stream| {
        let body = read_body(request, stream);
        let fine = body.len() == size && body.iter().enumerate().all(|(n, byte)| *byte == (n % 251) as u8);
        let status = if fine { "204 No Content" } else { "400 Bad Request" };
        let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    });
    let body: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
    let response = server
        .client()
        .send(&with_body(request(Method::Post, "contacts"), body))
        .unwrap();
    assert_eq!(response.status, 204);
}

#[test]
fn an_early_refusal_of_a_large_upload_is_the_answer() {
    // The server answers after the head, and then neither reads the upload nor closes the connection.
    let held = Arc::new(AtomicUsize::new(0));
    let holding = Arc::clone(&held);
    let server = Server::start(move |_, stream| {
        holding.fetch_add(1, Ordering::SeqCst);
        let body = r#"{"error":{"code":"0x80060890","message":"too large"}}"#;
        let head = "HTTP/1.1 413 Payload Too Large\r\ncontent-type: application/json";
        let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        thread::sleep(Duration::from_secs(3));
    });
    let start = Instant::now();
    let body = vec![b' '; 20_000_000];
    let error = dataverse_error(
        server
            .client()
            .send(&with_body(request(Method::Post, "contacts"), body))
            .unwrap_err(),
    );
    assert_eq!((error.status, error.code.as_str()), (413, "0x80060890"));
    assert_eq!(held.load(Ordering::SeqCst), 1);
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "it waited for the upload to end"
    );
}

#[test]
fn a_large_answer_arrives_whole_over_a_socket() {
    let server = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n");
        for _ in 0..50 {
            let _ = stream.write_all(&[b'x'; 100_000]);
        }
    });
    assert_eq!(server.client().get("contacts").unwrap().body.len(), 5_000_000);
}

#[test]
fn an_instance_goes_on_after_any_failure() {
    let turn = AtomicUsize::new(0);
    let server = Server::start(move |request, stream| {
        read_body(request, stream);
        let answers: [&[u8]; 4] = [
            b"",
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut",
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine",
        ];
        let _ = stream.write_all(answers[turn.fetch_add(1, Ordering::SeqCst)]);
    });
    let mut client = server.client();
    for _ in 0..3 {
        outage(client.get("contacts").unwrap_err());
    }
    assert_eq!(client.get("contacts").unwrap().body, b"fine");
}
