//! `Content-Encoding` and `Accept-Encoding` (RFC 9110, 8.4 and 12.5.3:
//! <https://www.rfc-editor.org/rfc/rfc9110#section-8.4>).

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};

/// A coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// `gzip` and its old name, `x-gzip`.
    Gzip,
    /// `deflate`, which is zlib's format.
    Deflate,
}

/// What a body is coded in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Nothing.
    Plain,
    /// One coding that can be undone.
    Known(Coding),
    /// Another, or several: as the header names them, for people.
    Unknown(String),
}

impl Applied {
    /// What is told of a body with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let names: Vec<_> = members(headers, &CONTENT_ENCODING)
            .filter(|name| !name.eq_ignore_ascii_case("identity"))
            .collect();
        match names.as_slice() {
            [] => Self::Plain,
            [name] if is_gzip(name) => Self::Known(Coding::Gzip),
            [name] if name.eq_ignore_ascii_case("deflate") => Self::Known(Coding::Deflate),
            names => Self::Unknown(shown(&names.join(", "))),
        }
    }

    /// Its name, for people.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Plain => "identity",
            Self::Known(Coding::Gzip) => "gzip",
            Self::Known(Coding::Deflate) => "deflate",
            Self::Unknown(names) => names,
        }
    }
}

/// Nothing but plain bytes.
pub(crate) const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Whether headers say that gzip is welcome. Saying nothing welcomes any coding (RFC 9110, 12.5.3), but most who say nothing can
/// undo none.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    accepted_gzip(headers).is_some()
}

/// What is left of an `Accept-Encoding` when only `gzip` and `identity` count.
pub(crate) fn narrowed(headers: &HeaderMap) -> HeaderValue {
    let Some(weight) = accepted_gzip(headers) else {
        return IDENTITY;
    };
    let mut text = format!("gzip{weight}");
    let identity = accepted(headers).find(|(name, _)| name.eq_ignore_ascii_case("identity"));
    if let Some((_, weight)) = identity {
        text.push_str(", identity");
        text.push_str(weight);
    }
    HeaderValue::try_from(text).unwrap_or(IDENTITY)
}

/// The weight of gzip as it is written, unless it is zero. Its own name counts before `*`.
fn accepted_gzip(headers: &HeaderMap) -> Option<&str> {
    let named = accepted(headers).find(|(name, _)| is_gzip(name));
    let (_, weight) = named.or_else(|| accepted(headers).find(|(name, _)| *name == "*"))?;
    (!is_zero(weight)).then_some(weight)
}

/// The codings of `Accept-Encoding`, each with its weight as written. One whose weight is not valid is left out.
fn accepted(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    members(headers, &ACCEPT_ENCODING).filter_map(|member| {
        let end = member.find(';').unwrap_or(member.len());
        let (name, weight) = member.split_at_checked(end)?;
        is_weight(weight).then_some((name.trim(), weight))
    })
}

/// `;q=` and a number from 0 to 1 with at most three digits (RFC 9110, 12.4.2), or nothing.
fn is_weight(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(';') else {
        return text.is_empty();
    };
    let rest = rest.trim();
    let Some(value) = rest.strip_prefix("q=").or_else(|| rest.strip_prefix("Q=")) else {
        return false;
    };
    let (whole, digits) = value.split_once('.').unwrap_or((value, ""));
    let fits = digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits && (whole == "0" || whole == "1" && digits.bytes().all(|byte| byte == b'0'))
}

/// Of a weight that is valid.
fn is_zero(weight: &str) -> bool {
    !weight.is_empty() && !weight.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

fn is_gzip(name: &str) -> bool {
    name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip")
}

/// The members of a list in all headers of a name. One that is not text is a member of its own.
fn members<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    let values = values.map(|value| value.to_str().unwrap_or("unreadable"));
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|member| !member.is_empty())
}

/// As much of it as fits a message.
fn shown(names: &str) -> String {
    const MOST: usize = 60;
    names.chars().filter(|c| !c.is_control()).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn one_known_coding_can_be_undone() {
        let applied = |values: &[&str]| Applied::of(&headers(CONTENT_ENCODING, values));
        for values in [&[][..], &[""], &["identity"], &["Identity, ,"]] {
            assert_eq!(applied(values), Applied::Plain, "{values:?}");
        }
        for values in [&["gzip"][..], &["GZIP"], &["x-gzip"], &["identity", "gzip"], &["gzip,"]] {
            assert_eq!(applied(values), Applied::Known(Coding::Gzip), "{values:?}");
        }
        assert_eq!(applied(&["Deflate"]), Applied::Known(Coding::Deflate));
        for (values, name) in [
            (&["br"][..], "br"),
            (&["gzip, gzip"], "gzip, gzip"),
            (&["deflate", "gzip"], "deflate, gzip"),
            (&["gzip;q=1"], "gzip;q=1"),
            (&["é"], "unreadable"),
        ] {
            assert_eq!(applied(values).name(), name, "{values:?}");
            assert!(matches!(applied(values), Applied::Unknown(_)), "{values:?}");
        }
        assert_eq!(applied(&["x".repeat(5000).as_str()]).name().len(), 60);
    }

    #[test]
    fn only_gzip_and_identity_are_left_of_what_a_caller_accepts() {
        for (given, left) in [
            (&[][..], "identity"),
            (&[""], "identity"),
            (&["gzip"], "gzip"),
            (&["gzip, deflate, br, zstd"], "gzip"),
            (&["br"], "identity"),
            (&["br", "X-Gzip;q=0.5"], "gzip;q=0.5"),
            (&["*"], "gzip"),
            (&["*;q=0.1"], "gzip;q=0.1"),
            (&["*;q=0"], "identity"),
            (&["gzip;q=0, *"], "identity"),
            (&["gzip;q=0.000"], "identity"),
            (&["gzip; Q=0.001"], "gzip; Q=0.001"),
            (&["identity, gzip;q=0.2"], "gzip;q=0.2, identity"),
            (&["gzip, identity;q=0"], "gzip, identity;q=0"),
            (&["gzip;q=2"], "identity"),
            (&["gzip;q=0.1234"], "identity"),
            (&["gzip;q="], "identity"),
            (&["gzip;x=1"], "identity"),
            (&["gzipx"], "identity"),
            (&["é, gzip"], "identity"),
        ] {
            let given = headers(ACCEPT_ENCODING, given);
            assert_eq!(narrowed(&given), left, "{given:?}");
            assert_eq!(accepts_gzip(&given), left.starts_with("gzip"), "{given:?}");
        }
    }
}
