//! Answers of Entra ID, and challenges of an environment.

use dynamics365::fuzzing::Origin;
use dynamics365::fuzzing::Reason;
use dynamics365::fuzzing::challenge as challenges;
use dynamics365::fuzzing::parse_tenant;
use dynamics365::fuzzing::tenant;
use dynamics365::fuzzing::token::{self as answer, Refused};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::support::{NOW, answer, contains};

/// The secret in the request, plain and form-encoded.
const SECRETS: [&str; 2] = ["hunter2~a+b/c=", "hunter2%7Ea%2Bb%2Fc%3D"];

/// Replaces the token that an answer grants.
const GRANTED: &str = "eyJncmFudGVkIjp0cnVlfQ.c2lnbmF0dXJl";

/// The answer to a token request, in the form of `support::answer`.
pub(super) fn token_answer(input: &[u8]) {
    let answer = answer(input);
    let status = answer.status();
    let headers = format!("{:?}", answer.headers());
    match answer::read(answer, NOW, SECRETS[0]) {
        Ok(granted) => {
            assert_eq!(status, StatusCode::OK);
            assert!(!granted.text.is_empty() && granted.text.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        Err(error) => {
            let told = format!("{error:?}");
            for secret in SECRETS {
                assert!(!told.contains(secret), "{told}");
            }
            assert!(
                status != StatusCode::OK || headers.contains(GRANTED) || !told.contains(GRANTED),
                "{told}"
            );
            match error {
                Refused::Said(said) => assert!(status.is_client_error() && said.status == status.as_u16()),
                Refused::Unsaid(Reason::Throttled(_)) => {}
                Refused::Unsaid(Reason::NoAnswer(failure)) => assert_eq!(failure.status, Some(status.as_u16())),
                Refused::Unsaid(other) => panic!("{other:?}"),
            }
        }
    }
}

/// `WWW-Authenticate`, each line a header.
pub(super) fn challenge(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|&byte| byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::WWW_AUTHENTICATE, value);
        }
    }
    if let Some(claims) = challenges::demanded_claims(&headers) {
        assert!(claims.is_object());
    }
    if let Some(uri) = challenges::authorization_uri(&headers) {
        names_only_a_tenant(&uri);
    }

    // Quoted text must be read unchanged.
    let text: String = String::from_utf8_lossy(input)
        .chars()
        .filter(char::is_ascii_graphic)
        .take(8000)
        .collect();
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    let written = format!("Basic realm=\"{quoted}\", authorization_uri=x, BEARER x=y,Authorization_URI = \"{quoted}\"");
    let mut headers = HeaderMap::new();
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::try_from(written).unwrap());
    if quoted.len() < 7_000 {
        assert_eq!(challenges::authorization_uri(&headers), Some(text));
    }
}

/// The challenge is not trusted: only Microsoft's authorities and valid tenants are accepted.
fn names_only_a_tenant(uri: &str) {
    let authority = Origin::parse("https://login.microsoftonline.com").unwrap();
    if let Ok(tenant) = tenant::tenant_in(uri, &authority) {
        assert_eq!(parse_tenant(&tenant).as_ref(), Ok(&tenant));
        let host = uri.parse::<http::Uri>().unwrap().host().unwrap().to_ascii_lowercase();
        let known = [
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
        ];
        assert!(known.contains(&host.as_str()), "{host}");
        assert!(contains(uri.to_ascii_lowercase().as_bytes(), &tenant));
    }
}
