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
    of(headers)
        .and_then(|media_type| media_type.split_once('/'))
        .is_some_and(|(kind, _)| kind.eq_ignore_ascii_case("multipart"))
}

/// Whether the body may be readable text: every type that is not known to be something else.
pub(crate) fn may_be_text(headers: &HeaderMap) -> bool {
    const OTHERS: [&str; 4] = ["audio", "font", "image", "video"];
    const OTHER_APPLICATIONS: [&str; 5] = ["octet-stream", "pdf", "zip", "gzip", "msword"];
    let Some((kind, name)) = of(headers).and_then(|media_type| media_type.split_once('/')) else {
        return true;
    };
    let name = name.to_ascii_lowercase();
    if name.ends_with("xml") || name.ends_with("json") {
        return true;
    }
    let is_office = name.starts_with("vnd.openxmlformats-") || name.starts_with("vnd.ms-");
    let is_other = OTHER_APPLICATIONS.contains(&name.as_str()) || is_office;
    let is_known = OTHERS.iter().any(|other| kind.eq_ignore_ascii_case(other));
    !(is_known || kind.eq_ignore_ascii_case("application") && is_other)
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
    fn whatever_is_not_known_to_be_something_else_may_be_text() {
        for content_type in [
            "text/html",
            "application/json; charset=utf-8",
            "application/xml",
            "multipart/mixed; boundary=x",
            "image/svg+xml",
            "application/problem+json",
            "application/x-www-form-urlencoded",
            "nonsense",
            "",
        ] {
            assert!(may_be_text(&headers(content_type)), "{content_type}");
        }
        assert!(may_be_text(&HeaderMap::new()));
        for content_type in [
            "application/octet-stream",
            "Application/PDF",
            "image/png",
            "video/mp4",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.ms-excel",
        ] {
            assert!(!may_be_text(&headers(content_type)), "{content_type}");
        }
    }

    #[test]
    fn any_multipart_type_counts() {
        assert!(is_multipart(&headers(" Multipart/Mixed; boundary=x")));
        assert!(!is_multipart(&headers("multipartial/mixed")));
        assert!(!is_multipart(&headers("multipart")));
    }
}
