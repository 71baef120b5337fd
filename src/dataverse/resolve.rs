//! Relative URLs in an answer, made absolute as they are (RFC 3986, 5.2): nothing in them is decoded or encoded.

/// Makes a URL absolute that is relative to `base`. One that cannot be is left as it is, and no request can be made of it then.
pub(crate) fn against(base: &str, url: &mut String) {
    if url.is_empty() || url.starts_with('#') || has_scheme(url) {
        return;
    }
    let Some(origin) = origin(base) else {
        return;
    };
    let scheme = origin.split_once(':').map_or("", |(scheme, _)| scheme);
    let below = base.get(origin.len()..).unwrap_or_default();
    let path = below.split(['?', '#']).next().unwrap_or_default();
    let absolute = if url.starts_with("//") {
        format!("{scheme}:{url}")
    } else if url.starts_with('/') {
        format!("{origin}{url}")
    } else if url.starts_with('?') {
        format!("{origin}{path}{url}")
    } else {
        let folder = path.rfind('/').and_then(|end| path.get(..end)).unwrap_or_default();
        let (folder, rest) = climb(folder, url);
        format!("{origin}{folder}/{rest}")
    };
    *url = absolute;
}

/// Scheme, host and port of an absolute URL.
pub(crate) fn origin(url: &str) -> Option<&str> {
    let authority = url.find("://")?.checked_add("://".len())?;
    let rest = url.get(authority..)?;
    let end = authority.checked_add(rest.find(['/', '?', '#']).unwrap_or(rest.len()))?;
    url.get(..end)
}

/// The dots that a relative path begins with. Any further in are none that a service writes, and are refused when it is requested.
fn climb<'a>(mut folder: &'a str, mut url: &'a str) -> (&'a str, &'a str) {
    loop {
        if let Some(rest) = url.strip_prefix("./") {
            url = rest;
        } else if let Some(rest) = url.strip_prefix("../") {
            url = rest;
            folder = folder.rfind('/').and_then(|end| folder.get(..end)).unwrap_or_default();
        } else {
            return (folder, url);
        }
    }
}

/// RFC 3986, 3.1.
fn has_scheme(url: &str) -> bool {
    let Some((scheme, _)) = url.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_resolved_as_they_are() {
        for (base, url, absolute) in [
            ("https://h/a/b/c?x=/y", "d?q=a%2520b", "https://h/a/b/d?q=a%2520b"),
            ("https://h/a/b/c", "/d", "https://h/d"),
            ("https://h/a/b/c?x", "?d", "https://h/a/b/c?d"),
            ("https://h:1/a/b/c", "../d", "https://h:1/a/d"),
            ("https://h/a/b/c", "./../../../d", "https://h/d"),
            ("https://h/a/$metadata#x/y", "d", "https://h/a/d"),
            ("https://h", "d", "https://h/d"),
            ("https://h/a", "//i/d", "https://i/d"),
            ("https://h/a", "http://i/d", "http://i/d"),
            ("https://h/a", "d(x=':')", "https://h/d(x=':')"),
            ("https://h/a", "", ""),
            ("https://h/a", "#d", "#d"),
            ("nonsense", "d", "d"),
        ] {
            let mut resolved = url.to_owned();
            against(base, &mut resolved);
            assert_eq!(resolved, absolute, "{base} {url}");
        }
    }
}
