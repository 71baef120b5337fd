//! `Content-Length` (RFC 9110, 8.6: <https://www.rfc-editor.org/rfc/rfc9110#section-8.6>).

use http::{HeaderMap, StatusCode, header};

/// The length of the body in bytes. Several equal values count as one (RFC 9110, 8.6).
pub(crate) fn of(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers
        .get_all(header::CONTENT_LENGTH)
        .iter()
        .map(|value| read(value.to_str().ok()?));
    let first = values.next()??;
    values.all(|other| other == Some(first)).then_some(first)
}

/// The length of an answer's body in bytes. A 204 or 304 has no body, regardless of the header.
pub(crate) fn announced(status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return None;
    }
    of(headers)
}

/// Digits only: Rust's `parse` would also accept a sign.
fn read(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_length_of_digits_is_a_length() {
        let length = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_LENGTH, value.parse().unwrap());
            }
            of(&headers)
        };
        assert_eq!(length(&["5"]), Some(5));
        assert_eq!(length(&["5", " 5 "]), Some(5));
        for values in [
            &[][..],
            &["5", "6"],
            &["+5"],
            &["-5"],
            &[""],
            &["5, 5"],
            &["99999999999999999999"],
        ] {
            assert_eq!(length(values), None, "{values:?}");
        }
    }
}
