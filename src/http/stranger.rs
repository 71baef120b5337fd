//! An answer that is not the service's: what came, and from what, without what it says. A proxy's page may quote the request.

use http::{HeaderMap, HeaderName, Uri, header};

use super::media_type;
use crate::quote::plain_words;
use crate::redact::redact;

/// Of each part, in characters.
const LONGEST: usize = 80;

/// On one line: media type and size, the title of a page, where a redirect leads, and by which products and proxies it came.
/// Nothing of it holds one of the secrets.
pub(crate) fn describe(headers: &HeaderMap, body: &[u8], secrets: &[&str]) -> String {
    let mut parts = vec![kind(headers), format!("{} bytes", body.len())];
    if let Some(title) = title(body, secrets) {
        parts.push(format!("titled \"{title}\""));
    }
    if let Some(origin) = leads_to(headers) {
        parts.push(format!("to {origin}"));
    }
    for (name, shown) in [
        (header::SERVER, "Server"),
        (header::VIA, "Via"),
        (header::PROXY_AUTHENTICATE, "Proxy-Authenticate"),
    ] {
        if let Some(value) = value(headers, &name) {
            parts.push(format!("{shown}: {value}"));
        }
    }
    redact(&parts.join(", "), secrets)
}

/// The media type, as far as it is one (RFC 9110, 8.3.1).
fn kind(headers: &HeaderMap) -> String {
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_');
    let Some(media_type) = media_type::of(headers) else {
        return "no content type".to_owned();
    };
    let is_one = media_type
        .split_once('/')
        .is_some_and(|(main, sub)| !main.is_empty() && !sub.is_empty() && main.chars().chain(sub.chars()).all(is_token));
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
    // What is looked for is ASCII, so that places in one text are places in the other.
    let lower = head.to_ascii_lowercase();
    let begun = lower.find("<title")?;
    let from = begun.checked_add(lower.get(begun..)?.find('>')?)?.checked_add(1)?;
    let until = from.checked_add(lower.get(from..)?.find("</title")?)?;
    let title = plain_words(&redact(head.get(from..until)?, secrets), LONGEST);
    (!title.is_empty()).then_some(title)
}

/// The origin that a redirect leads to.
pub(crate) fn leads_to(headers: &HeaderMap) -> Option<String> {
    let location: Uri = headers.get(header::LOCATION)?.to_str().ok()?.parse().ok()?;
    let (scheme, host) = (location.scheme_str()?, location.host()?);
    (host.len() <= LONGEST).then(|| format!("{scheme}://{host}"))
}

/// The first word of each challenge, and of other headers what products and hosts are named with.
fn value(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let is_challenge = *name == header::PROXY_AUTHENTICATE;
    let mut values = Vec::new();
    for value in headers.get_all(name).iter().take(4) {
        let value = value.to_str().ok()?;
        let value = if is_challenge {
            value.split(' ').next().unwrap_or_default()
        } else {
            value
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '/' | '.' | '-' | '_' | '(' | ')' | ',' | ':');
        if value.is_empty() || value.len() > LONGEST || !value.chars().all(is_plain) {
            return None;
        }
        values.push(value);
    }
    (!values.is_empty()).then(|| values.join(", "))
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
                    ("proxy-authenticate", "Negotiate"),
                    ("proxy-authenticate", "Basic realm=\"hunter2hunter2\""),
                ],
                "<html><TITLE id='x'>\n Access\n denied \n</TITLE><p>hunter2hunter2"
            ),
            "text/html, 62 bytes, titled \"Access denied\", Server: squid/5.7, Via: 1.1 edge (squid/5.7), Proxy-Authenticate: \
             Negotiate, Basic"
        );
        assert_eq!(
            described(&[("location", "https://user@portal.example:8443/login?x=hunter2")], ""),
            "no content type, 0 bytes, to https://portal.example"
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
            ([("location", "/relative?hunter2hunter2")], ""),
            ([("proxy-authenticate", "hunter2hunter2")], ""),
            ([("x", "")], "<title>hunter2hunter2</title>"),
            ([("x", "")], "<title>hunter2hunter2"),
            ([("x", "")], "<title"),
        ] {
            let told = described(&pairs, body);
            assert!(!told.contains("hunter2h") && !told.contains("a=b"), "{told}");
        }
    }
}
