//! The headers of a request: those that the Web API expects, those of the caller, and those that a caller
//! may not set.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::faults::Faults;
use crate::http::{header_size, prefer};

/// A caller's headers, not validated yet.
pub(crate) type Headers = Vec<(String, String)>;

/// The header with the caller's id of a request for Dataverse's logs.
pub(crate) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// Headers that belong to the connection or to the identity that this component adds. `Accept-Encoding` is
/// included because answers are requested without a content coding.
const REFUSED: [&str; 16] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// All headers except `Authorization` and, unless the caller sets one, the id of the request. Faults in the
/// caller's headers are added to `faults`.
pub(crate) fn compose(
    given: &[(String, String)],
    method: &Method,
    body: Option<&[u8]>,
    faults: &mut Faults,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let lengths = given.iter().map(|(name, value)| (name.len(), value.len()));
    if header_size::counted(lengths) > header_size::MAX_OF_CALLER {
        faults.add(
            "headers",
            format!(
                "are too many or too large: at most {} bytes in total, with {} added for each header",
                header_size::MAX_OF_CALLER,
                header_size::OVERHEAD
            ),
        );
        return headers;
    }
    for (name, value) in given {
        match parse(name, value) {
            Ok((name, value)) => {
                headers.append(name, value);
            }
            Err((field, reason)) => faults.add(&field, reason),
        }
    }

    prefer::merge(&mut headers);

    let mut default = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    default(header::ACCEPT, HeaderValue::from_static("application/json"));
    default(
        HeaderName::from_static("odata-version"),
        HeaderValue::from_static("4.0"),
    );
    default(
        HeaderName::from_static("odata-maxversion"),
        HeaderValue::from_static("4.0"),
    );
    default(header::USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
    if body.is_some() {
        default(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    // Also for an empty body, if the method usually has one: without a length, hosts use chunked encoding.
    if *method != Method::GET && *method != Method::DELETE {
        default(header::CONTENT_LENGTH, HeaderValue::from(body.map_or(0, <[u8]>::len)));
    }
    headers
}

/// Parses a header of the caller. The error is the field and the reason.
fn parse(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), (String, String)> {
    let parsed_name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        let shown: String = name.chars().take(40).flat_map(char::escape_default).collect();
        (
            "headers".to_owned(),
            format!("contain a name that is not valid: \"{shown}\""),
        )
    })?;
    let field = || format!("headers.{parsed_name}");
    if REFUSED.contains(&parsed_name.as_str()) {
        return Err((field(), "cannot be set by the caller".to_owned()));
    }
    if !value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)) {
        let reason = "contains a line break, a control character or a character outside ASCII";
        return Err((field(), reason.to_owned()));
    }
    if parsed_name == "prefer" && !value.matches('"').count().is_multiple_of(2) {
        let reason = "has an unclosed quote, which would include the preferences after it";
        return Err((field(), reason.to_owned()));
    }
    match HeaderValue::from_str(value.trim()) {
        Ok(value) => Ok((parsed_name, value)),
        Err(_) => Err((field(), "is not a header value".to_owned())),
    }
}

/// Refuses headers of the caller that the call sets itself.
pub(crate) fn refuse(given: &[(String, String)], ours: &[&str], faults: &mut Faults) {
    for name in ours {
        if given.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            faults.add(&format!("headers.{name}"), "is set by this call itself");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(given: &[(&str, &str)], method: &Method, body: Option<&[u8]>) -> (HeaderMap, Vec<String>) {
        let given: Vec<_> = given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut faults = Faults::default();
        let headers = compose(&given, method, body, &mut faults);
        (headers, faults.into_iter().map(|fault| fault.field).collect())
    }

    #[test]
    fn the_standard_headers_are_there() {
        let (headers, faults) = composed(&[], &Method::POST, Some(b"{}"));
        assert!(faults.is_empty());
        assert_eq!(headers["accept"], "application/json");
        assert_eq!(headers["odata-version"], "4.0");
        assert_eq!(headers["odata-maxversion"], "4.0");
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["content-length"], "2");
        assert!(headers["user-agent"].to_str().unwrap().starts_with("raia-dynamics365/"));
    }

    #[test]
    fn only_requests_that_may_have_a_body_name_its_length() {
        assert!(!composed(&[], &Method::GET, None).0.contains_key("content-length"));
        assert!(!composed(&[], &Method::DELETE, None).0.contains_key("content-length"));
        assert_eq!(composed(&[], &Method::POST, None).0["content-length"], "0");
    }

    #[test]
    fn the_callers_headers_take_the_place_of_the_defaults() {
        let given = [
            ("Accept", "application/xml"),
            ("Prefer", "odata.maxpagesize=5"),
            ("Prefer", "return=representation"),
            ("X-Ms-Client-Request-Id", "mine"),
        ];
        let (headers, faults) = composed(&given, &Method::GET, None);
        assert!(faults.is_empty());
        assert_eq!(headers["accept"], "application/xml");
        assert_eq!(headers["x-ms-client-request-id"], "mine");
        let preferences: Vec<_> = headers.get_all("prefer").iter().collect();
        assert_eq!(preferences, ["odata.maxpagesize=5,return=representation"]);
        assert_eq!(headers.get_all("accept").iter().count(), 1);
    }

    #[test]
    fn headers_that_could_break_the_request_are_refused_by_name() {
        for (name, value, field) in [
            ("Authorization", "Bearer x", "headers.authorization"),
            ("HOST", "evil.example", "headers.host"),
            ("content-length", "5", "headers.content-length"),
            ("Transfer-Encoding", "chunked", "headers.transfer-encoding"),
            ("Prefer", "a\r\nX-Evil: 1", "headers.prefer"),
            ("Prefer", "a\nb", "headers.prefer"),
            ("Prefer", "a\0b", "headers.prefer"),
            ("Prefer", "é", "headers.prefer"),
            ("Prefer", "a=\"b", "headers.prefer"),
            ("X-Evil: 1\r\nY", "a", "headers"),
            ("", "a", "headers"),
            ("with space", "a", "headers"),
        ] {
            assert_eq!(
                composed(&[(name, value)], &Method::GET, None).1,
                [field],
                "{name}: {value}"
            );
        }
        let many = vec![("x-a", "b"); 30_000];
        assert_eq!(composed(&many, &Method::GET, None).1, ["headers"]);
        let large = "x".repeat(header_size::MAX_OF_CALLER);
        assert_eq!(composed(&[("prefer", &large)], &Method::GET, None).1, ["headers"]);
    }
}
