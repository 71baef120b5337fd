//! What the host says instead of an answer: each of its error codes, and texts that it puts into them.

use embedded_host::types::{Options, OutageCause};
use embedded_host::{DEFAULT_OPTIONS, HttpError, Network, Reply};

use crate::gateway::{contoso as gateway, get};
use crate::support::{answered, contoso, contoso_settings, outage, token_answer, with_options};

/// An error, a part of what is said of it, its cause, and whether a write may have taken effect.
type Case = (fn() -> HttpError, &'static str, OutageCause, bool);

/// Longer than any detail that people are to read.
const LONG: usize = 1000;

/// As a host with `RUST_BACKTRACE` set puts its stack there.
fn stack() -> HttpError {
    let frame = "\n   3: hyper::client::conn::poll\n             at /root/secret/place/conn.rs:12:34";
    HttpError::InternalError(Some(format!("connection reset by peer{}", frame.repeat(150))))
}

fn assert_tidy(text: &str) {
    assert!(
        text.len() < LONG && !text.contains('\n') && !text.contains("\\n"),
        "{text}"
    );
    assert!(
        !text.contains("/root/secret/place") && !text.contains("hyper::"),
        "{text}"
    );
}

#[test]
fn a_hosts_stack_is_in_no_error() {
    let mut client = contoso(|| Reply::Fails(stack)).0;
    let outage = outage(client.whoami().unwrap_err());
    assert_eq!(outage.cause, OutageCause::CutOff);
    assert!(outage.detail.contains("connection reset by peer"), "{outage:?}");
    assert_tidy(&outage.detail);
}

#[test]
fn a_hosts_stack_is_in_no_answer_of_the_gateway_and_not_in_its_log() {
    for fails_at in ["/oauth2/", "/api/data/"] {
        let network = Network::answered(move |request| {
            if request.uri().path().contains(fails_at) {
                Reply::Fails(stack)
            } else {
                Reply::Answer(token_answer())
            }
        });
        let gateway = gateway(&[("DATAVERSE_RETRY_BUDGET_MS", "0")], network);
        for path in ["/whoami", "/readyz", "/api/data/v9.2/contacts"] {
            if path == "/readyz" && fails_at != "/oauth2/" {
                continue;
            }
            let reply = get(&gateway, path);
            assert!([502, 503].contains(&reply.status), "{reply:?}");
            assert_tidy(reply.error()["message"].as_str().unwrap());
        }
        let log = gateway.output();
        assert!(log.contains("connection reset by peer"));
        log.lines().for_each(assert_tidy);
    }
}

#[test]
fn each_code_says_whether_something_was_sent_and_what_it_is_by_name() {
    use OutageCause::{CutOff, DeniedByHost, NoConnection, TimedOut};
    let dns = || HttpError::DnsError {
        rcode: Some("SERVFAIL".to_owned()),
        info_code: Some(2),
    };
    let alert = || HttpError::TlsAlertReceived {
        alert_id: Some(80),
        alert_message: Some("internal error".to_owned()),
    };
    let header = || HttpError::HttpRequestHeaderSize {
        field_name: Some("prefer".to_owned()),
        field_size: None,
    };
    let cases: [Case; 28] = [
        (|| HttpError::DnsTimeout, "DnsTimeout", NoConnection, false),
        (dns, "SERVFAIL", NoConnection, false),
        (
            || HttpError::DestinationNotFound,
            "DestinationNotFound",
            NoConnection,
            false,
        ),
        (
            || HttpError::DestinationUnavailable,
            "DestinationUnavailable",
            NoConnection,
            false,
        ),
        (
            || HttpError::DestinationIpProhibited,
            "DestinationIpProhibited",
            DeniedByHost,
            false,
        ),
        (
            || HttpError::DestinationIpUnroutable,
            "DestinationIpUnroutable",
            NoConnection,
            false,
        ),
        (
            || HttpError::ConnectionRefused,
            "ConnectionRefused",
            NoConnection,
            false,
        ),
        (|| HttpError::ConnectionTerminated, "ConnectionTerminated", CutOff, true),
        (
            || HttpError::ConnectionTimeout,
            "DATAVERSE_CONNECT_TIMEOUT_MS",
            TimedOut,
            false,
        ),
        (
            || HttpError::ConnectionReadTimeout,
            "DATAVERSE_FIRST_BYTE_TIMEOUT_MS",
            TimedOut,
            true,
        ),
        (
            || HttpError::ConnectionWriteTimeout,
            "ConnectionWriteTimeout",
            TimedOut,
            true,
        ),
        (
            || HttpError::ConnectionLimitReached,
            "ConnectionLimitReached",
            NoConnection,
            false,
        ),
        (|| HttpError::TlsProtocolError, "client_tls", NoConnection, false),
        (|| HttpError::TlsCertificateError, "client_tls", NoConnection, false),
        (alert, "TlsAlertReceived", NoConnection, true),
        (
            || HttpError::HttpRequestDenied,
            "allowed_outbound_hosts",
            DeniedByHost,
            false,
        ),
        (
            || HttpError::HttpRequestLengthRequired,
            "HttpRequestLengthRequired",
            DeniedByHost,
            false,
        ),
        (
            || HttpError::HttpRequestMethodInvalid,
            "HttpRequestMethodInvalid",
            DeniedByHost,
            false,
        ),
        (
            || HttpError::HttpRequestUriInvalid,
            "HttpRequestUriInvalid",
            DeniedByHost,
            false,
        ),
        (
            || HttpError::HttpRequestUriTooLong,
            "HttpRequestUriTooLong",
            DeniedByHost,
            false,
        ),
        (
            || HttpError::HttpRequestHeaderSectionSize(Some(9)),
            "HttpRequestHeaderSectionSize",
            DeniedByHost,
            false,
        ),
        (header, "prefer", DeniedByHost, false),
        (
            || HttpError::HttpRequestBodySize(Some(9)),
            "HttpRequestBodySize",
            CutOff,
            true,
        ),
        (
            || HttpError::HttpResponseIncomplete,
            "HttpResponseIncomplete",
            CutOff,
            true,
        ),
        (|| HttpError::HttpResponseTimeout, "HttpResponseTimeout", TimedOut, true),
        (|| HttpError::HttpProtocolError, "HttpProtocolError", CutOff, true),
        (|| HttpError::ConfigurationError, "ConfigurationError", CutOff, true),
        (|| HttpError::InternalError(None), "InternalError", CutOff, true),
    ];
    for (error, part, cause, may) in cases {
        let mut client = contoso(move || Reply::Fails(error)).0;
        let outage = outage(client.post("contacts", "{}").unwrap_err());
        assert_eq!((outage.cause, outage.may_have_taken_effect), (cause, may), "{outage:?}");
        assert!(outage.detail.contains(part), "{part}: {outage:?}");
        assert_tidy(&outage.detail);
    }
}

#[test]
fn what_will_not_change_is_not_sent_again_and_a_failed_handshake_is() {
    let cases: [(fn() -> HttpError, u32); 3] = [
        (|| HttpError::TlsCertificateError, 1),
        (|| HttpError::HttpRequestUriTooLong, 1),
        (|| HttpError::TlsProtocolError, 4),
    ];
    for (error, attempts) in cases {
        let options = Options {
            retry_budget_ms: Some(30_000),
            ..DEFAULT_OPTIONS
        };
        let (mut client, requests) = answered(&with_options(contoso_settings(), options), move |request| {
            if request.uri().path().contains("/oauth2/") {
                Reply::Answer(token_answer())
            } else {
                Reply::Fails(error)
            }
        });
        let outage = outage(client.post("contacts", "{}").unwrap_err());
        assert_eq!(outage.attempts, attempts, "{outage:?}");
        assert_eq!(
            requests.lock().unwrap().len() as u32,
            attempts + 1,
            "and one for the token"
        );
    }
}
