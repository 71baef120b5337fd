//! Which headers pass.

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use super::links::Origins;
use super::opened::Opened;
use super::refusal::Refusal;
use crate::http::content_coding::{Applied, IDENTITY, narrowed};
use crate::http::header_size;

/// Both services' name for the caller's own id of a request.
const CALLERS_ID: HeaderName = HeaderName::from_static("client-request-id");

/// What a caller may say to Dataverse, beside what is OData's and Dataverse's own (`opened`). Anything else says who the caller
/// is, belongs to the connection, or could turn one method into another.
pub(super) const PASSED_IN: [&str; 15] = [
    "accept",
    "accept-language",
    "client-request-id",
    "consistency",
    "content-language",
    "content-range",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "isolation",
    "prefer",
    "range",
    "x-ms-file-name",
    "x-ms-transfer-mode",
];

/// What an answer keeps to itself: the connection's headers, cookies, how to sign in to Dataverse, and what binds a browser
/// to Dataverse's origin.
const KEPT_BACK: [&str; 14] = [
    "alt-svc",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-frame-options",
];

/// The headers of a request as they go on.
///
/// # Errors
/// Why the request is refused, for the caller.
pub(super) fn inward(given: &HeaderMap, opened: &Opened, id: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        if opened.passes(name.as_str(), value.as_bytes())? {
            headers.append(name, value.clone());
        }
    }
    headers.insert(header::USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
    // The bytes of a range are the file's own, not those of its coded form.
    let codings = if given.contains_key(header::RANGE) {
        IDENTITY
    } else {
        narrowed(given)
    };
    headers.insert(header::ACCEPT_ENCODING, codings);
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-ms-client-request-id", id.clone());
        headers.insert(CALLERS_ID, id);
    }
    Ok(headers)
}

/// Refuses a body in a content coding: nobody could look into it, and Dataverse does not document that it takes one.
///
/// # Errors
/// The refusal.
pub(super) fn check_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    match Applied::of(headers) {
        Applied::Plain => Ok(()),
        coding => Err(Refusal::coded(coding.name())),
    }
}

/// The headers of an answer as they go back, links included.
pub(super) fn outward(given: &HeaderMap, origins: &Origins) -> HeaderMap {
    const LINKS: [&str; 3] = ["content-location", "location", "odata-entityid"];
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        if KEPT_BACK.contains(&name.as_str()) {
            continue;
        }
        let link = LINKS
            .contains(&name.as_str())
            .then(|| value.to_str().ok().and_then(|url| origins.replace(url)));
        let replaced = link.flatten().and_then(|url| HeaderValue::try_from(url).ok());
        headers.append(name, replaced.unwrap_or_else(|| value.clone()));
    }
    headers
}

/// Whether a host takes so many headers.
///
/// # Errors
/// That there are more.
pub(crate) fn check_size(headers: &HeaderMap) -> Result<(), &'static str> {
    let lengths = headers.iter().map(|(name, value)| (name.as_str().len(), value.len()));
    if header_size::counted(lengths) > header_size::MAX {
        Err("the headers are too large to be relayed")
    } else {
        Ok(())
    }
}

/// The caller's own id of a request, if it fits a log line.
pub(super) fn client_request_id(headers: &HeaderMap) -> Option<String> {
    let names = ["client-request-id", "x-ms-client-request-id"];
    let id = names.iter().find_map(|name| headers.get(*name))?.to_str().ok()?;
    let fits = !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| id.to_owned())
}

/// An answer with the id it belongs to.
pub(super) fn with_id<B>(mut reply: Response<B>, id: &str) -> Response<B> {
    if let Ok(id) = HeaderValue::from_str(id) {
        reply.headers_mut().insert(CALLERS_ID, id);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_concerns_dataverse_goes_in() {
        let mut given = HeaderMap::new();
        for (name, value) in [
            ("prefer", "odata.maxpagesize=5"),
            ("mscrm.solutionuniquename", "Sample"),
            ("authorization", "Bearer mine"),
            ("x-api-key", "mine"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("user-agent", "me"),
            ("origin", "https://me.example"),
            ("referer", "https://me.example"),
            ("spin-client-addr", "10.0.0.1"),
            ("x-http-method-override", "DELETE"),
            ("x-http-method", "MERGE"),
            ("accept-encoding", "gzip"),
            ("transfer-encoding", "chunked"),
            ("odata-version", "4.0"),
        ] {
            given.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let headers = inward(&given, &Opened::default(), "id").unwrap();
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept-encoding",
                "client-request-id",
                "mscrm.solutionuniquename",
                "odata-version",
                "prefer",
                "user-agent",
                "x-ms-client-request-id"
            ]
        );
        assert!(headers["user-agent"].to_str().unwrap().starts_with("raia-dynamics365/"));
        assert_eq!(headers["accept-encoding"], "gzip");
        given.insert(header::RANGE, HeaderValue::from_static("bytes=0-9"));
        assert_eq!(
            inward(&given, &Opened::default(), "id").unwrap()["accept-encoding"],
            "identity"
        );
        given.insert("callerobjectid", HeaderValue::from_static("x"));
        assert!(inward(&given, &Opened::default(), "id").is_err());
    }

    #[test]
    fn ids_that_do_not_fit_a_log_line_are_not_taken() {
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CALLERS_ID, value.parse().unwrap());
            client_request_id(&headers)
        };
        assert_eq!(id("abc-1").as_deref(), Some("abc-1"));
        assert_eq!(id(""), None);
        assert_eq!(id("a b"), None);
        assert_eq!(id(&"x".repeat(129)), None);
    }
}
