//! The next link and the paging cookie in it (shape:
//! <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/page-results> and recorded links).

use uuid::Uuid;

use super::refusal::Refusal;
use crate::guid::guid;
use crate::schema::Table;

/// The start of the next page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    /// The number of the next page, from 2.
    pub(super) page: usize,
    /// The first row of the previous page.
    pub(super) first: Uuid,
    /// The last row of the previous page.
    pub(super) last: Uuid,
    /// If changes are tracked: the store's version at the first page.
    pub(super) tracking: Option<u64>,
}

/// The request's own options as they were sent, then the token.
pub(super) fn next_link(root: &str, table: &Table, query: &str, cookie: &Cookie) -> String {
    with_option(root, table, query, "$skiptoken", &cookie.write(table))
}

/// The request's own options, except that one and any token that it replaces, followed by that one.
pub(super) fn with_option(root: &str, table: &Table, query: &str, name: &str, value: &str) -> String {
    let replaced = |option: &str| {
        let given = option
            .split_once('=')
            .map_or(option, |(given, _)| given)
            .replace("%24", "$");
        // A delta link replaces the token of the last page.
        given == name || (name == "$deltatoken" && given == "$skiptoken")
    };
    let options: Vec<&str> = query
        .split('&')
        .filter(|option| !option.is_empty() && !replaced(option))
        .collect();
    let separator = if options.is_empty() { "" } else { "&" };
    format!(
        "{root}/{}?{}{separator}{name}={value}",
        table.entity_set,
        options.join("&")
    )
}

/// Encoded for a URL. The inner cookie is encoded twice, and one of the encodings is the URL's own.
pub(super) fn skip_token(page: usize, inner: &str, tracking: bool) -> String {
    let inner = encode(&encode(inner));
    let tracking = if tracking { "True" } else { "False" };
    format!("%3Ccookie%20pagenumber=%22{page}%22%20pagingcookie=%22{inner}%22%20istracking=%22{tracking}%22%20/%3E")
}

/// Refuses a link that was decoded or encoded once too often.
pub(super) fn decode(inner: &str) -> Option<String> {
    let decoded = percent_encoding::percent_decode_str(inner).decode_utf8();
    decoded.ok().map(Into::into)
}

impl Cookie {
    fn write(&self, table: &Table) -> String {
        let braced = |id: Uuid| format!("{{{}}}", id.to_string().to_uppercase());
        // Guess: that a cookie contains the tracking, and how.
        let tracking = self
            .tracking
            .map_or(String::new(), |version| format!(" tracking=\"{version}\""));
        let inner = format!(
            "<cookie page=\"{}\"{tracking}><{id} last=\"{}\" first=\"{}\" /></cookie>",
            self.page - 1,
            braced(self.last),
            braced(self.first),
            id = table.primary_id
        );
        skip_token(self.page, &inner, self.tracking.is_some())
    }

    /// `token` is the result of decoding the query: one encoding of the inner cookie remains.
    pub(super) fn read(token: &str, table: &Table) -> Result<Cookie, Refusal> {
        Cookie::find(token, table).ok_or_else(|| {
            // Guess: code and text for a modified token.
            Refusal::query("The paging cookie in $skiptoken is not valid.")
        })
    }

    fn find(token: &str, table: &Table) -> Option<Cookie> {
        let page = attribute(token, "pagenumber")?.parse().ok().filter(|page| *page >= 2)?;
        let inner = decode(attribute(token, "pagingcookie")?)?;
        let row = inner.split_once(&format!("<{} ", table.primary_id))?.1;
        let id = |name| guid(attribute(row, name)?.strip_prefix('{')?.strip_suffix('}')?);
        Some(Cookie {
            page,
            first: id("first")?,
            last: id("last")?,
            tracking: attribute(&inner, "tracking").and_then(|version| version.parse().ok()),
        })
    }
}

pub(super) fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

/// Lower-case escapes, as in recorded links.
pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    fn account() -> &'static Table {
        Table::of("accounts").unwrap()
    }

    #[test]
    fn the_link_has_the_recorded_shape() {
        let id = |text| guid(text).unwrap();
        let cookie = Cookie {
            page: 2,
            last: id("8151925c-cde2-e411-80db-00155d2a68cb"),
            first: id("7d51925c-cde2-e411-80db-00155d2a68cb"),
            tracking: None,
        };
        let link = next_link(
            "http://h/api/data/v9.2",
            account(),
            "$select=name&$skiptoken=old",
            &cookie,
        );
        assert_eq!(
            link,
            "http://h/api/data/v9.2/accounts?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=\
             %22%253ccookie%2520page%253d%25221%2522%253e%253caccountid%2520last%253d%2522%257b8151925C-CDE2-E411-80DB\
             -00155D2A68CB%257d%2522%2520first%253d%2522%257b7D51925C-CDE2-E411-80DB-00155D2A68CB%257d%2522%2520%252f\
             %253e%253c%252fcookie%253e%22%20istracking=%22False%22%20/%3E"
        );
        let token = link.split_once("$skiptoken=").unwrap().1;
        let decoded = percent_decode_str(token).decode_utf8().unwrap();
        assert_eq!(Cookie::read(&decoded, account()).unwrap(), cookie);
        let twice = percent_decode_str(&decoded).decode_utf8().unwrap();
        assert!(Cookie::read(&twice, account()).is_err(), "decoded once too often");
        assert!(Cookie::read(token, account()).is_err(), "encoded once too often");
    }
}
