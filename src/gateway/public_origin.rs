//! The origin at which callers reach the gateway. Every link in a response contains it, so its length is
//! limited.

use std::net::Ipv6Addr;

use http::header::HOST;
use http::{HeaderMap, Uri};

/// The longest host name (RFC 1035, 2.3.4, without the final dot).
const LONGEST_HOST: usize = 253;

/// The configured origin at which callers reach the gateway, if any.
#[derive(Debug, Default)]
pub(super) struct PublicOrigin(Option<String>);

impl PublicOrigin {
    /// Parses `GATEWAY_PUBLIC_URL`, such as `https://crm.example.com`. If it is not set, requests determine the
    /// origin.
    ///
    /// # Errors
    /// What is wrong with it, for the operator.
    pub(super) fn parse(url: Option<&str>) -> Result<Self, String> {
        let Some(url) = url else {
            return Ok(Self::default());
        };
        let origin = url.split_once("://").and_then(|(scheme, rest)| {
            let scheme = ["https", "http"]
                .into_iter()
                .find(|known| scheme.eq_ignore_ascii_case(known))?;
            let (name, port) = split(rest.strip_suffix('/').unwrap_or(rest))?;
            Some(written(scheme, name, port))
        });
        let expected =
            || format!("is \"{url}\": expected https://host or http://host, with an optional port and no path");
        origin.map(|origin| Self(Some(origin))).ok_or_else(expected)
    }

    /// The gateway's origin as callers see it: from the setting, or else from the first proxy before the
    /// gateway, or else from the request itself.
    ///
    /// # Errors
    /// What is wrong with the request, for the caller.
    pub(super) fn seen_by(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, String> {
        self.0.clone().map_or_else(|| of_request(uri, headers), Ok)
    }
}

fn of_request(uri: &Uri, headers: &HeaderMap) -> Result<String, String> {
    let forwarded = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?.split(',').next()?.trim();
        (!value.is_empty()).then_some(value)
    };
    let scheme = match forwarded("x-forwarded-proto").or(uri.scheme_str()) {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        _ => "http",
    };
    let by_proxy = forwarded("x-forwarded-host");
    let host = by_proxy
        .or(uri.authority().map(http::uri::Authority::as_str))
        .or_else(|| headers.get(HOST)?.to_str().ok())
        .ok_or(
            "the host does not tell the gateway under which host name it was called, which it needs for the links in \
             answers: set GATEWAY_PUBLIC_URL, or let the proxy in front of the gateway send X-Forwarded-Host",
        )?;
    let Some((name, port)) = split(host) else {
        let named_by = by_proxy.map_or("the request", |_| "X-Forwarded-Host");
        return Err(format!(
            "the host in {named_by} is not a host name of at most {LONGEST_HOST} characters with an optional port"
        ));
    };
    Ok(written(scheme, name, port))
}

/// Formats an origin as callers do: without the default port of the scheme, even if a proxy or a setting
/// includes it.
fn written(scheme: &str, name: &str, port: Option<u16>) -> String {
    let own_port = if scheme == "https" { 443 } else { 80 };
    let name = name.to_ascii_lowercase();
    match port.filter(|port| *port != own_port) {
        Some(port) => format!("{scheme}://{name}:{port}"),
        None => format!("{scheme}://{name}"),
    }
}

/// Splits a name or an address from a port. Underscores are allowed, because names in container networks may
/// contain them.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let end_of_name = match host.strip_prefix('[') {
        Some(literal) => {
            let (address, _) = literal.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            address.len().checked_add(2)?
        }
        None => {
            let end = host.find(':').unwrap_or(host.len());
            let name = host.get(..end)?;
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
            (is_name && !name.is_empty() && name.len() <= LONGEST_HOST).then_some(end)?
        }
    };
    let (name, rest) = host.split_at_checked(end_of_name)?;
    if rest.is_empty() {
        return Some((name, None));
    }
    let digits = rest.strip_prefix(':')?;
    let is_port = digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit());
    let port = is_port.then(|| digits.parse().ok())?.filter(|port| *port != 0)?;
    Some((name, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(uri: &str, headers: &[(&'static str, &str)]) -> Result<String, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        PublicOrigin::default().seen_by(&uri.parse().unwrap(), &map)
    }

    #[test]
    fn a_proxy_says_where_the_gateway_is_or_the_request() {
        for (uri, headers, expected) in [
            ("http://gw:3000/x", [].as_slice(), "http://gw:3000"),
            ("http://gw:80/x", &[], "http://gw"),
            ("https://gw:443/x", &[], "https://gw"),
            ("https://gw:80/x", &[], "https://gw:80"),
            ("/x", &[("host", "My_Gateway:3000")], "http://my_gateway:3000"),
            (
                "http://gw/x",
                &[("x-forwarded-host", "crm.example")],
                "http://crm.example",
            ),
            (
                "http://gw/x",
                &[
                    ("x-forwarded-proto", "HTTPS"),
                    ("x-forwarded-host", "CRM.example:443, inner"),
                ],
                "https://crm.example",
            ),
            ("http://gw/x", &[("x-forwarded-host", " ,inner")], "http://gw"),
            ("http://[::1]:3000/x", &[], "http://[::1]:3000"),
            ("http://[::1]/x", &[], "http://[::1]"),
        ] {
            assert_eq!(origin(uri, headers).as_deref(), Ok(expected), "{uri} {headers:?}");
        }
        let untold = origin("/x", &[]).unwrap_err();
        assert!(untold.contains("GATEWAY_PUBLIC_URL"), "{untold}");
    }

    #[test]
    fn a_setting_stands_before_what_requests_tell() {
        for (url, expected) in [
            ("https://crm.example", "https://crm.example"),
            ("HTTPS://CRM.example:443/", "https://crm.example"),
            ("http://gateway:3000", "http://gateway:3000"),
            ("http://[::1]:80/", "http://[::1]"),
        ] {
            let public = PublicOrigin::parse(Some(url)).unwrap();
            let headers = HeaderMap::from_iter([("x-forwarded-host".parse().unwrap(), "other".parse().unwrap())]);
            let seen = public.seen_by(&"http://gw/x".parse().unwrap(), &headers);
            assert_eq!(seen.as_deref(), Ok(expected), "{url}");
        }
        for url in [
            "crm.example",
            "https://",
            "https:///",
            "https://crm.example/gateway",
            "https://crm.example?x",
            "https://me@crm.example",
            "https://crm.example:0",
            "ftp://crm.example",
            "https://https://crm.example",
        ] {
            assert!(
                PublicOrigin::parse(Some(url))
                    .unwrap_err()
                    .contains("expected https://host"),
                "{url}"
            );
        }
    }

    #[test]
    fn a_host_is_a_name_with_a_port_or_without() {
        let longest = "h".repeat(LONGEST_HOST);
        assert!(origin("/x", &[("x-forwarded-host", &format!("{longest}:65535"))]).is_ok());
        for host in [
            &format!("{longest}h"),
            &format!("{longest}h:80"),
            &"h".repeat(100_000),
            "a/b",
            "a@b",
            "a b",
            "\"a\"",
            "a:",
            "a:0",
            "a:65536",
            "a:000080",
            "a:+80",
            "a:1:2",
            ":80",
            "::1",
            "[::1",
            "[::g]",
            "[::1]x",
            "[a]:80",
            "a?b",
            "a#b",
            "a\\b",
        ] {
            let refused = origin("http://gw/x", &[("x-forwarded-host", host)]);
            assert!(refused.unwrap_err().contains("X-Forwarded-Host"), "{host}");
        }
    }
}
