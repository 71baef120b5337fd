//! Builds request URLs from a path under `/api/data/v9.2/` or a link that Dataverse returned.

use std::fmt::Write;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::http::dot_segments::{self, Fault};
use crate::http::origin::Origin;

/// The base of relative paths.
pub const ROOT: &str = "/api/data/v9.2/";

/// The base of absolute links, which may contain another version of the Web API.
pub(crate) const LINK_ROOT: &str = "/api/data/";

/// Dataverse's limit for a URL, in characters (docs/facts/dataverse.md, 1.6).
pub const MAX_URL: usize = 32_768;

/// Its limit for the URL of a request in a `$batch` (docs/facts/dataverse.md, 1.6).
pub(crate) const MAX_URL_IN_BATCH: usize = 65_536;

/// The URL for a caller's path, of at most `longest` characters. Its origin is always the environment's.
///
/// # Errors
/// A readable reason why the path is not valid.
pub fn target(environment: &Origin, path: &str, longest: usize) -> Result<Uri, String> {
    if path.len() > longest {
        return Err(too_long(path.len(), longest));
    }
    let path_and_query = if is_absolute(path) {
        of_link(environment, path)?
    } else {
        of_relative(path)?
    };
    below(environment, &path_and_query, longest)
}

/// The URL for a path and query in the environment, of at most `longest` characters.
///
/// # Errors
/// A readable reason why it is not valid.
pub(crate) fn below(environment: &Origin, path_and_query: &str, longest: usize) -> Result<Uri, String> {
    let environment = environment.to_string();
    let length = environment.len().saturating_add(path_and_query.len());
    if length > longest {
        return Err(too_long(length, longest));
    }
    join(&environment, path_and_query).ok_or_else(|| "cannot be converted to a URL".to_owned())
}

fn too_long(length: usize, longest: usize) -> String {
    format!("is too long: {length} characters, more than the {longest} that Dataverse accepts in a URL")
}

/// The length of a URL in characters.
pub(crate) fn length(uri: &Uri) -> usize {
    let scheme = uri
        .scheme_str()
        .map_or(0, |scheme| scheme.len().saturating_add("://".len()));
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    scheme.saturating_add(authority).saturating_add(target)
}

/// Built from parts, a URI may have 65,536 characters; when parsing, `Uri` accepts two fewer.
fn join(environment: &str, path_and_query: &str) -> Option<Uri> {
    let mut parts = environment.parse::<Uri>().ok()?.into_parts();
    parts.path_and_query = Some(path_and_query.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Whether the path is itself a URL, rather than containing one in a quoted value or in the query.
fn is_absolute(path: &str) -> bool {
    path.split(['?', '\'', '('])
        .next()
        .is_some_and(|start| start.contains("://"))
}

/// Encodes a value for a query: everything except the unreserved characters of RFC 3986.
pub(crate) fn encode_value(value: &str) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(value, ENCODED).to_string()
}

/// The URL of an absolute link that Dataverse returned, which must be below the Web API's root in the
/// environment.
///
/// # Errors
/// A readable reason why it is not valid.
pub fn link(environment: &Origin, link: &str) -> Result<Uri, String> {
    below(environment, &of_link(environment, link)?, MAX_URL_IN_BATCH)
}

/// Links are opaque and kept unchanged: paging cookies are encoded twice.
fn of_link(environment: &Origin, link: &str) -> Result<String, String> {
    if !link.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\')) {
        return Err("is an absolute link with characters that links from Dataverse never contain".to_owned());
    }
    let uri: Uri = link
        .parse()
        .map_err(|_| "is an absolute link that is not a URL".to_owned())?;
    let origin = Origin::of(&uri).map_err(|reason| format!("is an absolute link that {reason}"))?;
    if origin != *environment {
        return Err(format!(
            "points to {origin}, not to the environment {environment}: the token is sent only to the environment"
        ));
    }
    if !uri.path().starts_with(LINK_ROOT) {
        return Err(format!("is an absolute link whose path is not below {LINK_ROOT}"));
    }
    refuse_dot_segments(uri.path())?;
    Ok(uri
        .path_and_query()
        .map_or_else(String::new, |target| target.as_str().to_owned()))
}

fn of_relative(path: &str) -> Result<String, String> {
    if path.starts_with('/') {
        return Err(format!(
            "begins with a slash: write it relative to {ROOT}, such as contacts"
        ));
    }
    let encoded = encode(path)?;
    let end = encoded.find('?').unwrap_or(encoded.len());
    refuse_dot_segments(encoded.get(..end).unwrap_or_default())?;
    Ok(format!("{ROOT}{encoded}"))
}

/// Percent-encodes characters that are not allowed in a URL (RFC 3986), and delimiters between quotes: in
/// single quotes, OData's strings, and in double quotes within brackets, JSON's strings. Existing escapes
/// stay unchanged. Ambiguous text is refused.
fn encode(path: &str) -> Result<String, String> {
    let mut encoded = String::with_capacity(path.len());
    let mut quotes = Quotes::default();
    let mut in_query = false;
    for (index, c) in path.char_indices() {
        let escape = (c == '%').then(|| escape_at(path, index)).flatten();
        let quoted = quotes.take(c, escape, in_query)?;
        match c {
            '?' if !quoted => in_query = true,
            '#' if !quoted => {
                return Err("contains a # outside quotes, which would end it there: write %23".to_owned());
            }
            '<' | '>' | '"' if !quoted => {
                return Err(format!(
                    "contains a {c} outside single quotes: FetchXML and JSON in a query must be percent-encoded completely, because otherwise their & and quotes would be interpreted as the query's"
                ));
            }
            _ if c.is_control() => {
                return Err(
                    "contains a line break or another control character: if it is intended, write it as %0A".to_owned(),
                );
            }
            _ => {}
        }
        let kept = match c {
            '%' => escape.is_some(),
            '/' | '?' => !quoted || in_query,
            '&' => !quoted || !in_query,
            '+' => !in_query || !quoted && !is_of_offset(path, index),
            _ => c.is_ascii_alphanumeric() || "-._~!$'()*,;=:@".contains(c),
        };
        if kept {
            encoded.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a string does not fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    quotes.end()?;
    if percent_decode_str(&encoded).decode_utf8().is_err() {
        return Err("contains percent-encoded bytes that are not UTF-8: write %25 for a percent sign".to_owned());
    }
    Ok(encoded)
}

/// Which quotes are open.
#[derive(Default)]
struct Quotes {
    single: bool,
    /// Only within brackets of the query, where JSON is allowed, and not within single quotes.
    double: bool,
    /// Directly after a backslash within double quotes.
    escaped: bool,
    brackets: usize,
}

impl Quotes {
    /// Processes the next character, or the escape that begins with it. Returns whether it is within
    /// quotes; this includes opening and closing quotes that are delimiters.
    fn take(&mut self, c: char, escape: Option<&str>, in_query: bool) -> Result<bool, String> {
        let is_single = c == '\'' || escape == Some("27");
        if self.double {
            if is_single {
                return Err(
                    "contains a single quote within double quotes, which could close or open a string: write ['O''Brien'] for \
                     [\"O'Brien\"]"
                        .to_owned(),
                );
            }
            let ends = c == '"' && !self.escaped;
            self.escaped = c == '\\' && !self.escaped;
            self.double = !ends;
            return Ok(true);
        }
        if is_single {
            self.single = !self.single;
            return Ok(self.single);
        }
        match c {
            _ if self.single => {}
            '[' | '{' if in_query => self.brackets = self.brackets.saturating_add(1),
            ']' | '}' => self.brackets = self.brackets.saturating_sub(1),
            '"' if self.brackets > 0 => self.double = true,
            _ => {}
        }
        Ok(self.single || self.double)
    }

    fn end(&self) -> Result<(), String> {
        if self.single {
            Err("has unpaired single quotes: double a quote within a value ('O''Brien')".to_owned())
        } else if self.double {
            Err("has unpaired double quotes".to_owned())
        } else {
            Ok(())
        }
    }
}

/// Whether a plus sign precedes the offset of a date and time (`T00:00:00+01:00`), where it is literal and
/// does not mean a space.
fn is_of_offset(path: &str, index: usize) -> bool {
    /// The longest time: `23:59:59.1234567`, allowing for more digits.
    const LONGEST_TIME: usize = 24;
    let before = path.as_bytes().get(..index).unwrap_or_default();
    let after = path
        .as_bytes()
        .get(index..)
        .and_then(|rest| rest.get(1..))
        .unwrap_or_default();
    let is_offset = matches!(after, [h1, h2, b':', m1, m2, ..]
        if [h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit));
    let recent = before
        .get(before.len().saturating_sub(LONGEST_TIME)..)
        .unwrap_or_default();
    let time = recent.rsplit(|byte| *byte == b'T').next().unwrap_or_default();
    let is_time = time.len() < recent.len()
        && time.contains(&b':')
        && time.iter().all(|byte| byte.is_ascii_digit() || b":.".contains(byte));
    is_offset && is_time
}

/// The two hexadecimal digits after a percent sign, if they are there.
fn escape_at(path: &str, index: usize) -> Option<&str> {
    let digits = path.get(index..)?.get(1..3)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(digits)
}

/// Refuses dot segments, also encoded ones: servers and proxies resolve `..` after decoding, and some
/// decode more than once.
///
/// # Errors
/// A readable reason why the path is not valid.
pub(crate) fn refuse_dot_segments(path: &str) -> Result<(), String> {
    dot_segments::refuse(path).map_err(|fault| match fault {
        Fault::Dots => format!("contains a dot segment (. or ..), which could resolve to a path outside {LINK_ROOT}"),
        Fault::NoUtf8 => "contains percent-encoded bytes that are not UTF-8".to_owned(),
        Fault::EncodedTooOften => "is percent-encoded too many times".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVIRONMENT: &str = "https://contoso.crm.dynamics.com";

    fn url(path: &str) -> Result<String, String> {
        let environment = Origin::parse(ENVIRONMENT)?;
        target(&environment, path, MAX_URL_IN_BATCH).map(|uri| uri.to_string())
    }

    fn below_root(path: &str) -> String {
        let url = url(path).unwrap();
        url.strip_prefix("https://contoso.crm.dynamics.com/api/data/v9.2/")
            .unwrap()
            .to_owned()
    }

    #[test]
    fn plain_paths_are_encoded() {
        assert_eq!(below_root("contacts"), "contacts");
        assert_eq!(below_root(""), "");
        assert_eq!(
            below_root("contacts?$select=fullname,_ownerid_value&$top=3"),
            "contacts?$select=fullname,_ownerid_value&$top=3"
        );
        assert_eq!(
            below_root("contacts?$filter=lastname eq 'O''Brien'"),
            "contacts?$filter=lastname%20eq%20'O''Brien'"
        );
        assert_eq!(
            below_root("contacts?$filter=lastname eq 'Łoś'"),
            "contacts?$filter=lastname%20eq%20'%C5%81o%C5%9B'"
        );
    }

    #[test]
    fn what_is_encoded_is_not_encoded_twice() {
        for path in [
            "contacts?$filter=lastname%20eq%20%27O%27%27Brien%27",
            "contacts?$filter=lastname+eq+%27Zo%C3%AB%27&$count=true",
            "accounts(name='A%2FB')",
        ] {
            assert_eq!(below_root(path), path);
        }
        assert_eq!(
            below_root("contacts?$filter=contains(x,'100%')"),
            "contacts?$filter=contains(x,'100%25')"
        );
        assert_eq!(
            below_root("contacts?$filter=contains(x,'5%zz')"),
            "contacts?$filter=contains(x,'5%25zz')"
        );
        assert_eq!(below_root("c?x=%"), "c?x=%25");
        assert_eq!(below_root("c?x=%4"), "c?x=%254");
        assert_eq!(below_root("c?x=%é"), "c?x=%25%C3%A9");
    }

    #[test]
    fn delimiters_between_quotes_are_part_of_the_value() {
        assert_eq!(
            below_root("accounts?$filter=name eq 'Rock & Roll #1 + more'&$top=1"),
            "accounts?$filter=name%20eq%20'Rock%20%26%20Roll%20%231%20%2B%20more'&$top=1"
        );
        assert_eq!(
            below_root("x?$filter=name eq %27A & B%27&$top=1"),
            "x?$filter=name%20eq%20%27A%20%26%20B%27&$top=1"
        );
        assert_eq!(
            below_root("accounts(name='A/B?C')/x?$top=1"),
            "accounts(name='A%2FB%3FC')/x?$top=1"
        );
        assert_eq!(below_root("accounts(name='it''s/x')"), "accounts(name='it''s%2Fx')");
    }

    #[test]
    fn double_quotes_within_brackets_are_delimiters() {
        assert_eq!(
            below_root(
                "accounts?$filter=Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',PropertyValues=[\"5\",\"2000\"])"
            ),
            "accounts?$filter=Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',\
             PropertyValues=%5B%225%22,%222000%22%5D)"
        );
        assert_eq!(
            below_root("F(Ids=@p)?@p=[\"A & B\",\"#1 + 2\",\"say \\\"x\\\" ]\"]&$top=1"),
            "F(Ids=@p)?@p=%5B%22A%20%26%20B%22,%22%231%20%2B%202%22,%22say%20%5C%22x%5C%22%20%5D%22%5D&$top=1"
        );
        assert_eq!(
            below_root("F(Target=@t)?@t={\"@odata.id\":\"accounts(1)\"}"),
            "F(Target=@t)?@t=%7B%22@odata.id%22:%22accounts(1)%22%7D"
        );
        for (path, part) in [
            ("x?@p=[\"a]", "unpaired"),
            ("x?@p=[\"O'Brien\"]", "single quote"),
            ("x?@p=[\"%27\"]", "single quote"),
            ("x?@p=\"a\"", "percent-encoded completely"),
            ("x?@p=[]\"a\"", "percent-encoded completely"),
            ("x?@p=]\"a\"[", "percent-encoded completely"),
            ("x?$filter=name eq '[' or x eq \"a\"", "percent-encoded completely"),
        ] {
            let reason = url(path).unwrap_err();
            assert!(reason.contains(part), "{path}: {reason}");
        }
    }

    #[test]
    fn a_plus_sign_before_an_offset_is_one() {
        for (path, encoded) in [
            (
                "x?$filter=createdon ge 2024-01-01T00:00:00+01:00&$top=1",
                "x?$filter=createdon%20ge%202024-01-01T00:00:00%2B01:00&$top=1",
            ),
            (
                "x?$filter=createdon+ge+2024-01-01T00:00:00.123+01:00+and+x+eq+1",
                "x?$filter=createdon+ge+2024-01-01T00:00:00.123%2B01:00+and+x+eq+1",
            ),
            (
                "x?$filter=createdon ge 2024-01-01T00:00+05:30",
                "x?$filter=createdon%20ge%202024-01-01T00:00%2B05:30",
            ),
        ] {
            assert_eq!(below_root(path), encoded);
            assert_eq!(below_root(encoded), encoded);
        }
        for path in [
            "x?$filter=lastname+eq+'x'",
            "x?$filter=a+ge+2024-01-01T00:00:00Z+and+b+eq+1",
            "x?$filter=a+eq+10:00+and+x+eq+1",
            "x?$filter=file+5",
            "x?$filter=12:00+01:00",
            "x?$filter=a+eq+2024-01-01T00:00:00+1",
        ] {
            assert_eq!(below_root(path), path);
        }
    }

    #[test]
    fn paths_that_cannot_be_meant_are_refused() {
        for (path, part) in [
            ("contacts?$filter=lastname eq 'O'Brien'", "unpaired"),
            ("contacts?$filter=lastname eq %27O%27Brien%27", "unpaired"),
            ("contacts?$filter=contains(x,'100%de')", "%25"),
            ("x?fetchXml=<fetch top='3'/>", "percent-encoded completely"),
            ("x?fetchXml=%3Cfetch%3E\"&\"", "percent-encoded completely"),
            ("contacts#x", "#"),
            ("contacts\r\nX: y", "line break"),
            ("contacts\0", "control"),
            ("/contacts", "slash"),
            ("//evil.example/contacts", "slash"),
            ("../../main.aspx", "dot segment"),
            ("contacts/../../../main.aspx", "dot segment"),
            ("contacts/./x", "dot segment"),
            ("..", "dot segment"),
            ("..\\..\\main.aspx", "dot segment"),
            ("%2e%2e/%2E./x", "dot segment"),
            ("%252e%252e%252fx", "dot segment"),
            ("%25252e%25252e%25252fx", "dot segment"),
            ("%252525252525252e", "too many times"),
            ("a%2f..%2fb", "dot segment"),
            ("a%5c..%5cb", "dot segment"),
            ("... /x", "dot segment"),
            ("..;/x", "dot segment"),
            ("..%00/x", "dot segment"),
            ("..%09/x", "dot segment"),
            ("%25c0%25ae/x", "not UTF-8"),
            ("%c0%ae/x", "not UTF-8"),
            ("accounts(name='a/../x')", "dot segment"),
        ] {
            let reason = url(path).unwrap_err();
            assert!(reason.contains(part), "{path}: {reason}");
        }
        assert!(
            url(&format!("%{}", "25".repeat(MAX_URL_IN_BATCH)))
                .unwrap_err()
                .contains("too long")
        );
        assert!(
            url(&format!("contacts?$filter={}", "x".repeat(MAX_URL_IN_BATCH)))
                .unwrap_err()
                .contains("too long")
        );
    }

    #[test]
    fn the_longest_url_is_the_last_that_passes() {
        let environment = Origin::parse(ENVIRONMENT).unwrap();
        for longest in [MAX_URL, MAX_URL_IN_BATCH] {
            let path = |length: usize| "x".repeat(length - ENVIRONMENT.len() - ROOT.len());
            let uri = target(&environment, &path(longest), longest).unwrap();
            assert_eq!(uri.to_string().len(), longest);
            assert!(target(&environment, &path(longest + 1), longest).is_err());
        }
    }

    #[test]
    fn dots_within_a_segment_are_let_pass() {
        assert_eq!(below_root("accounts(name='../x')"), "accounts(name='..%2Fx')");
        assert_eq!(
            below_root("contacts?$filter=x eq '..'"),
            "contacts?$filter=x%20eq%20'..'"
        );
        assert_eq!(
            below_root("accounts(1)/Microsoft.Dynamics.CRM.Foo()"),
            "accounts(1)/Microsoft.Dynamics.CRM.Foo()"
        );
    }

    #[test]
    fn links_of_the_environment_are_kept_as_they_are() {
        for link in [
            "https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22%253ccookie%2522/%3E",
            "https://contoso.crm.dynamics.com/api/data/v9.1/contacts?$deltatoken=919042%2108%2f22%2f2017",
        ] {
            assert_eq!(url(link).unwrap(), link);
        }
        assert_eq!(
            url("HTTPS://CONTOSO.crm.dynamics.com:443/api/data/v9.2/contacts").unwrap(),
            "https://contoso.crm.dynamics.com/api/data/v9.2/contacts"
        );
    }

    #[test]
    fn links_that_leave_are_refused() {
        for link in [
            "https://evil.example/api/data/v9.2/contacts",
            "https://contoso.crm.dynamics.com.evil.example/api/data/v9.2/contacts",
            "https://contoso.crm.dynamics.com@evil.example/api/data/v9.2/contacts",
            "https://evil.example\\@contoso.crm.dynamics.com/api/data/v9.2/contacts",
            "https://contoso.crm.dynamics.com:444/api/data/v9.2/contacts",
            "http://contoso.crm.dynamics.com/api/data/v9.2/contacts",
            "https://contoso.crm.dynamics.com/main.aspx",
            "https://contoso.crm.dynamics.com/api/data/../../main.aspx",
            "https://contoso.crm.dynamics.com/api/data/%2e%2e/main.aspx",
            "https://contoso.crm.dynamics.com",
            "https://contoso.crm.dynamics.com/api/data/v9.2/contacts?$filter=a b",
            "ftp://contoso.crm.dynamics.com/api/data/v9.2/contacts",
            "https:///api/data/v9.2/contacts",
        ] {
            assert!(url(link).is_err(), "{link}");
        }
    }
}
