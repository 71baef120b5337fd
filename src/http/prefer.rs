//! The `Prefer` header (RFC 7240): a single header with all preferences.

use http::{HeaderMap, HeaderName, HeaderValue};

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Adds a preference, without a value if `value` is empty. A preference that exists with the same value is
/// not repeated.
///
/// # Errors
/// The existing preference with a different value.
pub(crate) fn add(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let mut preferences = list(headers);
    for given in &preferences {
        let (given_name, given_value) = given.split_once('=').unwrap_or((given, ""));
        if given_name.trim().eq_ignore_ascii_case(name) {
            return if bare(given_value) == bare(value) {
                Ok(())
            } else {
                Err(given.clone())
            };
        }
    }
    preferences.push(if value.is_empty() {
        name.to_owned()
    } else {
        format!("{name}={value}")
    });
    set(headers, &preferences);
    Ok(())
}

/// Merges several headers into one: it is not documented whether Dataverse reads more than the first.
pub(crate) fn merge(headers: &mut HeaderMap) {
    if headers.get_all(PREFER).iter().nth(1).is_some() {
        let preferences = list(headers);
        set(headers, &preferences);
    }
}

/// Sets the header to these preferences.
pub(crate) fn set(headers: &mut HeaderMap, preferences: &[String]) {
    // Joined header values are a valid header value.
    if let Ok(value) = HeaderValue::try_from(preferences.join(",")) {
        headers.insert(PREFER, value);
    }
}

/// All preferences of all `Prefer` headers.
pub(crate) fn list(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(split).map(str::to_owned).collect()
}

/// Splits a header's value into preferences. A comma within quotes, as in a list of annotations, is not a
/// separator.
pub(crate) fn split(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.map(str::trim).filter(|preference| !preference.is_empty())
}

fn bare(value: &str) -> &str {
    value.trim().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn several_headers_become_one() {
        let mut several = headers(&["a=1, odata.include-annotations=\"x,y\"", "", "b"]);
        merge(&mut several);
        let values: Vec<_> = several.get_all(PREFER).iter().collect();
        assert_eq!(values, ["a=1,odata.include-annotations=\"x,y\",b"]);
        let mut one = headers(&["a,  b"]);
        merge(&mut one);
        assert_eq!(one[PREFER], "a,  b", "left alone");
    }

    #[test]
    fn a_comma_in_quotes_is_part_of_a_value() {
        let mut given = headers(&["odata.include-annotations=\"x,return=minimal\""]);
        add(&mut given, "return", "representation").unwrap();
        assert_eq!(
            given[PREFER],
            "odata.include-annotations=\"x,return=minimal\",return=representation"
        );
        assert!(add(&mut given, "return", "minimal").is_err());
    }
}
