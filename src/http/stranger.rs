//! Describes an answer that does not come from the service: its kind and its origin, without its content. A
//! proxy's page may quote the request.

use http::{HeaderMap, header};

use super::content_coding::Applied;
use super::media_type;
use crate::redact::{plain_words, redact};

/// The maximum length of each part, in characters.
const LONGEST: usize = 80;

/// A description on one line: media type and size, the title of a page, the target of a redirect, and the
/// products and proxies that sent it. It contains none of the secrets.
pub(crate) fn describe(headers: &HeaderMap, body: &[u8], secrets: &[&str]) -> String {
    let mut parts = vec![kind(headers), format!("{} bytes", body.len())];
    if let coding @ Applied::Unknown(_) = Applied::of(headers) {
        parts.push(format!("compressed ({}), which was not asked for", coding.name()));
    }
    if let Some(title) = title(body, secrets) {
        parts.push(format!("titled \"{title}\""));
    }
    if let Some(origin) = leads_to(headers) {
        parts.push(format!("to {origin}"));
    }
    for name in ["Server", "Via"] {
        if let Some(value) = products(headers, name) {
            parts.push(format!("{name}: {value}"));
        }
    }
    redact(&parts.join(", "), secrets)
}

/// The media type, if it is valid (RFC 9110, 8.3.1).
pub(crate) fn kind(headers: &HeaderMap) -> String {
    let is_token = |text: &str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-+._".contains(&b);
        !text.is_empty() && text.bytes().all(is_plain)
    };
    let Some(media_type) = media_type::of(headers) else {
        return "no content type".to_owned();
    };
    let is_one = media_type
        .split_once('/')
        .is_some_and(|(main, sub)| is_token(main) && is_token(sub));
    if is_one && media_type.len() <= LONGEST {
        media_type.to_owned()
    } else {
        "an odd content type".to_owned()
    }
}

/// The title of a page, in plain words.
pub(crate) fn title(body: &[u8], secrets: &[&str]) -> Option<String> {
    const HEAD: usize = 16 << 10;
    let head = String::from_utf8_lossy(body.get(..HEAD).unwrap_or(body));
    // The search terms are ASCII, so positions in `lower` are valid in `head`.
    let lower = head.to_ascii_lowercase();
    let begun = lower.find("<title")?;
    let from = begun.checked_add(lower.get(begun..)?.find('>')?)?.checked_add(1)?;
    let until = from.checked_add(lower.get(from..)?.find("</title")?)?;
    let title = plain_words(&redact(head.get(from..until)?, secrets), LONGEST);
    (!title.is_empty()).then_some(title)
}

/// The origin of a redirect's target.
pub(crate) fn leads_to(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let (scheme, rest) = location.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    let is_origin = matches!(scheme, "https" | "http") && host.len() <= LONGEST && host.bytes().all(is_plain);
    is_origin.then(|| format!("{scheme}://{host}"))
}

/// The first header with this name, if it contains only characters that are usual in product and host names.
fn products<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b" /.-_(),:".contains(&b);
    (value.len() <= LONGEST && value.bytes().all(is_plain)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(pairs: &[(&'static str, &str)], body: &str) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        describe(&headers, body.as_bytes(), &["hunter2hunter2"])
    }

    #[test]
    fn what_came_is_told_without_what_it_says() {
        assert_eq!(described(&[], ""), "no content type, 0 bytes");
        assert_eq!(
            described(
                &[
                    ("content-type", "text/html; charset=utf-8"),
                    ("server", "squid/5.7"),
                    ("via", "1.1 edge (squid/5.7)"),
                ],
                "<html><TITLE id='x'>\n Access\n denied \n</TITLE><p>hunter2hunter2"
            ),
            "text/html, 63 bytes, titled \"Access denied\", Server: squid/5.7, Via: 1.1 edge (squid/5.7)"
        );
        assert_eq!(
            described(&[("location", "https://portal.example:8443/login?x=hunter2")], ""),
            "no content type, 0 bytes, to https://portal.example:8443"
        );
    }

    #[test]
    fn what_may_be_a_secret_is_not_told() {
        for (pairs, body) in [
            ([("content-type", "hunter2hunter2")], ""),
            ([("content-type", "text/hunter2hunter2")], ""),
            ([("server", "hunter2hunter2")], ""),
            ([("server", "a=b")], ""),
            ([("via", "hunter2%68unter2")], ""),
            ([("location", "https://hunter2hunter2.example/")], ""),
            ([("location", "https://hunter2h@portal.example/")], ""),
            ([("location", "/relative?hunter2hunter2")], ""),
            ([("x", "")], "<title>hunter2hunter2</title>"),
            ([("x", "")], "<title>hunter2hunter2"),
            ([("x", "")], "<title"),
        ] {
            let told = described(&pairs, body);
            assert!(!told.contains("hunter2h") && !told.contains("a=b"), "{told}");
        }
    }
}
