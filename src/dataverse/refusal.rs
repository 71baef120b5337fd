//! Reads errors in answers: in Dataverse's format, in older formats, in those of proxies and gateways, or in
//! none.

use std::fmt;

use http::HeaderMap;
use serde_json::Value;

use crate::http::{json, media_type, stranger};
use crate::redact::redact;

/// The content of an error.
#[derive(Default)]
pub(super) struct ErrorBody {
    /// In hexadecimal, or unchanged if it is not a number. May be empty.
    pub code: String,
    /// The message, or a description of the answer if it has none.
    pub message: String,
    /// The annotation `InnerError.Message`, or the messages of older inner errors, the outermost first.
    pub inner_message: Option<String>,
    /// The annotation `HelpLink`.
    pub help_link: Option<String>,
    /// The annotation `TraceText`.
    pub trace_text: Option<String>,
}

/// The maximum size of a parsed body, in bytes. Parsed JSON takes far more memory than its text, and no error
/// is that long.
const MAX_PARSED: usize = 1 << 20;

/// The maximum length of a returned text, in bytes. A batch repeats it for each of its requests.
const MAX_TEXT: usize = 16 << 10;

/// The maximum number of nested or listed errors that are read.
const MAX_ERRORS: usize = 20;

impl ErrorBody {
    /// Reads a body. `token` is the token of the request, which is removed from all texts.
    pub(super) fn read(headers: &HeaderMap, body: &[u8], token: &str) -> Self {
        let text = json::without_mark(body);
        let parsed = (body.len() <= MAX_PARSED).then(|| serde_json::from_slice::<Value>(text));
        let (said, instead) = match parsed {
            Some(Ok(value)) => (
                Reader { token }.error(&value),
                "the answer is JSON that has no message in a place that is known".to_owned(),
            ),
            Some(Err(error)) if is_meant_as_json(headers, text) => {
                (Self::default(), format!("the answer is broken JSON, {}", place(&error)))
            }
            _ => (Self::default(), "the answer is not Dataverse's JSON".to_owned()),
        };
        if said.message.is_empty() {
            Self {
                message: instead_of_message(&instead, headers, text, token),
                ..said
            }
        } else {
            said
        }
    }

    /// The code as a signed number, as .NET shows it.
    pub(super) fn code_number(&self) -> Option<i32> {
        match self.code.strip_prefix("0x").or_else(|| self.code.strip_prefix("0X")) {
            Some(digits) => Some(u32::from_str_radix(digits, 16).ok()?.cast_signed()),
            None => self.code.parse().ok(),
        }
    }
}

/// The position of a syntax error. The parser's message is omitted because it may quote the text.
pub(super) fn place(error: &serde_json::Error) -> impl fmt::Display {
    fmt::from_fn(move |f| write!(f, "at line {}, column {}", error.line(), error.column()))
}

/// Whether a body is meant to be JSON. Some proxies remove the content type.
fn is_meant_as_json(headers: &HeaderMap, text: &[u8]) -> bool {
    let begins = text.trim_ascii_start().first();
    media_type::is_json(headers) && begins.is_some_and(|first| *first != b'<') || matches!(begins, Some(b'{' | b'['))
}

/// Reads the known formats.
struct Reader<'a> {
    token: &'a str,
}

impl Reader<'_> {
    /// Reads OData errors (JSON Format 4.0, 19, and older versions), the flat errors of ASP.NET, OAuth errors
    /// (RFC 6749, 5.2), problem details (RFC 9457), and errors of API gateways.
    fn error(&self, body: &Value) -> ErrorBody {
        let named = body.get("error").or_else(|| body.get("odata.error"));
        let error = named.filter(|error| error.is_object()).unwrap_or(body);
        let inner = self.inner(error);
        let annotation = |name: &str| self.text(error.get(format!("@Microsoft.PowerApps.CDS.{name}")));
        let message = self
            .o_auth(body)
            .or_else(|| self.message(error))
            .or_else(|| self.text(Some(body)))
            .unwrap_or_default();
        let message = sentence(message, self.listed(error));
        ErrorBody {
            code: self.code(body, error),
            message: if message.is_empty() {
                inner.clone().unwrap_or_default()
            } else {
                message
            },
            inner_message: annotation("InnerError.Message").or(inner),
            help_link: annotation("HelpLink"),
            trace_text: annotation("TraceText"),
        }
    }

    fn code(&self, body: &Value, error: &Value) -> String {
        let code = self
            .text(error.get("code"))
            .or_else(|| self.text(error.get("ErrorCode")));
        let o_auth = || body.get("error_description").and_then(|_| self.text(body.get("error")));
        in_hexadecimal(code.or_else(o_auth).unwrap_or_default())
    }

    fn o_auth(&self, body: &Value) -> Option<String> {
        let error = self.text(body.get("error"))?;
        Some(match self.text(body.get("error_description")) {
            Some(description) => format!("{error}: {description}"),
            None => error,
        })
    }

    fn message(&self, error: &Value) -> Option<String> {
        let text = |name: &str| self.text(error.get(name)).filter(|text| !text.is_empty());
        text("ExceptionMessage")
            .or_else(|| text("message"))
            .or_else(|| text("Message").map(|message| sentence(message, text("MessageDetail").unwrap_or_default())))
            .or_else(|| text("title").map(|title| sentence(title, text("detail").unwrap_or_default())))
            .or_else(|| text("detail"))
    }

    /// The messages of nested errors, without consecutive duplicates.
    fn inner(&self, error: &Value) -> Option<String> {
        const NAMES: [&str; 4] = ["innererror", "innerError", "internalexception", "InnerException"];
        let next = |error: &'_ Value| NAMES.iter().find_map(|name| error.get(name)).cloned();
        let mut messages: Vec<String> = Vec::new();
        let mut inner = next(error);
        while let Some(error) = inner.filter(|_| messages.len() < MAX_ERRORS) {
            messages.extend(self.message(&error).filter(|message| Some(message) != messages.last()));
            inner = next(&error);
        }
        (!messages.is_empty()).then(|| messages.join("; "))
    }

    /// The messages of listed errors: OData's `details`, or `errors` as a list or by field name.
    fn listed(&self, error: &Value) -> String {
        let said = |error: &Value| self.text(Some(error)).or_else(|| self.message(error));
        let listed = error.get("details").filter(|details| details.is_array());
        let messages: Vec<String> = match listed.or_else(|| error.get("errors")) {
            Some(Value::Array(errors)) => errors.iter().take(MAX_ERRORS).filter_map(said).collect(),
            Some(Value::Object(fields)) => fields
                .iter()
                .take(MAX_ERRORS)
                .filter_map(|(name, errors)| {
                    let first = errors.as_array().map_or(Some(errors), |errors| errors.first())?;
                    Some(format!("{}: {}", redact(name, &[self.token]), said(first)?))
                })
                .collect(),
            _ => Vec::new(),
        };
        shortened(messages.join("; "))
    }

    /// A text, also with its language as in OData before 4.0.
    fn text(&self, value: Option<&Value>) -> Option<String> {
        match value? {
            Value::String(text) => Some(shortened(redact(text, &[self.token]))),
            Value::Number(number) => Some(number.to_string()),
            Value::Object(of_language) => self.text(of_language.get("value").filter(|value| value.is_string())),
            _ => None,
        }
    }
}

/// Joins two texts.
fn sentence(first: String, second: String) -> String {
    if first.is_empty() || second.is_empty() {
        return first + &second;
    }
    let between = if first.ends_with(['.', '!', '?', ':']) {
        " "
    } else {
        ": "
    };
    shortened(first + between + &second)
}

/// Describes an answer without a message: its kind and its beginning.
fn instead_of_message(what: &str, headers: &HeaderMap, body: &[u8], token: &str) -> String {
    // Only in its documented form: a header may repeat a part of the request, too.
    let kind = redact(&stranger::kind(headers), &[token]);
    let title = stranger::title(body, &[token]).map_or_else(String::new, |title| format!(", titled \"{title}\""));
    let beginning = beginning(body, token);
    let colon = if beginning.is_empty() { "" } else { ": " };
    format!("{what} ({kind}, {} bytes{title}){colon}{beginning}", body.len(),)
}

/// The beginning of a body, on one line, without the token.
pub(super) fn beginning(body: &[u8], token: &str) -> String {
    const SHOWN: usize = 300;
    // Enough to include a whole token that starts within the shown text, so that it is found.
    let enough = token.len().saturating_add(4 * SHOWN);
    let mut begun = Vec::new();
    for word in body.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        if begun.len() >= enough {
            break;
        }
        if !begun.is_empty() {
            begun.push(b' ');
        }
        begun.extend_from_slice(word.get(..enough).unwrap_or(word));
    }
    let text = redact(&String::from_utf8_lossy(&begun), &[token]);
    // A token that is truncated at the end is not found. If earlier tokens are replaced by shorter text, the
    // truncated one may move into the shown part.
    let whole = if begun.len() < enough {
        SHOWN
    } else {
        text.chars().count().saturating_sub(token.len())
    };
    text.chars().take(SHOWN.min(whole)).collect()
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
    }
    text
}

/// Converts the signed number of the flat format to hexadecimal, so that programs can rely on one notation.
fn in_hexadecimal(code: String) -> String {
    match code.parse::<i32>() {
        Ok(number @ ..0) => format!("0x{number:08x}"),
        _ => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> ErrorBody {
        ErrorBody::read(&HeaderMap::new(), body.as_bytes(), "the.token")
    }

    #[test]
    fn codes_are_hexadecimal_and_numbers() {
        for (code, shown, number) in [
            ("\"0x80040220\"", "0x80040220", Some(-2_147_220_960)),
            ("\"0x80072322\"", "0x80072322", Some(-2_147_015_902)),
            ("\"0X8005F103\"", "0X8005F103", Some(-2_147_094_269)),
            ("\"-2147220960\"", "0x80040220", Some(-2_147_220_960)),
            ("-2147220969", "0x80040217", Some(-2_147_220_969)),
            ("\"0x0\"", "0x0", Some(0)),
            ("5", "5", Some(5)),
            ("\"\"", "", None),
            ("\"0x\"", "0x", None),
            ("\"0x1800402200\"", "0x1800402200", None),
            ("\"sandbox\"", "sandbox", None),
            ("null", "", None),
        ] {
            for body in [
                format!(r#"{{"error":{{"code":{code},"message":"m"}}}}"#),
                format!(r#"{{"Message":"m","ErrorCode":{code}}}"#),
            ] {
                let refusal = read(&body);
                assert_eq!(
                    (refusal.code.as_str(), refusal.code_number()),
                    (shown, number),
                    "{body}"
                );
                assert_eq!(refusal.message, "m");
            }
        }
    }

    #[test]
    fn long_texts_are_cut_and_long_bodies_are_not_taken_apart() {
        let long = |length: usize| {
            let text = format!("{}the.token{}", "é".repeat(8190), "x".repeat(length));
            read(&format!(r#"{{"error":{{"code":"0x1","message":"{text}"}}}}"#))
        };
        let cut = long(100_000);
        assert_eq!(cut.code, "0x1");
        assert_eq!(cut.message, format!("{}***x", "é".repeat(8190)));
        let whole = long(MAX_PARSED);
        assert_eq!(whole.code, "");
        assert!(whole.message.starts_with("the answer is not"), "{}", whole.message);
        assert!(whole.message.len() < 2000);
    }

    #[test]
    fn annotations_and_the_old_inner_error_are_read() {
        let annotated = read(
            r#"{"error":{"code":"0x1","message":"m","@Microsoft.PowerApps.CDS.HelpLink":"http://go.example/1",
            "@Microsoft.PowerApps.CDS.TraceText":"\r\n[a trace] the.token","@Microsoft.PowerApps.CDS.InnerError.Message":"inner",
            "innererror":{"message":"older"}}}"#,
        );
        assert_eq!(annotated.inner_message.as_deref(), Some("inner"));
        assert_eq!(annotated.help_link.as_deref(), Some("http://go.example/1"));
        assert_eq!(annotated.trace_text.as_deref(), Some("\r\n[a trace] ***"));
        let old =
            read(r#"{"error":{"code":"","message":"m","innererror":{"message":"older","type":"T","stacktrace":"S"}}}"#);
        assert_eq!(old.inner_message.as_deref(), Some("older"));
        assert!(
            read(r#"{"error":{"message":"m","innererror":"x"}}"#)
                .inner_message
                .is_none()
        );
    }

    #[test]
    fn no_part_of_the_token_is_shown_of_a_text() {
        let shown = |body: &str| {
            let message = ErrorBody::read(&HeaderMap::new(), body.as_bytes(), &"secret".repeat(300)).message;
            let (_, shown) = message.split_once("bytes)").unwrap();
            shown.to_owned()
        };
        let token = "secret".repeat(300);
        assert_eq!(shown(&format!("<p>  Bearer\n{token} </p>")), ": <p> Bearer *** </p>");
        for begun in [1, 299, 300, 1195, 1200, 1210, 3000] {
            for body in [
                format!("<p>{}{token}", " ".repeat(begun)),
                format!("{}{token}", "x".repeat(begun)),
                format!("{} {token}", "é ".repeat(begun)),
                token.repeat(begun.min(30)),
            ] {
                assert!(!shown(&body).contains("sec"), "{begun}: {}", shown(&body));
            }
        }
        assert_eq!(shown(&"x ".repeat(2000)).chars().count(), 302);
    }
}
