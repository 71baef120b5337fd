//! Requests of callers.

use std::cell::LazyCell;

use dynamics365::fuzzing::Error;
use dynamics365::fuzzing::Settings;
use dynamics365::fuzzing::{Caller, Condition, CustomLogic, Options};
use dynamics365::fuzzing::{Draft, Request};
use http::{HeaderMap, Method, header};

use super::support::{first_line, settings};

thread_local! {
    static SETTINGS: LazyCell<Settings> = const { LazyCell::new(settings) };
}

/// Headers that belong to the connection or the identity.
const NOT_THE_CALLERS: [&str; 9] = [
    "authorization",
    "connection",
    "cookie",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A line with the method and the path; lines with options, which begin with a percent sign, and with headers; an empty line;
/// the body.
pub(super) fn request(input: &[u8]) {
    let request = read(input);
    let prepared = SETTINGS.with(|settings| Request::new(settings, request.clone(), "the-id".to_owned()));
    match prepared {
        Ok(prepared) => {
            cannot_break_the_call(&prepared);
            carries_the_headers(&request, prepared.headers());
            carries_the_options(&request, prepared.headers());
            assert_eq!(prepared.body(), request.body.as_deref());
        }
        Err(Error::InvalidRequest(faults)) => {
            assert!(!faults.is_empty());
            for fault in faults {
                let place = fault.field.split('.').next().unwrap();
                assert!(
                    ["path", "body", "headers", "options"].contains(&place),
                    "{}",
                    fault.field
                );
                let is_plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\t');
                assert!(!fault.reason.is_empty() && is_plain(&fault.reason) && is_plain(&fault.field));
            }
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn read(input: &[u8]) -> Draft {
    let (line, mut rest) = first_line(input);
    let line = String::from_utf8_lossy(line);
    let (method, path) = line.split_once(' ').unwrap_or((&line, "contacts"));
    let method = match method {
        "POST" => Method::POST,
        "PATCH" => Method::PATCH,
        "PUT" => Method::PUT,
        "DELETE" => Method::DELETE,
        _ => Method::GET,
    };
    let mut request = Draft::new(method, path);
    let mut options = Options::default();
    loop {
        let (line, after) = first_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        let line = String::from_utf8_lossy(line);
        match line.strip_prefix('%') {
            Some(option) => set(&mut options, option),
            None => {
                // The two characters `\n`, to allow a header with a line break.
                let (name, value) = line.split_once(':').unwrap_or((&line, ""));
                let unescaped = |text: &str| text.replace("\\n", "\n").replace("\\r", "\r");
                request.headers.push((unescaped(name), unescaped(value)));
            }
        }
    }
    request.options = options;
    request.body = (!rest.is_empty()).then(|| rest.to_vec());
    request
}

fn set(options: &mut Options, option: &str) {
    let (name, value) = option.split_once(' ').unwrap_or((option, ""));
    let text = value.to_owned();
    match name {
        "return" => options.return_representation = Some(true),
        "annotations" => options.annotations = Some(text),
        "page" => options.page_size = value.parse().ok(),
        "track" => options.track_changes = Some(true),
        "match" => options.condition = Some(Condition::IfMatch(text)),
        "none-match" => options.condition = Some(Condition::IfNoneMatch(text)),
        "exists" => options.condition = Some(Condition::MustExist),
        "new" => options.condition = Some(Condition::MustNotExist),
        "object" => options.caller = Some(Caller::EntraObjectId(text)),
        "user" => options.caller = Some(Caller::SystemUserId(text)),
        "strong" => options.strong_consistency = Some(true),
        "duplicates" => options.suppress_duplicate_detection = Some(value == "suppressed"),
        "bypass" => options.bypass_custom_logic = Some(CustomLogic::Both),
        "flows" => options.suppress_flows = Some(true),
        _ => {}
    }
}

fn cannot_break_the_call(prepared: &Request) {
    let headers = prepared.headers();
    for name in NOT_THE_CALLERS {
        assert!(!headers.contains_key(name), "{name}");
    }
    for (name, value) in headers {
        assert!(
            value
                .as_bytes()
                .iter()
                .all(|byte| *byte == b'\t' || (b' '..=b'~').contains(byte)),
            "{name}"
        );
    }
    let lengths: Vec<_> = headers.get_all(header::CONTENT_LENGTH).iter().collect();
    let has_one = prepared.method() != Method::GET && prepared.method() != Method::DELETE;
    assert_eq!(lengths.len(), usize::from(has_one));
    let length = prepared.body().map_or(0, <[u8]>::len).to_string();
    assert!(lengths.iter().all(|value| **value == length));
    assert!(has_one || prepared.body().is_none());
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 80)
        .sum();
    assert!(size < 80 << 10);
    for name in [
        "accept",
        "odata-version",
        "odata-maxversion",
        "user-agent",
        "x-ms-client-request-id",
    ] {
        assert!(headers.contains_key(name), "{name}");
    }
}

/// Each of the caller's headers is present, and no other with the same name.
fn carries_the_headers(request: &Draft, headers: &HeaderMap) {
    for (name, value) in &request.headers {
        let same = request
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .count();
        let sent: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        if name.eq_ignore_ascii_case("prefer") {
            assert!(
                preferences(value).iter().all(|preference| says(headers, preference)),
                "{value}: {headers:?}"
            );
        } else {
            assert!(sent.contains(&value.trim()) && sent.len() <= same, "{name}");
        }
    }
}

fn carries_the_options(request: &Draft, headers: &HeaderMap) {
    let options = &request.options;
    assert!(headers.get_all("prefer").iter().count() <= 1 || request.headers.iter().any(|(name, _)| name == "prefer"));
    if options.return_representation == Some(true) {
        assert!(says(headers, "return=representation"), "{headers:?}");
    }
    if let Some(pattern) = &options.annotations {
        assert!(
            says(headers, &format!("odata.include-annotations={pattern}")),
            "{headers:?}"
        );
    }
    if let Some(size) = options.page_size {
        assert!(
            (1..=5000).contains(&size) && says(headers, &format!("odata.maxpagesize={size}")),
            "{headers:?}"
        );
    }
    if options.track_changes == Some(true) {
        assert!(says(headers, "odata.track-changes"), "{headers:?}");
    }
    let condition = options.condition.as_ref().map(|condition| match condition {
        Condition::IfMatch(etag) => (header::IF_MATCH, etag.as_str()),
        Condition::MustExist => (header::IF_MATCH, "*"),
        Condition::MustNotExist => (header::IF_NONE_MATCH, "*"),
        Condition::IfNoneMatch(etag) => (header::IF_NONE_MATCH, etag.as_str()),
    });
    if let Some((name, value)) = condition {
        assert_eq!(headers[&name], value);
        assert!(!(headers.contains_key(header::IF_MATCH) && headers.contains_key(header::IF_NONE_MATCH)));
    }
    if let Some(Caller::EntraObjectId(id) | Caller::SystemUserId(id)) = &options.caller {
        assert!(headers.values().any(|value| value == id));
        assert!(!(headers.contains_key("callerobjectid") && headers.contains_key("mscrmcallerid")));
    }
}

/// Whether the single `Prefer` header contains a preference.
fn says(headers: &HeaderMap, preference: &str) -> bool {
    let values: Vec<_> = headers.get_all("prefer").iter().collect();
    let [value] = values.as_slice() else {
        return false;
    };
    let plain = |text: &str| text.replace(['"', ' ', '\t'], "").to_ascii_lowercase();
    preferences(value.to_str().unwrap())
        .iter()
        .any(|given| plain(given) == plain(preference))
}

/// Splits at commas outside quotes.
fn preferences(value: &str) -> Vec<String> {
    let mut preferences = vec![String::new()];
    let mut quoted = false;
    for c in value.chars() {
        quoted ^= c == '"';
        match preferences.last_mut() {
            Some(last) if c != ',' || quoted => last.push(c),
            _ => preferences.push(String::new()),
        }
    }
    preferences.retain(|preference| !preference.trim().is_empty());
    preferences
}
