//! The frame of a multipart message (RFC 2046, 5.1) with CRLF line ends only (docs/facts/dataverse.md,
//! 1.7).

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Bytes;

use crate::dataverse::refusal::Refusal;

/// The boundary, if the type is `multipart/mixed`.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim())
    })?;
    let bare = boundary
        .strip_prefix('"')
        .and_then(|quoted| quoted.strip_suffix('"'))
        .unwrap_or(boundary);
    // RFC 2046, 5.1.1: 1 to 70 characters of a small set.
    let fits = (1..=70).contains(&bare.len())
        && bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b))
        && !bare.ends_with(' ');
    fits.then(|| bare.into())
}

/// The parts between the delimiters. Text before the first and after the last is ignored.
pub(super) fn parts(body: &Bytes, boundary: &str) -> Result<Vec<Bytes>, Refusal> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut begun = None;
    let mut at = 0;
    while at < body.len() {
        let rest = &body[at..];
        let end = rest.iter().position(|b| *b == b'\n').map_or(body.len(), |n| at + n + 1);
        let line = &body[at..end];
        let Some((last, padding)) = tail(line, &delimiter) else {
            at = end;
            continue;
        };
        let ended = padding.ends_with(b"\r\n") || (last && end == body.len() && !padding.ends_with(b"\n"));
        if !ended || !(at == 0 || body[..at].ends_with(b"\r\n")) {
            return Err(bare_line_feed());
        }
        if let Some(start) = begun {
            // The line end before a delimiter belongs to the delimiter.
            let content = (start + 2 <= at).then(|| body.slice(start..at - 2));
            parts.push(content.ok_or_else(|| malformed("A part is empty."))?);
        }
        if last {
            return Ok(parts);
        }
        begun = Some(end);
        at = end;
    }
    Err(malformed(format!(
        "The terminating boundary '{delimiter}--' is missing."
    )))
}

/// `(whether it is the last delimiter, what follows it on its line)`.
fn tail<'a>(line: &'a [u8], delimiter: &str) -> Option<(bool, &'a [u8])> {
    let tail = line.strip_prefix(delimiter.as_bytes())?;
    let (last, padding) = match tail.strip_prefix(b"--") {
        Some(padding) => (true, padding),
        None => (false, tail),
    };
    // Otherwise it is a longer boundary with the same prefix.
    padding.trim_ascii().is_empty().then_some((last, padding))
}

/// The lines up to the empty line, and the rest.
///
/// Guess: the empty line may be missing if nothing follows, because the OData library reads up to the
/// delimiter.
pub(super) fn head(part: &Bytes) -> Result<(Vec<&str>, Bytes), Refusal> {
    let end = part.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, rest) = match end {
        _ if part.starts_with(b"\r\n") => (&part[..0], part.slice(2..)),
        Some(end) => (&part[..end], part.slice(end + 4..)),
        None => (part.strip_suffix(b"\r\n").unwrap_or(part), Bytes::new()),
    };
    let head = std::str::from_utf8(head).map_err(|_| malformed("A header is not UTF-8."))?;
    let lines: Vec<&str> = head.split("\r\n").collect();
    if lines.iter().any(|line| line.contains(['\r', '\n'])) {
        return Err(bare_line_feed());
    }
    Ok((lines, rest))
}

pub(super) fn headers(lines: &[&str]) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let header = line.split_once(':').and_then(|(name, value)| {
            let value = HeaderValue::from_bytes(value.trim().as_bytes()).ok()?;
            Some((HeaderName::try_from(name).ok()?, value))
        });
        let (name, value) = header.ok_or_else(|| malformed(format!("The header line '{line}' is not valid.")))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The refusal of a whole batch is JSON (docs/facts/dataverse.md, 1.7). Guess: the code, and all these
/// texts.
pub(super) fn malformed(reason: impl Into<String>) -> Refusal {
    Refusal::query(reason)
}

/// docs/facts/dataverse.md, 1.7: with other line ends the service says that the "Stream was not readable".
/// Guess: the code.
fn bare_line_feed() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "0x80048d19", "Stream was not readable.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries() {
        let some = |text: &str| Some(text.to_string());
        assert_eq!(boundary("multipart/mixed; boundary=\"batch_1\""), some("batch_1"));
        assert_eq!(
            boundary("Multipart/Mixed;charset=utf-8;Boundary=batch_1"),
            some("batch_1")
        );
        for bad in [
            "multipart/mixed",
            "multipart/form-data; boundary=b",
            "multipart/mixed; boundary=",
            "application/json",
        ] {
            assert_eq!(boundary(bad), None, "{bad}");
        }
        assert_eq!(boundary(&format!("multipart/mixed; boundary={}", "b".repeat(71))), None);
    }

    #[test]
    fn delimiters_are_whole_lines() {
        let body = |text: &str| Bytes::from(text.to_string());
        let found = parts(
            &body("before\r\n--b\r\none\r\n--bb\r\n-- b\r\n--b \r\ntwo\r\n--b--\r\nbehind"),
            "b",
        )
        .unwrap();
        assert_eq!(found, ["one\r\n--bb\r\n-- b", "two"]);
        assert_eq!(parts(&body("--b\r\none\r\n--b--"), "b").unwrap(), ["one"]);
        for bad in [
            "--b\none\r\n--b--",
            "--b\r\none\n--b--",
            "--b\r\none\r\n--b--\n",
            "--b\r\none\r\n--b\r\n",
            "--b\r\n--b--",
            "",
        ] {
            assert!(parts(&body(bad), "b").is_err(), "{bad:?}");
        }
    }
}
