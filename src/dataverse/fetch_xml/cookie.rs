//! The paging information of an answer.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::xml::Root;
use crate::dataverse::answer::Control;
use crate::dataverse::url::MAX_URL_IN_BATCH;

/// The paging information of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Paging {
    /// Whether there is a next page.
    pub more_records: bool,
    /// The value for `paging-cookie`, not escaped.
    pub cookie: Option<String>,
}

impl Paging {
    /// Reads the annotations of an answer. The last page has no annotations.
    ///
    /// # Errors
    /// A readable reason why it is not valid.
    pub(super) fn read(control: &Control) -> Result<Self, String> {
        let more_records = match &control.more_records {
            None | Some(Value::Null) => false,
            Some(Value::Bool(more)) => *more,
            // Some answers contain it as text.
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            Some(_) => {
                return Err("the answer does not say whether there are more records".to_owned());
            }
        };
        let cookie = match &control.paging_cookie {
            Some(Value::String(cookie)) if more_records && !cookie.is_empty() => Some(decode(cookie)?),
            None | Some(Value::Null | Value::String(_)) => None,
            Some(_) => return Err("the paging cookie is not text".to_owned()),
        };
        Ok(Self { more_records, cookie })
    }
}

/// The maximum length of the annotation, in bytes. Encoded twice, it is several times as long as the
/// cookie, which must fit into a URL.
const MAX_ANNOTATION: usize = 4 * MAX_URL_IN_BATCH;

/// Decodes the annotation: an element whose attribute `pagingcookie` contains the cookie, URL-encoded
/// twice.
fn decode(annotation: &str) -> Result<String, String> {
    let unusable = || "the paging cookie does not have Dataverse's format".to_owned();
    if annotation.len() > MAX_ANNOTATION {
        return Err("the paging cookie is longer than any URL".to_owned());
    }
    let element = Root::parse(annotation).map_err(|_| unusable())?;
    let encoded = element.attribute("pagingcookie").ok_or_else(unusable)?;
    let cookie = url_decode(&encoded)
        .and_then(|once| url_decode(&once))
        .ok_or_else(unusable)?;
    // The cookie becomes part of a query, so it must be valid in XML.
    if cookie.is_empty() || cookie.chars().any(char::is_control) {
        return Err(unusable());
    }
    Ok(cookie)
}

/// Decodes like .NET's `HttpUtility.UrlDecode` (docs/facts/dataverse.md, 1.6): a plus sign is a space.
fn url_decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Paging, String> {
        Paging::read(&serde_json::from_str(body).map_err(|error| error.to_string())?)
    }

    fn with_cookie(cookie: &str) -> Result<Paging, String> {
        let body = serde_json::json!({
            "@Microsoft.Dynamics.CRM.morerecords": true,
            "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie": cookie,
        });
        read(&body.to_string())
    }

    #[test]
    fn more_records_is_a_truth_value_or_its_text() {
        for (value, more) in [
            ("true", true),
            ("false", false),
            ("\"true\"", true),
            ("\"True\"", true),
            ("\"false\"", false),
            ("\"\"", false),
            ("null", false),
        ] {
            let paging = read(&format!("{{\"@Microsoft.Dynamics.CRM.morerecords\":{value}}}")).unwrap();
            assert_eq!(paging.more_records, more, "{value}");
        }
        assert!(!read("{}").unwrap().more_records);
        for body in [
            "{\"@Microsoft.Dynamics.CRM.morerecords\":1}",
            "{\"@Microsoft.Dynamics.CRM.morerecords\":[]}",
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn the_cookie_is_decoded_twice() {
        let paging = with_cookie("<cookie pagenumber='2' pagingcookie='%253ca+b%2520%252b%2526%253e' />").unwrap();
        assert_eq!(paging.cookie.as_deref(), Some("<a b +&>"));
    }

    #[test]
    fn a_malformed_cookie_is_refused() {
        for cookie in [
            "x",
            "<cookie/>",
            "<cookie pagingcookie=''/>",
            "<cookie pagingcookie='%25ff'/>",
            "<cookie pagingcookie='%2500'/>",
            "<cookie pagingcookie='%250a'/>",
            "<cookie pagingcookie='x'",
            "<!DOCTYPE a><cookie pagingcookie='x'/>",
        ] {
            assert!(with_cookie(cookie).is_err(), "{cookie}");
        }
        assert_eq!(with_cookie("").unwrap().cookie, None, "no cookie");
        let number = r#"{"@Microsoft.Dynamics.CRM.morerecords":true,"@Microsoft.Dynamics.CRM.fetchxmlpagingcookie":1}"#;
        assert!(read(number).is_err());
        let long = "x".repeat(MAX_ANNOTATION);
        let reason = with_cookie(&format!("<cookie pagingcookie='{long}'/>")).unwrap_err();
        assert!(reason.contains("longer"), "{reason}");
    }
}
