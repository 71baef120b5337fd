//! The typed options of a request, as the headers that they stand for (Microsoft's pages "Compose HTTP requests and handle
//! errors", "Perform conditional operations", "Impersonate another user" and "Use optional parameters").

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::prefer;
use crate::contract::types::{Caller, Condition, CustomLogic, RequestOptions};
use crate::error::Faults;
use crate::host::is_guid;

/// The most rows that Dataverse puts on a page.
const MAX_PAGE: u32 = 5_000;

/// Adds what the options stand for to the headers of a request. What is wrong with them, or contradicts a header that is there,
/// is added to `faults`.
pub fn apply(options: &RequestOptions, method: &Method, headers: &mut HeaderMap, faults: &mut Faults) {
    let mut applied = Applied {
        method,
        headers,
        faults,
    };
    applied.preferences(options);
    if let Some(condition) = &options.condition {
        applied.condition(condition);
    }
    if let Some(caller) = &options.caller {
        applied.caller(caller);
    }
    if options.strong_consistency == Some(true) {
        applied.set("strong-consistency", "consistency", "Strong");
    }
    if let Some(suppress) = options.suppress_duplicate_detection {
        let value = if suppress { "true" } else { "false" };
        applied.set(
            "suppress-duplicate-detection",
            "mscrm.suppressduplicatedetection",
            value,
        );
    }
    if let Some(logic) = options.bypass_custom_logic {
        let value = match logic {
            CustomLogic::Synchronous => "CustomSync",
            CustomLogic::Asynchronous => "CustomAsync",
            CustomLogic::Both => "CustomSync,CustomAsync",
        };
        applied.set("bypass-custom-logic", "mscrm.bypassbusinesslogicexecution", value);
    }
    if options.suppress_flows == Some(true) {
        applied.set(
            "suppress-flows",
            "mscrm.suppresscallbackregistrationexpanderjob",
            "true",
        );
    }
}

struct Applied<'a> {
    method: &'a Method,
    headers: &'a mut HeaderMap,
    faults: &'a mut Faults,
}

impl Applied<'_> {
    fn preferences(&mut self, options: &RequestOptions) {
        const WRITES: [Method; 3] = [Method::POST, Method::PATCH, Method::PUT];
        if options.return_representation == Some(true) && self.fits("return-representation", &WRITES) {
            self.prefer("return-representation", "return", "representation");
        }
        if let Some(pattern) = &options.annotations {
            if is_pattern(pattern) {
                self.prefer("annotations", "odata.include-annotations", &format!("\"{pattern}\""));
            } else {
                self.fault(
                    "annotations",
                    "is neither * nor a list of names of annotations, separated by commas",
                );
            }
        }
        if let Some(size) = options.page_size
            && self.fits("page-size", &[Method::GET])
        {
            if (1..=MAX_PAGE).contains(&size) {
                self.prefer("page-size", "odata.maxpagesize", &size.to_string());
            } else {
                self.fault("page-size", format!("is {size}, and pages have 1 to {MAX_PAGE} rows"));
            }
        }
        if options.track_changes == Some(true) && self.fits("track-changes", &[Method::GET]) {
            self.prefer("track-changes", "odata.track-changes", "");
        }
    }

    fn condition(&mut self, condition: &Condition) {
        const CHANGES: [Method; 3] = [Method::PATCH, Method::PUT, Method::DELETE];
        let (field, methods, name, value): (_, &[Method], _, _) = match condition {
            Condition::IfMatch(etag) => ("condition.if-match", &CHANGES, header::IF_MATCH, etag.as_str()),
            Condition::MustExist => ("condition.must-exist", &CHANGES, header::IF_MATCH, "*"),
            Condition::MustNotExist => ("condition.must-not-exist", &[Method::PATCH], header::IF_NONE_MATCH, "*"),
            Condition::IfNoneMatch(etag) => ("condition.if-none-match", &[Method::GET], header::IF_NONE_MATCH, etag),
        };
        if !self.fits(field, methods) {
            return;
        }
        let is_version = matches!(condition, Condition::IfMatch(_) | Condition::IfNoneMatch(_));
        if is_version && !is_etag(value) {
            self.fault(
                field,
                "is no version of a row: pass on what etag of a response says, such as W/\"1234567\"",
            );
            return;
        }
        let other = if name == header::IF_MATCH {
            header::IF_NONE_MATCH
        } else {
            header::IF_MATCH
        };
        if self.headers.contains_key(&other) {
            self.fault(field, format!("contradicts headers.{other}"));
            return;
        }
        self.set_named(field, name, value);
    }

    fn caller(&mut self, caller: &Caller) {
        const BY_OBJECT: HeaderName = HeaderName::from_static("callerobjectid");
        const BY_USER: HeaderName = HeaderName::from_static("mscrmcallerid");
        let (field, name, other, id) = match caller {
            Caller::EntraObjectId(id) => ("caller.entra-object-id", BY_OBJECT, BY_USER, id),
            Caller::SystemUserId(id) => ("caller.system-user-id", BY_USER, BY_OBJECT, id),
        };
        if !is_guid(id) {
            self.fault(field, "is no GUID");
        } else if self.headers.contains_key(&other) {
            self.fault(field, format!("contradicts headers.{other}"));
        } else {
            self.set_named(field, name, id);
        }
    }

    fn prefer(&mut self, field: &str, name: &str, value: &str) {
        if let Err(given) = prefer::add(self.headers, name, value) {
            self.fault(field, format!("contradicts headers.prefer, which says {given}"));
        }
    }

    fn set(&mut self, field: &str, name: &'static str, value: &str) {
        self.set_named(field, HeaderName::from_static(name), value);
    }

    fn set_named(&mut self, field: &str, name: HeaderName, value: &str) {
        let Ok(value) = HeaderValue::from_str(value) else {
            self.fault(field, "is no header value");
            return;
        };
        let differs = self
            .headers
            .get_all(&name)
            .iter()
            .any(|given| !given.as_bytes().eq_ignore_ascii_case(value.as_bytes()));
        if differs {
            self.fault(field, format!("contradicts headers.{name}"));
        } else {
            self.headers.insert(name, value);
        }
    }

    /// Whether the method can have the option.
    fn fits(&mut self, field: &str, methods: &[Method]) -> bool {
        let fits = methods.contains(self.method);
        if !fits {
            let names: Vec<_> = methods.iter().map(Method::as_str).collect();
            self.fault(
                field,
                format!("is for {} and not for {}", names.join(", "), self.method),
            );
        }
        fits
    }

    fn fault(&mut self, field: &str, reason: impl Into<String>) {
        self.faults.add(&format!("options.{field}"), reason);
    }
}

/// A strong or weak entity tag (RFC 9110, 8.8.3), one only.
fn is_etag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_graphic() && b != b'"'))
}

/// Names and wildcards, separated by commas, each of which may be excluded by a minus (OData 4.0, part 1, 8.2.8.4).
fn is_pattern(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"*.-_#".contains(&b);
    text.len() <= 1000
        && text
            .split(',')
            .all(|name| !name.is_empty() && name.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::Error;

    const GUID: &str = "00000000-0000-0000-0000-000000000009";

    fn none() -> RequestOptions {
        RequestOptions {
            return_representation: None,
            annotations: None,
            page_size: None,
            track_changes: None,
            condition: None,
            caller: None,
            strong_consistency: None,
            suppress_duplicate_detection: None,
            bypass_custom_logic: None,
            suppress_flows: None,
        }
    }

    /// The headers as lines, and the faults as `field reason`.
    fn applied(
        options: &RequestOptions,
        method: &Method,
        given: &[(&'static str, &str)],
    ) -> (Vec<String>, Vec<String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, value.parse().unwrap());
        }
        let mut faults = Faults::default();
        apply(options, method, &mut headers, &mut faults);
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        let Error::InvalidRequest(faults) = faults.into_request_error() else {
            panic!("no request error");
        };
        let faults = faults
            .into_iter()
            .map(|fault| format!("{} {}", fault.field, fault.reason));
        (lines, faults.collect())
    }

    fn sent(options: &RequestOptions, method: &Method, given: &[(&'static str, &str)]) -> Vec<String> {
        let (lines, faults) = applied(options, method, given);
        assert_eq!(faults, [""; 0]);
        lines
    }

    fn faults(options: &RequestOptions, method: &Method, given: &[(&'static str, &str)]) -> Vec<String> {
        applied(options, method, given).1
    }

    #[test]
    fn preferences_go_into_one_header_with_the_callers() {
        let read = RequestOptions {
            annotations: Some("*".to_owned()),
            page_size: Some(50),
            track_changes: Some(true),
            ..none()
        };
        assert_eq!(
            sent(
                &read,
                &Method::GET,
                &[("prefer", "respond-async"), ("prefer", "odata.maxpagesize=50")]
            ),
            ["prefer: respond-async,odata.maxpagesize=50,odata.include-annotations=\"*\",odata.track-changes"]
        );
        let write = RequestOptions {
            return_representation: Some(true),
            ..none()
        };
        assert_eq!(sent(&write, &Method::PATCH, &[]), ["prefer: return=representation"]);
        assert_eq!(
            sent(&write, &Method::POST, &[("prefer", "Return=\"representation\"")]),
            ["prefer: Return=\"representation\""]
        );
        let off = RequestOptions {
            return_representation: Some(false),
            track_changes: Some(false),
            strong_consistency: Some(false),
            suppress_flows: Some(false),
            ..none()
        };
        assert_eq!(sent(&off, &Method::DELETE, &[]), [""; 0]);
    }

    #[test]
    fn each_option_is_its_header() {
        let all = RequestOptions {
            strong_consistency: Some(true),
            suppress_duplicate_detection: Some(false),
            bypass_custom_logic: Some(CustomLogic::Both),
            suppress_flows: Some(true),
            caller: Some(Caller::EntraObjectId(GUID.to_owned())),
            ..none()
        };
        assert_eq!(
            sent(&all, &Method::POST, &[]),
            [
                "callerobjectid: 00000000-0000-0000-0000-000000000009",
                "consistency: Strong",
                "mscrm.bypassbusinesslogicexecution: CustomSync,CustomAsync",
                "mscrm.suppresscallbackregistrationexpanderjob: true",
                "mscrm.suppressduplicatedetection: false",
            ]
        );
        for (logic, value) in [
            (CustomLogic::Synchronous, "CustomSync"),
            (CustomLogic::Asynchronous, "CustomAsync"),
        ] {
            let options = RequestOptions {
                bypass_custom_logic: Some(logic),
                ..none()
            };
            let line = format!("mscrm.bypassbusinesslogicexecution: {value}");
            assert_eq!(sent(&options, &Method::POST, &[]), [line]);
        }
        let user = RequestOptions {
            caller: Some(Caller::SystemUserId(GUID.to_owned())),
            suppress_duplicate_detection: Some(true),
            ..none()
        };
        assert_eq!(
            sent(&user, &Method::GET, &[]),
            [
                "mscrm.suppressduplicatedetection: true",
                "mscrmcallerid: 00000000-0000-0000-0000-000000000009"
            ]
        );
    }

    fn under(condition: Condition) -> RequestOptions {
        RequestOptions {
            condition: Some(condition),
            ..none()
        }
    }

    #[test]
    fn conditions_go_with_their_methods() {
        let etag = "W/\"123\"".to_owned();
        let all = [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE];
        for (condition, line, methods) in [
            (
                Condition::IfMatch(etag.clone()),
                "if-match: W/\"123\"",
                [false, false, true, true, true],
            ),
            (Condition::MustExist, "if-match: *", [false, false, true, true, true]),
            (
                Condition::MustNotExist,
                "if-none-match: *",
                [false, false, true, false, false],
            ),
            (
                Condition::IfNoneMatch(etag),
                "if-none-match: W/\"123\"",
                [true, false, false, false, false],
            ),
        ] {
            let options = under(condition);
            for (method, fits) in all.iter().zip(methods) {
                if fits {
                    assert_eq!(sent(&options, method, &[]), [line], "{method}");
                } else {
                    let faults = faults(&options, method, &[]);
                    assert!(faults[0].starts_with("options.condition."), "{faults:?}");
                    assert!(faults[0].contains(&format!("not for {method}")), "{faults:?}");
                }
            }
        }
    }

    #[test]
    fn what_contradicts_a_header_is_refused() {
        let condition = under(Condition::MustExist);
        let caller = RequestOptions {
            caller: Some(Caller::EntraObjectId(GUID.to_owned())),
            ..none()
        };
        let page = RequestOptions {
            page_size: Some(10),
            ..none()
        };
        let representation = RequestOptions {
            return_representation: Some(true),
            ..none()
        };
        for (options, method, header) in [
            (&condition, Method::PATCH, ("if-match", "W/\"1\"")),
            (&condition, Method::PATCH, ("if-none-match", "*")),
            (
                &caller,
                Method::GET,
                ("callerobjectid", "00000000-0000-0000-0000-000000000001"),
            ),
            (&caller, Method::GET, ("mscrmcallerid", GUID)),
            (
                &page,
                Method::GET,
                ("prefer", "odata.track-changes, odata.maxpagesize=11"),
            ),
            (&representation, Method::POST, ("prefer", "return=minimal")),
        ] {
            let faults = faults(options, &method, &[header]);
            assert_eq!(faults.len(), 1, "{header:?}");
            assert!(
                faults[0].contains(&format!("contradicts headers.{}", header.0)),
                "{faults:?}"
            );
        }
        assert_eq!(sent(&condition, &Method::PATCH, &[("if-match", "*")]), ["if-match: *"]);
        assert_eq!(sent(&caller, &Method::GET, &[("callerobjectid", GUID)]).len(), 1);
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused() {
        let page = |size| RequestOptions {
            page_size: Some(size),
            ..none()
        };
        for size in [0, 5001, u32::MAX] {
            assert!(faults(&page(size), &Method::GET, &[])[0].starts_with("options.page-size "));
        }
        assert!(faults(&page(5), &Method::POST, &[])[0].contains("not for POST"));
        for pattern in [
            "",
            "a,,b",
            "*\", return=representation",
            "a b",
            "a\r\nX: y",
            "é",
            ",",
            "\"",
        ] {
            let options = RequestOptions {
                annotations: Some(pattern.to_owned()),
                ..none()
            };
            assert!(
                faults(&options, &Method::GET, &[])[0].starts_with("options.annotations "),
                "{pattern}"
            );
        }
        for etag in [
            "",
            "123",
            "W/123",
            "\"1\", \"2\"",
            "W/\"\"",
            "\"a\r\nX: y\"",
            "\"\u{e9}\"",
            "*",
            "\"",
        ] {
            let options = under(Condition::IfMatch(etag.to_owned()));
            let faults = faults(&options, &Method::PATCH, &[]);
            assert!(
                faults.first().is_some_and(|fault| fault.contains("no version")),
                "{etag}"
            );
        }
        for id in [
            "",
            "me",
            "{00000000-0000-0000-0000-000000000009}",
            "00000000000000000000000000000009",
        ] {
            for caller in [
                Caller::EntraObjectId(id.to_owned()),
                Caller::SystemUserId(id.to_owned()),
            ] {
                let options = RequestOptions {
                    caller: Some(caller),
                    ..none()
                };
                assert!(faults(&options, &Method::GET, &[])[0].contains("no GUID"), "{id}");
            }
        }
    }
}
