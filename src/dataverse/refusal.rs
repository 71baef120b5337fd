//! What an answer says of an error: in Dataverse's shape, in an older one, or in none.

use http::HeaderMap;
use serde_json::Value;

use super::answer::text_of;
use crate::http::json;
use crate::redact::redact;

/// What an answer says of an error.
#[derive(Default)]
pub(super) struct ErrorBody {
    /// In hexadecimal, or as it came where it is no such number. May be empty.
    pub code: String,
    /// What happened, or what came instead of an explanation.
    pub message: String,
    /// The annotation `InnerError.Message`, or the message of an older `innererror`.
    pub inner_message: Option<String>,
    /// The annotation `HelpLink`.
    pub help_link: Option<String>,
    /// The annotation `TraceText`.
    pub trace_text: Option<String>,
}

/// Of a body, in bytes. As a tree it takes far more memory than its text, and no explanation is as long.
const MAX_PARSED: usize = 1 << 20;

/// Of a text that is handed over, in bytes: a batch repeats it for each of its requests.
const MAX_TEXT: usize = 16 << 10;

impl ErrorBody {
    /// Reads a body. `token` is the one that the request carried, which no text may repeat.
    pub(super) fn read(headers: &HeaderMap, body: &[u8], token: &str) -> Self {
        Self::json(body, token).unwrap_or_else(|| Self::text(headers, body, token))
    }

    /// The code as the signed number that .NET shows.
    pub(super) fn code_number(&self) -> Option<i32> {
        match self.code.strip_prefix("0x").or_else(|| self.code.strip_prefix("0X")) {
            Some(digits) => Some(u32::from_str_radix(digits, 16).ok()?.cast_signed()),
            None => self.code.parse().ok(),
        }
    }

    /// Dataverse's own shape (Microsoft's page "Compose HTTP requests and handle errors"), or the flat one of the layers before
    /// it.
    fn json(body: &[u8], token: &str) -> Option<Self> {
        if body.len() > MAX_PARSED {
            return None;
        }
        let body: Value = serde_json::from_slice(json::without_mark(body)).ok()?;
        let text = |value: Option<&Value>| match value? {
            Value::String(text) => Some(shortened(redact(text, &[token]))),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        if let Some(error) = body.get("error").filter(|error| error.is_object()) {
            let annotation = |name: &str| text(error.get(format!("@Microsoft.PowerApps.CDS.{name}")));
            let inner = |name: &str| text(error.get(name).and_then(|inner| inner.get("message")));
            return Some(Self {
                code: in_hexadecimal(text(error.get("code")).unwrap_or_default()),
                message: text(error.get("message")).unwrap_or_default(),
                inner_message: annotation("InnerError.Message").or_else(|| inner("innererror")),
                help_link: annotation("HelpLink"),
                trace_text: annotation("TraceText"),
            });
        }
        Some(Self {
            message: text(body.get("ExceptionMessage")).or_else(|| text(body.get("Message")))?,
            code: in_hexadecimal(text(body.get("ErrorCode")).unwrap_or_default()),
            ..Self::default()
        })
    }

    /// What came instead: the beginning of it, on one line.
    fn text(headers: &HeaderMap, body: &[u8], token: &str) -> Self {
        const SHOWN: usize = 300;
        let content_type = text_of(headers, http::header::CONTENT_TYPE.as_str());
        // Enough that a token which begins in what is shown is there whole, and so is found.
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
        // One that is cut off at the end is not found: where several were, that end may be among what is shown.
        let whole = if begun.len() < enough {
            SHOWN
        } else {
            text.chars().count().saturating_sub(token.len())
        };
        let shown: String = text.chars().take(SHOWN.min(whole)).collect();
        let message = format!(
            "the answer is not Dataverse's JSON ({}, {} bytes){}{shown}",
            content_type.as_deref().unwrap_or("no content type"),
            body.len(),
            if shown.is_empty() { "" } else { ": " },
        );
        Self {
            message,
            ..Self::default()
        }
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
    }
    text
}

/// The flat shape has the signed number that .NET shows, and programs should have one notation to look for.
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
