//! Shared helpers of the targets.

use std::time::Duration;

use dynamics365::fuzzing::Origin;
use dynamics365::fuzzing::Settings;
use dynamics365::fuzzing::{Body, Cause, Failure, Host, Timeouts};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};

pub(super) const ENVIRONMENT: &str = "https://contoso.crm.dynamics.com";

/// The token of requests, which the inputs may repeat.
pub(super) const TOKEN: &str = "eyJ0b2tlbiI6Im9mIHRoZSByZXF1ZXN0In0.c2lnbmF0dXJl";

/// In seconds since 1970.
pub(super) const NOW: u64 = 1_700_000_000;

pub(super) fn environment() -> Origin {
    Origin::parse(ENVIRONMENT).unwrap()
}

pub(super) fn settings() -> Settings {
    let variables = [
        ("DATAVERSE_URL", ENVIRONMENT),
        ("AZURE_TENANT_ID", "11111111-1111-4111-8111-111111111111"),
        ("AZURE_CLIENT_ID", "22222222-2222-4222-8222-222222222222"),
        ("AZURE_CLIENT_SECRET", "hunter2-hunter2"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Settings::from_variables(variables.to_vec()).unwrap()
}

/// The text before and after the first line feed.
pub(super) fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (line, rest) = input.split_at(end);
    (line, rest.strip_prefix(b"\n").unwrap_or(rest))
}

/// An answer: a line with the status, lines with headers, an empty line, the body. An invalid status counts
/// as 200, and an invalid header is ignored.
pub(super) fn answer(input: &[u8]) -> Response<Vec<u8>> {
    let (status, mut rest) = first_line(input);
    let mut headers = HeaderMap::new();
    loop {
        let (line, after) = first_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        headers.extend(header(line));
    }
    let mut answer = Response::new(rest.to_vec());
    *answer.status_mut() = StatusCode::from_bytes(status).unwrap_or(StatusCode::OK);
    *answer.headers_mut() = headers;
    answer
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

/// Whether a text contains another.
pub(super) fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

/// A host without a network.
pub(super) struct Alone;

impl Host for Alone {
    type Body = &'static [u8];

    async fn send<B: Body>(&self, _: Request<Option<B>>, _: &Timeouts) -> Result<Response<Self::Body>, Failure> {
        Err(Failure::not_sent(Cause::NoConnection, "there is no network"))
    }

    fn now(&self) -> u64 {
        NOW
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }

    fn log(&self, _: &str) {}
}
