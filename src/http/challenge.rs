//! The `WWW-Authenticate` header of the environment's 401 (RFC 9110, 11.6.1): the authority, and the claims
//! that a token must have (docs/facts/entra.md, 2.6).

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::{HeaderMap, header};
use serde_json::Value;

use super::quoted::unquote;

/// The maximum length of a header. Longer ones are ignored.
const LONGEST: usize = 16 << 10;

/// The required claims of a token, as JSON for a token request. `None` if the token was refused for another
/// reason.
pub fn demanded_claims(headers: &HeaderMap) -> Option<Value> {
    if parameter(headers, "error")? != "insufficient_claims" {
        return None;
    }
    let encoded = parameter(headers, "claims")?;
    // Services use both alphabets, with and without padding.
    let standard = encoded.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let claims: Value = serde_json::from_slice(&STANDARD_NO_PAD.decode(standard).ok()?).ok()?;
    claims.is_object().then_some(claims)
}

/// The sign-in URL of the environment: `https://login.microsoftonline.com/{tenant}/oauth2/authorize`.
pub fn authorization_uri(headers: &HeaderMap) -> Option<String> {
    parameter(headers, "authorization_uri")
}

/// A parameter of the `Bearer` challenges. Names are case-insensitive.
fn parameter(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(header::WWW_AUTHENTICATE);
    let values = values.iter().filter_map(|value| value.to_str().ok());
    values
        .filter(|value| value.len() <= LONGEST)
        .find_map(|value| parameter_in(value, name))
}

fn parameter_in(challenges: &str, name: &str) -> Option<String> {
    let mut rest = challenges;
    let mut is_bearer = false;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return None;
        }
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        match after.trim_start_matches([' ', '\t']).strip_prefix('=') {
            Some(value) => {
                let (value, after) = take_value(value.trim_start_matches([' ', '\t']));
                if is_bearer && word.eq_ignore_ascii_case(name) {
                    return Some(value);
                }
                rest = after;
            }
            None => {
                is_bearer = word.eq_ignore_ascii_case("bearer");
                rest = after;
            }
        }
    }
}

/// A quoted string, or the text before the next comma or space: Dataverse does not quote its URLs, although
/// it should.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, after) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.to_owned(), after);
    };
    unquote(quoted)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_authority_is_found_however_it_is_written() {
        let uri = "https://login.microsoftonline.com/t/oauth2/authorize";
        for value in [
            "Bearer authorization_uri=https://login.microsoftonline.com/t/oauth2/authorize, resource_id=https://org.example/",
            "bearer resource_id=https://org.example/,AUTHORIZATION_URI=https://login.microsoftonline.com/t/oauth2/authorize",
            r#"Bearer realm="a, \"b\" =", authorization_uri="https://login.microsoftonline.com/t/oauth2/authorize""#,
            "Negotiate, Bearer authorization_uri = https://login.microsoftonline.com/t/oauth2/authorize",
            "NTLM abc==, Bearer authorization_uri=https://login.microsoftonline.com/t/oauth2/authorize",
        ] {
            assert_eq!(authorization_uri(&headers(&[value])).as_deref(), Some(uri), "{value}");
        }
        let two = headers(&[
            "Negotiate",
            "Bearer authorization_uri=https://login.microsoftonline.com/t/oauth2/authorize",
        ]);
        assert_eq!(authorization_uri(&two).as_deref(), Some(uri));
        for value in [
            "",
            "Bearer",
            "Bearer x=y",
            "Basic authorization_uri=x",
            "=,=,\"",
            "Bearer authorization_uri",
        ] {
            assert_eq!(authorization_uri(&headers(&[value])), None, "{value}");
        }
    }

    #[test]
    fn claims_are_demanded_by_insufficient_claims_only() {
        let claims = json!({"access_token": {"nbf": {"essential": true, "value": "1>?>"}}});
        let padded = base64::engine::general_purpose::STANDARD.encode(claims.to_string());
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
        for encoded in [padded, url] {
            let value = format!(r#"Bearer realm="", error="insufficient_claims", claims="{encoded}""#);
            assert_eq!(demanded_claims(&headers(&[&value])), Some(claims.clone()), "{encoded}");
            let value = format!(r#"Bearer error="invalid_token", claims="{encoded}""#);
            assert_eq!(demanded_claims(&headers(&[&value])), None);
        }
        for claims in ["", "!!!", "bm90IEpTT04", "W10"] {
            let value = format!(r#"Bearer error="insufficient_claims", claims="{claims}""#);
            assert_eq!(demanded_claims(&headers(&[&value])), None, "{claims}");
        }
    }
}
