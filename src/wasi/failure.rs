//! What the errors of `wasi:http` mean to a caller. WASI 0.3 has the same ones as another Rust type, so `crates/wasi03` compiles
//! this file too: the module around it says which.

use super::{Cause, ErrorCode, Failure};

/// What an error of `wasi:http` means to a caller. Only those that can come from nowhere but before the request was sent
/// count as not sent.
pub(super) fn failure(code: ErrorCode) -> Failure {
    let (cause, sent, what) = match &code {
        ErrorCode::HttpRequestDenied => (
            Cause::DeniedByHost,
            false,
            "the host this component runs in denies the request: allow the address (on Spin, in allowed_outbound_hosts)",
        ),
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            (Cause::NoConnection, false, "the host name was not found")
        }
        ErrorCode::DestinationIpProhibited => (
            Cause::DeniedByHost,
            false,
            "the host this component runs in prohibits the address",
        ),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable | ErrorCode::ConnectionRefused => {
            (Cause::NoConnection, false, "the connection was refused")
        }
        ErrorCode::ConnectionLimitReached => (
            Cause::NoConnection,
            false,
            "the host this component runs in allows no more connections now",
        ),
        ErrorCode::TlsCertificateError => (
            Cause::NoConnection,
            false,
            "the service's TLS certificate is not trusted",
        ),
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => (Cause::NoConnection, true, "TLS failed"),
        ErrorCode::ConnectionTimeout => (Cause::TimedOut, false, "no connection within connect-timeout-ms"),
        ErrorCode::ConnectionReadTimeout => (
            Cause::TimedOut,
            true,
            "no answer within first-byte-timeout-ms, or nothing more of it within between-bytes-timeout-ms",
        ),
        ErrorCode::ConnectionWriteTimeout | ErrorCode::HttpResponseTimeout => {
            (Cause::TimedOut, true, "the request took too long")
        }
        // What Spin puts in the place of a capability that a dependency was not given.
        ErrorCode::InternalError(Some(text)) if text.contains("is not permitted") => (
            Cause::DeniedByHost,
            false,
            "the host this component runs in denies outgoing HTTP: let the dependency inherit allowed_outbound_hosts \
             (inherit_configuration)",
        ),
        _ => (Cause::CutOff, true, "the connection broke before the answer ended"),
    };
    Failure {
        sent,
        ..Failure::new(cause, format!("{what} ({})", shown(&code)))
    }
}

/// The host's code, and of a text that the host adds the beginning of its first line: the rest may be the host's own stack.
fn shown(code: &ErrorCode) -> String {
    const LONGEST: usize = 200;
    let text = format!("{code:?}");
    let line = text.split("\\n").next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
