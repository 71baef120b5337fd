//! What the errors of `wasi:http` mean to a caller. WASI 0.3 has the same ones as another Rust type, so `crates/wasi03` compiles
//! this file too: the module around it says which.

use super::wait::FIRST_BYTE;
use super::{Cause, ErrorCode, Failure, Timeouts};

/// How a host is made to trust a certificate.
const TRUST: &str = "a proxy that inspects TLS, or a test server, has a certificate of an authority that the host has to trust: on \
                     Spin by [[client_tls]] in the runtime configuration, with an embedder by its TLS connector; the commands of \
                     Wasmtime trust the public authorities only";

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
            "the host this component runs in does not trust the service's TLS certificate",
        ),
        // Hosts report it of the handshake only, where a certificate that is not trusted is the usual cause.
        ErrorCode::TlsProtocolError => (
            Cause::NoConnection,
            false,
            "the TLS handshake failed, so that nothing was sent. Perhaps the host this component runs in does not trust the \
             service's certificate",
        ),
        // It may also come after the handshake.
        ErrorCode::TlsAlertReceived(_) => (Cause::NoConnection, true, "the service ended TLS with an alert"),
        ErrorCode::ConnectionTimeout => (Cause::TimedOut, false, "no connection in time"),
        ErrorCode::ConnectionReadTimeout => (Cause::TimedOut, true, "nothing more came in time"),
        ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_) => (
            Cause::DeniedByHost,
            false,
            "the host this component runs in does not send such a request",
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
    let advice = match &code {
        ErrorCode::TlsCertificateError | ErrorCode::TlsProtocolError => format!(": {TRUST}"),
        _ => String::new(),
    };
    Failure {
        sent,
        lasting: matches!(code, ErrorCode::TlsCertificateError),
        ..Failure::new(cause, format!("{what}{advice} ({})", shown(&code)))
    }
}

/// The same of a request to which no answer began within these timeouts, which the host observes too.
pub(super) fn no_answer(code: ErrorCode, timeouts: &Timeouts) -> Failure {
    let detail = match code {
        ErrorCode::ConnectionTimeout => format!(
            "no connection within {} ms: raise DATAVERSE_CONNECT_TIMEOUT_MS (connect-timeout-ms)",
            timeouts.connect.as_millis()
        ),
        ErrorCode::ConnectionReadTimeout => format!(
            "no answer within {} ms of the request: raise {FIRST_BYTE}",
            timeouts.first_byte.as_millis()
        ),
        other => return failure(other),
    };
    Failure {
        detail,
        ..failure(code)
    }
}

/// The host's code, and of a text that the host adds the beginning of its first line: the rest may be the host's own stack.
fn shown(code: &ErrorCode) -> String {
    const LONGEST: usize = 200;
    let text = format!("{code:?}");
    let line = text.split("\\n").next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
