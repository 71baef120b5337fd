//! The typed options of a request, and the headers that they set (docs/facts/dataverse.md, 1.3).

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::faults::Faults;
use crate::guid::is_guid;
use crate::http::prefer;

/// The typed options of a request. For options that are not set, Dataverse's defaults apply.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether a write returns the row.
    pub return_representation: Option<bool>,
    /// Which annotations to return: `*`, or names separated by commas.
    pub annotations: Option<String>,
    /// The maximum number of rows on a page.
    pub page_size: Option<u32>,
    /// Whether the last page contains a link to later changes.
    pub track_changes: Option<bool>,
    /// The condition on the row.
    pub condition: Option<Condition>,
    /// The user to impersonate.
    pub caller: Option<Caller>,
    /// Whether a read includes all earlier writes.
    pub strong_consistency: Option<bool>,
    /// Whether rows are written even if they look like duplicates.
    pub suppress_duplicate_detection: Option<bool>,
    /// Which custom logic to bypass.
    pub bypass_custom_logic: Option<CustomLogic>,
    /// Whether flows are not triggered.
    pub suppress_flows: Option<bool>,
}

/// The condition on a row under which the request is carried out.
#[derive(Clone, Debug)]
pub enum Condition {
    /// It has this version.
    IfMatch(String),
    /// It exists.
    MustExist,
    /// It does not exist.
    MustNotExist,
    /// It has a different version.
    IfNoneMatch(String),
}

/// The user to impersonate.
#[derive(Clone, Debug)]
pub enum Caller {
    /// The user with this object id in Entra ID.
    EntraObjectId(String),
    /// The user with this id in Dataverse.
    SystemUserId(String),
}

/// Custom logic that can be bypassed.
#[derive(Clone, Copy, Debug)]
pub enum CustomLogic {
    /// Synchronous plug-ins and workflows.
    Synchronous,
    /// Asynchronous plug-ins and workflows.
    Asynchronous,
    /// Both.
    Both,
}

/// The maximum number of rows that Dataverse returns on a page.
pub(crate) const MAX_PAGE: u32 = 5_000;

/// Adds the options' headers to a request. Options that are not valid or contradict an existing header are
/// added to `faults`.
pub(crate) fn apply(options: &Options, method: &Method, headers: &mut HeaderMap, faults: &mut Faults) {
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
    fn preferences(&mut self, options: &Options) {
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
                    "is neither * nor a comma-separated list of annotation names",
                );
            }
        }
        if let Some(size) = options.page_size
            && self.fits("page-size", &[Method::GET])
        {
            if (1..=MAX_PAGE).contains(&size) {
                self.prefer("page-size", "odata.maxpagesize", &size.to_string());
            } else {
                self.fault("page-size", format!("is {size}: expected 1 to {MAX_PAGE} rows"));
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
                "is not a version of a row: use the etag of a response, such as W/\"1234567\"",
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
            self.fault(field, "is not a GUID");
        } else if self.headers.contains_key(&other) {
            self.fault(field, format!("contradicts headers.{other}"));
        } else {
            self.set_named(field, name, id);
        }
    }

    fn prefer(&mut self, field: &str, name: &str, value: &str) {
        if let Err(given) = prefer::add(self.headers, name, value) {
            self.fault(field, format!("contradicts headers.prefer, which is {given}"));
        }
    }

    fn set(&mut self, field: &str, name: &'static str, value: &str) {
        self.set_named(field, HeaderName::from_static(name), value);
    }

    fn set_named(&mut self, field: &str, name: HeaderName, value: &str) {
        let Ok(value) = HeaderValue::from_str(value) else {
            self.fault(field, "is not a header value");
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

    /// Checks that the option applies to the method.
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

/// Whether a text is one entity tag, strong or weak (RFC 9110, 8.8.3).
pub(crate) fn is_etag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_graphic() && b != b'"'))
}

/// Whether a text is a comma-separated list of names and wildcards, each of which a minus may exclude
/// (OData 4.0, part 1, 8.2.8.4).
fn is_pattern(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"*.-_#".contains(&b);
    text.len() <= 1000
        && text
            .split(',')
            .all(|name| !name.is_empty() && name.bytes().all(allowed))
}

#[cfg(test)]
mod tests;
