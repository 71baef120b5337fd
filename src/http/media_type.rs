//! `Content-Type` (RFC 9110, 8.3: <https://www.rfc-editor.org/rfc/rfc9110#section-8.3>).

use http::{HeaderMap, header};

/// The media type without its parameters. Dataverse adds some, such as `odata.metadata=minimal`.
pub(crate) fn of(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim())
}

/// Whether the media type is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"))
}

/// Whether the media type is multipart.
pub(crate) fn is_multipart(headers: &HeaderMap) -> bool {
    of(headers).is_some_and(|media_type| {
        let kind = media_type.split('/').next().unwrap_or_default();
        kind.eq_ignore_ascii_case("multipart")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        headers
    }

    #[test]
    fn only_the_media_type_makes_json() {
        for (content_type, json) in [
            ("application/json", true),
            ("Application/JSON; odata.metadata=minimal; odata.streaming=true", true),
            ("application/json-patch", false),
            ("text/html", false),
        ] {
            assert_eq!(is_json(&headers(content_type)), json, "{content_type}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn any_multipart_type_counts() {
        assert!(is_multipart(&headers(" Multipart/Mixed; boundary=x")));
        assert!(!is_multipart(&headers("multipartial/mixed")));
    }
}
