//! The origin of a URL (RFC 6454): scheme, host and port. A token never leaves the one it is for.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;
use http::uri::Scheme;

/// An `https` origin, or an `http` one on loopback. Lower case, without the scheme's default port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Reads a URL that names nothing but an origin; one slash at its end is let pass.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        if !matches!(rest.get(end..), Some("" | "/")) {
            return Err("carries more than the origin: expected https://host, without a path or a query".to_owned());
        }
        let uri: Uri = url
            .parse()
            .map_err(|_| "is not a URL: expected https://host".to_owned())?;
        Self::of(&uri)
    }

    /// The origin of an absolute URL.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn of(uri: &Uri) -> Result<Self, String> {
        let scheme = uri.scheme().ok_or("does not begin with https://")?;
        let authority = uri.authority().ok_or("names no host")?;
        if authority.as_str().contains('@') {
            return Err("carries a user name or password".to_owned());
        }
        let host = authority.host().to_ascii_lowercase();
        check_host(&host)?;
        let port = explicit_port(authority.as_str())?;
        if scheme == &Scheme::HTTPS {
            Ok(Self {
                scheme: "https",
                host,
                port: port.filter(|port| *port != 443),
            })
        } else if scheme == &Scheme::HTTP && is_loopback(&host) {
            Ok(Self {
                scheme: "http",
                host,
                port: port.filter(|port| *port != 80),
            })
        } else if scheme == &Scheme::HTTP {
            Err("is http: only https is accepted, except for loopback hosts".to_owned())
        } else {
            Err("does not begin with https://".to_owned())
        }
    }

    /// Whether it is `https` on its usual port, so that the host says it all.
    pub fn is_host_alone(&self) -> bool {
        self.scheme == "https" && self.port.is_none()
    }

    /// The host, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Origin {
    /// `https://host`, with a port only where it is not the scheme's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// ASCII host names only: the tables for international ones would be a third of the component, and no host of
/// Microsoft's has such a name.
fn check_host(host: &str) -> Result<(), String> {
    if let Some(literal) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return match literal.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err("has a host that is no IPv6 address".to_owned()),
        };
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if host.len() <= 253 && host.split('.').all(is_label) {
        Ok(())
    } else {
        Err("has a host that is no DNS name (letters, digits, hyphens and dots)".to_owned())
    }
}

fn explicit_port(authority: &str) -> Result<Option<u16>, String> {
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    match after_host.rsplit_once(':') {
        None => Ok(None),
        Some((_, digits)) => match digits.parse::<u16>() {
            Ok(port) if port != 0 && digits.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(port)),
            _ => Err("has a port that is no number from 1 to 65535".to_owned()),
        },
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
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
        let more = "carries more than the origin: expected https://host, without a path or a query";
        for url in [
            "https://contoso.crm.dynamics.com/api/data/v9.2",
            "https://contoso.crm.dynamics.com//",
            "https://contoso.crm.dynamics.com?x=1",
            "https://contoso.crm.dynamics.com/#",
            "https://contoso.crm.dynamics.com\\",
        ] {
            assert_eq!(parsed(url), more, "{url}");
        }
        for (url, part) in [
            ("contoso.crm.dynamics.com", "does not begin with https://"),
            ("ftp://contoso.crm.dynamics.com", "does not begin with https://"),
            ("http://contoso.crm.dynamics.com", "is http"),
            ("http://127.0.0.1.evil.example", "is http"),
            ("https://me:pw@contoso.crm.dynamics.com", "user name"),
            ("https://contoso.crm.dynamics.com:0", "port"),
            ("https://contoso.crm.dynamics.com:", "port"),
            ("https://contoso.crm.dynamics.com:99999", "port"),
            ("https://contoso..com", "DNS name"),
            ("https://cont_oso.com", "DNS name"),
            ("https://münchen.example", "is not a URL"),
            ("https://con toso.com", "is not a URL"),
            ("https://", "is not a URL"),
            ("", "is not a URL"),
            ("https://[::g]", "IPv6"),
        ] {
            assert!(parsed(url).contains(part), "{url}: {}", parsed(url));
        }
    }
}
