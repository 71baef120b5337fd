//! Property tests: every path, query and header that a caller can write arrives as intended, or is refused.

use http::Uri;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::request::{Draft, Request};
use super::url::{self, encode_value};
use crate::error::Error;
use crate::settings::tests::contoso;

/// The segments of a path, and the names and values of a query, as a server parses a URL (OData URL
/// Conventions 4.0, 2).
#[derive(Debug, Default, PartialEq)]
struct Target {
    segments: Vec<String>,
    options: Vec<(String, String)>,
}

/// What a server reads. It splits a URL first and then decodes the parts. A plus sign in a query is a
/// space.
fn arrived(uri: &Uri) -> Target {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    let option = |option: &str| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
    };
    let below_root = uri.path().strip_prefix(url::ROOT).unwrap();
    Target {
        segments: below_root.split('/').map(decode).collect(),
        options: uri
            .query()
            .into_iter()
            .flat_map(|query| query.split('&'))
            .map(option)
            .collect(),
    }
}

/// What a caller intends: between single quotes, every character except an escape is literal.
fn meant(path: &str) -> Target {
    let mut parts = vec![Vec::new()];
    let mut separators = Vec::new();
    let (mut quoted, mut in_query, mut in_value) = (false, false, false);
    let mut rest = path.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let escaped = (*byte == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        let escaped = escaped.filter(|_| after[0] != b'+');
        if escaped.is_some() {
            rest = &after[2..];
        }
        quoted ^= escaped.unwrap_or(*byte) == b'\'';
        let separates = escaped.is_none()
            && match byte {
                b'/' => !quoted && !in_query,
                b'?' => !quoted && !in_query,
                b'&' => !quoted && in_query,
                b'=' => in_query && !in_value,
                _ => false,
            };
        if separates {
            in_query |= *byte == b'?';
            in_value = *byte == b'=';
            separators.push(*byte);
            parts.push(Vec::new());
        } else if *byte == b'+' && in_query && !quoted {
            parts.last_mut().unwrap().push(b' ');
        } else {
            parts.last_mut().unwrap().push(escaped.unwrap_or(*byte));
        }
    }
    let mut parts = parts.into_iter().map(|part| String::from_utf8(part).unwrap());
    let mut target = Target::default();
    target.segments.extend(parts.next());
    for (separator, part) in separators.into_iter().zip(parts) {
        match separator {
            b'/' => target.segments.push(part),
            b'=' => target.options.last_mut().unwrap().1 = part,
            _ => target.options.push((part, String::new())),
        }
    }
    target
}

fn prepared(path: &str, headers: &[(String, String)]) -> Result<Request, Error> {
    let request = Draft {
        headers: headers.to_vec(),
        ..Draft::get(path)
    };
    Request::new(&contoso(), request, "the-id".to_owned())
}

/// A text with all characters that have a special meaning somewhere.
fn text() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "'", "''", "%27", "&", "+", "#", "?", "/", "=", "%", "%2", "%41", "%C3%A9", "%ff", "%2B", "%25", " ", "é",
        "🦀", "a", "\"", "<", "(", ")", "$filter", ",", ";", ":", "@", "\\", "..", "\n", "contacts", "|", "~", "[",
        "{",
    ]);
    prop_oneof![
        vec(pieces, 0..16).prop_map(|pieces| pieces.concat()),
        any::<String>(),
        "[ -~]{0,30}",
    ]
}

/// Headers that belong to the connection or to the identity.
const NOT_THE_CALLERS: [&str; 16] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Escapes a value as the contract describes: a quote is doubled, and a percent sign is `%25`.
fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''").replace('%', "%25"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_arrives_as_meant_or_is_refused(
        begin in select(vec!["", "contacts", "contacts?$filter=x eq '"]),
        path in text(),
        query in text(),
    ) {
        let path = format!("{begin}{path}?{query}");
        if let Ok(prepared) = prepared(&path, &[]) {
            prop_assert_eq!(arrived(prepared.uri()), meant(&path));
            prop_assert_eq!(prepared.uri().host(), Some("contoso.crm.dynamics.com"));
        }
    }

    #[test]
    fn a_value_between_quotes_arrives_whatever_it_is(key in text(), value in text()) {
        let path = format!("contacts(name={})?$filter=name eq {}&$top=3", literal(&key), literal(&value));
        match prepared(&path, &[]) {
            Ok(prepared) => {
                let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
                prop_assert_eq!(arrived(prepared.uri()), Target {
                    segments: vec![format!("contacts(name={})", quoted(&key))],
                    options: vec![
                        ("$filter".to_owned(), format!("name eq {}", quoted(&value))),
                        ("$top".to_owned(), "3".to_owned()),
                    ],
                });
            }
            // Text that a server could interpret as a path out of the Web API, or as a new line.
            Err(error) => {
                let leads_out = key.contains(['/', '\\', '%']);
                prop_assert!(leads_out || key.chars().chain(value.chars()).any(char::is_control), "{error:?}");
            }
        }
    }

    #[test]
    fn an_encoded_value_arrives_or_is_refused(name in "[a-zA-Z]{1,8}", value in text()) {
        let path = format!("contacts?{name}={}&$top=3", encode_value(&value));
        match prepared(&path, &[]) {
            Ok(prepared) => {
                let options = [(name, value), ("$top".to_owned(), "3".to_owned())];
                prop_assert_eq!(arrived(prepared.uri()).options, options);
            }
            Err(error) => prop_assert!(value.matches('\'').count() % 2 == 1, "{error:?}"),
        }
    }

    #[test]
    fn a_header_arrives_as_meant_or_is_refused_by_name(
        name in prop_oneof![
            text(),
            "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}",
            select(NOT_THE_CALLERS.to_vec()).prop_map(str::to_uppercase),
            select(vec!["Prefer", "Accept", "If-Match"]).prop_map(str::to_owned),
        ],
        value in prop_oneof![text(), "[ -~\t]{0,20}"],
    ) {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_name = !name.is_empty() && name.bytes().all(is_token);
        let is_ours = NOT_THE_CALLERS.contains(&name.to_lowercase().as_str());
        let is_open = name.eq_ignore_ascii_case("prefer") && value.matches('"').count() % 2 == 1;
        let is_plain = value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
        match prepared("contacts", &[(name.clone(), value.clone())]) {
            Ok(prepared) => {
                prop_assert!(is_name && is_plain && !is_ours && !is_open);
                let arrived: Vec<_> = prepared.headers().get_all(&name).iter().collect();
                prop_assert_eq!(arrived, [value.trim()]);
            }
            Err(Error::InvalidRequest(faults)) => {
                prop_assert!(!is_name || !is_plain || is_ours || is_open);
                let field = if is_name { format!("headers.{}", name.to_lowercase()) } else { "headers".to_owned() };
                prop_assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), [field]);
            }
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn preferences_arrive_together(values in vec("[a-z.]{1,8}(=(\"[a-z,. *]{0,8}\"|[a-z0-9]{1,4}))?(, ?[a-z]{1,5})?", 1..4)) {
        let headers: Vec<_> = values.iter().map(|value| ("prefer".to_owned(), value.clone())).collect();
        let prepared = prepared("contacts", &headers).unwrap();
        let arrived: Vec<_> = prepared.headers().get_all("prefer").iter().collect();
        let [one] = arrived.as_slice() else {
            return Err(TestCaseError::fail("there is one header"));
        };
        let plain = |text: &str| text.replace(", ", ",");
        let given: Vec<_> = values.iter().map(|value| plain(value)).collect();
        prop_assert_eq!(plain(one.to_str().unwrap()), given.join(","));
    }
}
