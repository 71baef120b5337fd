//! The forms that the answer to a batch can have.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, Local, error, start};
use sandbox::{BatchDialect, BatchFailureStatus};

/// A successful read, a change set, a failure, and a read that is not run.
fn send(local: &Local, headers: &[(&str, &str)]) -> Answer {
    let head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n";
    let get = |path: &str| format!("--b\r\n{head}\r\nGET {path} HTTP/1.1\r\n\r\n\r\n");
    let set = format!(
        "--b\r\nContent-Type: multipart/mixed; boundary=cs\r\n\r\n--cs\r\n{head}Content-ID: 1\r\n\r\n\
         POST contacts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--cs--\r\n"
    );
    local.batch(
        headers,
        &format!(
            "{}{set}{}{}--b--\r\n",
            get("WhoAmI"),
            get("opportunities"),
            get("leads")
        ),
    )
}

#[test]
fn the_status_of_a_batch_that_stopped() {
    let local = start();
    let parts = |answer: &Answer| answer.text().matches("HTTP/1.1 ").count();
    let answer = send(&local, &[]);
    assert_eq!((answer.status, parts(&answer)), (403, 3));
    local.sandbox.set_batch_failure_status(BatchFailureStatus::Ok);
    let answer = send(&local, &[]);
    assert_eq!((answer.status, parts(&answer)), (200, 3));
    assert!(answer.text().contains("HTTP/1.1 403 Forbidden"));
    local.sandbox.set_batch_failure_status(BatchFailureStatus::OfTheFailure);
    let answer = send(&local, &[("Prefer", "odata.continue-on-error")]);
    assert_eq!((answer.status, parts(&answer)), (200, 4));
}

#[test]
fn forms() {
    let local = start();
    let dialect = |dialect: BatchDialect| {
        local.sandbox.set_batch_dialect(dialect);
        send(&local, &[])
    };
    let plain = dialect(BatchDialect::default());
    let boundary = plain
        .header("content-type")
        .unwrap()
        .strip_prefix("multipart/mixed; boundary=")
        .unwrap();
    assert!(boundary.starts_with("batchresponse_"));
    assert!(plain.text().starts_with(&format!("--{boundary}\r\n")));
    assert!(plain.text().ends_with(&format!("--{boundary}--\r\n")));
    assert!(!plain.text().contains("Content-Length"));

    let answer = dialect(BatchDialect {
        bare_line_feeds: true,
        ..BatchDialect::default()
    });
    assert!(!answer.text().contains('\r'));
    assert!(answer.text().contains("\n\nHTTP/1.1 200 OK\n"));

    let answer = dialect(BatchDialect {
        no_reason_phrase: true,
        ..BatchDialect::default()
    });
    assert!(answer.text().contains("HTTP/1.1 403 \r\n") && !answer.text().contains("Forbidden"));

    let answer = dialect(BatchDialect {
        preamble: true,
        quoted_boundary: true,
        ..BatchDialect::default()
    });
    assert!(!answer.text().starts_with("--") && !answer.text().ends_with("--\r\n"));
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .contains("boundary=\"batchresponse_")
    );

    let answer = dialect(BatchDialect {
        boundary: Some("one two:three".into()),
        content_length: true,
        ..BatchDialect::default()
    });
    assert_eq!(
        answer.header("content-type"),
        Some("multipart/mixed; boundary=\"one two:three\"")
    );
    let text = answer.text();
    assert_eq!(text.matches("--one two:three\r\n").count(), 3);
    let (head, rest) = text.split_once("Content-Length: ").unwrap();
    assert!(head.ends_with("Content-Transfer-Encoding: binary\r\n"));
    let (length, rest) = rest.split_once("\r\n\r\n").unwrap();
    assert!(rest[length.parse().unwrap()..].starts_with("\r\n--one two:three\r\n"));

    let answer = dialect(BatchDialect {
        json_failure: true,
        ..BatchDialect::default()
    });
    assert_eq!(error(&answer), (403, "0x80040220".into()));
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
}

#[test]
fn which_request_of_a_change_set_failed() {
    let local = start();
    let part = |id: &str, request: &str| {
        format!(
            "--cs\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n\
             {request} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{{}}\r\n"
        )
    };
    let body = format!(
        "--b\r\nContent-Type: multipart/mixed; boundary=cs\r\n\r\n{}{}--cs--\r\n\r\n--b--\r\n",
        part("first", "POST contacts"),
        part("second", "POST accounts"),
    );
    assert!(!local.batch(&[], &body).text().contains("Content-ID"));
    local.sandbox.set_batch_dialect(BatchDialect {
        failure_content_id: true,
        ..BatchDialect::default()
    });
    let answer = local.batch(&[], &body);
    assert_eq!(
        answer.text().matches("Content-ID: second\r\n").count(),
        1,
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("first"));
}
