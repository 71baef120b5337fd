//! The origin of a URL (RFC 6454): scheme, host and port. A token is sent only to the origin it is for.

use std::fmt;

use http::Uri;
use url::{Host, ParseError, Url};

/// An `https` origin, or an `http` one on loopback. Lower case, without the scheme's default port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Parses a URL that consists only of an origin. One trailing slash is accepted.
    ///
    /// # Errors
    /// A readable reason why it is not valid.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (origin, rest) = read(url)?;
        if matches!(rest, "" | "/") {
            Ok(origin)
        } else {
            Err(format!(
                "contains more than the origin: write {origin}, without a path or a query"
            ))
        }
    }

    /// The origin of an absolute URL.
    ///
    /// # Errors
    /// A readable reason why it is not valid.
    pub fn of(uri: &Uri) -> Result<Self, String> {
        let scheme = uri.scheme_str().ok_or("does not begin with https://")?;
        let authority = uri.authority().ok_or("has no host")?;
        Self::parse(&format!("{scheme}://{authority}"))
    }

    /// Whether it is `https` on the default port, so that the host alone identifies it.
    pub fn is_host_alone(&self) -> bool {
        self.scheme == "https" && self.port.is_none()
    }

    /// The host, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Origin {
    /// `https://host`, with a port only if it is not the default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Splits a URL into its origin and the rest. Stricter than `Url`, which follows the rules of browsers
/// (<https://url.spec.whatwg.org>): it drops tabs and line ends, accepts backslashes and any number of
/// slashes as two, and decodes and rewrites hosts.
fn read(text: &str) -> Result<(Origin, &str), String> {
    if text.is_empty() {
        return Err("is empty: expected https://host".to_owned());
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("contains a space, a line break or another control character: expected https://host".to_owned());
    }
    let Some((_, rest)) = text.split_once("://") else {
        let hint =
            read(&format!("https://{text}")).map_or_else(|_| String::new(), |(meant, _)| format!(": write {meant}"));
        return Err(format!("does not begin with https://{hint}"));
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    if authority.is_empty() {
        return Err("has no host: expected https://host".to_owned());
    }
    if authority.contains('@') {
        return Err("contains a user name or password".to_owned());
    }
    // The ASCII-only version of idna does not support other characters, and encoded hosts are refused as
    // well.
    if !authority.is_ascii() || authority.contains('%') {
        let is_address = authority.starts_with('[');
        return Err(sentence(if is_address {
            ParseError::InvalidIpv6Address
        } else {
            ParseError::InvalidDomainCharacter
        }));
    }
    let url = Url::parse(text).map_err(sentence)?;
    let (scheme, is_https) = match url.scheme() {
        "https" => ("https", true),
        "http" => ("http", false),
        _ => return Err("does not begin with https://".to_owned()),
    };
    if authority.ends_with(':') || url.port() == Some(0) {
        return Err(sentence(ParseError::InvalidPort));
    }
    let (host, is_loopback) = match url.host() {
        Some(Host::Domain(name)) => {
            check_name(name)?;
            (name.to_owned(), name == "localhost")
        }
        Some(Host::Ipv4(address)) => (address.to_string(), address.is_loopback()),
        Some(Host::Ipv6(address)) => (format!("[{address}]"), address.is_loopback()),
        None => return Err("has no host: expected https://host".to_owned()),
    };
    let is_as_written = authority
        .get(..host.len())
        .is_some_and(|written| written.eq_ignore_ascii_case(&host));
    if !is_as_written && !host.starts_with('[') {
        return Err(sentence(ParseError::InvalidDomainCharacter));
    }
    if !is_https && !is_loopback {
        return Err("is http: only https is accepted, except for loopback hosts".to_owned());
    }
    let port = url.port();
    Ok((Origin { scheme, host, port }, rest))
}

/// A readable reason for an error of `Url`.
fn sentence(error: ParseError) -> String {
    match error {
        ParseError::InvalidPort => "has a port that is not a number from 1 to 65535",
        ParseError::InvalidIpv6Address => "has a host that is not an IPv6 address",
        ParseError::InvalidIpv4Address | ParseError::InvalidDomainCharacter | ParseError::IdnaError => {
            "has a host that is not a DNS name (letters, digits, hyphens and dots; international names in their xn-- form)"
        }
        _ => "is not a URL: expected https://host",
    }
    .to_owned()
}

/// Accepts only DNS names (RFC 1035, 2.3.1); `Url` accepts others too.
fn check_name(name: &str) -> Result<(), String> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if name.len() <= 253 && name.split('.').all(is_label) {
        Ok(())
    } else {
        Err(sentence(ParseError::InvalidDomainCharacter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> String {
        Origin::parse(url).map_or_else(|reason| reason, |origin| origin.to_string())
    }

    #[test]
    fn an_origin_is_normalised() {
        assert_eq!(
            parsed("https://Contoso.CRM.dynamics.com/"),
            "https://contoso.crm.dynamics.com"
        );
        assert_eq!(
            parsed("HTTPS://contoso.crm.dynamics.com:443"),
            "https://contoso.crm.dynamics.com"
        );
        assert_eq!(parsed("https://contoso.example:8443"), "https://contoso.example:8443");
        assert_eq!(parsed("http://127.0.0.1:3000"), "http://127.0.0.1:3000");
        assert_eq!(parsed("http://[::1]:3000/"), "http://[::1]:3000");
        assert_eq!(parsed("http://localhost:80"), "http://localhost");
    }

    #[test]
    fn anything_but_an_origin_is_refused() {
        for rest in ["/api/data/v9.2/", "//", "?x=1", "/#", "\\", "/main.aspx?appid=1"] {
            assert_eq!(
                parsed(&format!("https://Contoso.crm.dynamics.com{rest}")),
                "contains more than the origin: write https://contoso.crm.dynamics.com, without a path or a query"
            );
        }
        for (url, part) in [
            (
                "contoso.crm.dynamics.com",
                "does not begin with https://: write https://contoso.crm.dynamics.com",
            ),
            (
                "contoso.crm.dynamics.com/api/data/v9.2/",
                "does not begin with https://: write https://contoso.crm.dynamics.com",
            ),
            ("https:contoso.crm.dynamics.com", "does not begin with https://"),
            ("https:/contoso.crm.dynamics.com", "does not begin with https://"),
            ("//contoso.crm.dynamics.com", "does not begin with https://"),
            ("ftp://contoso.crm.dynamics.com", "does not begin with https://"),
            ("javascript://contoso.crm.dynamics.com", "does not begin with https://"),
            ("http://contoso.crm.dynamics.com", "is http"),
            ("http://127.0.0.1.evil.example", "is http"),
            ("https://me:pw@contoso.crm.dynamics.com", "user name"),
            ("https://@contoso.crm.dynamics.com", "user name"),
            ("https://contoso.crm.dynamics.com:0", "port"),
            ("https://contoso.crm.dynamics.com:", "port"),
            ("https://contoso.crm.dynamics.com:99999", "port"),
            ("https://contoso.crm.dynamics.com:+1", "port"),
            ("https://contoso..com", "DNS name"),
            ("https://contoso.com.", "DNS name"),
            ("https://cont_oso.com", "DNS name"),
            ("https://-contoso.com", "DNS name"),
            ("https://%63ontoso.com", "DNS name"),
            ("https://A¡", "xn--"),
            ("https://A%c2%a1", "xn--"),
            ("https://münchen.example", "xn--"),
            ("https://contoso\u{200b}.com", "xn--"),
            ("http://127.1", "DNS name"),
            ("http://0x7f.0.0.1", "DNS name"),
            ("http://2130706433", "DNS name"),
            ("http://127.0.0.256", "DNS name"),
            ("https://con toso.com", "a space"),
            ("https://con\ttoso.com", "control character"),
            ("https://contoso.com\n", "line break"),
            ("https://contoso.com\u{0}", "control character"),
            ("https://", "has no host"),
            ("https:///contoso.com", "has no host"),
            ("https://:443", "is not a URL"),
            ("", "is empty"),
            ("https://[::g]", "IPv6"),
            ("https://[::1", "IPv6"),
            ("https://[fe80::1%25eth0]", "IPv6"),
        ] {
            assert!(parsed(url).contains(part), "{url}: {}", parsed(url));
            assert!(Origin::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_link_and_a_setting_have_the_same_origin() {
        for url in [
            "https://Contoso.crm.dynamics.com:443",
            "http://[0:0:0:0:0:0:0:1]:3000",
            "https://[::ffff:127.0.0.1]",
            "https://xn--mnchen-3ya.example",
            "http://127.0.0.1:80",
        ] {
            let uri: Uri = format!("{url}/api/data/v9.2/contacts?$skiptoken=%3ccookie%20page%3d'1'")
                .parse()
                .unwrap();
            let origin = Origin::parse(url).unwrap();
            assert_eq!(Origin::of(&uri), Ok(origin.clone()), "{url}");
            assert_eq!(Origin::parse(&origin.to_string()), Ok(origin), "{url}");
        }
    }
}
