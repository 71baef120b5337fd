//! The client assertion: a JWT, signed with the certificate's key, that replaces a client secret (RFC 7523;
//! Microsoft's page "Application authentication certificate credentials").

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::{digest, signature};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::credential::{AssertionAlgorithm, Certificate};

/// The lifetime of an assertion in seconds. Microsoft: "5-10 minutes after nbf at most".
const LIFETIME: u64 = 600;

/// The content of an assertion, apart from the certificate.
pub(crate) struct Claims<'a> {
    /// The URL that the assertion is posted to.
    pub audience: &'a str,
    /// The application, which is both issuer and subject.
    pub client_id: &'a str,
    /// The time of signing, in seconds since 1970.
    pub now: u64,
    /// A new GUID.
    pub id: &'a str,
}

/// Signs an assertion.
///
/// # Errors
/// If the host provides no random numbers, or the key cannot sign.
pub(crate) fn sign(certificate: &Certificate, claims: &Claims<'_>) -> Result<Zeroizing<String>, String> {
    let payload = Payload {
        aud: claims.audience,
        iss: claims.client_id,
        sub: claims.client_id,
        jti: claims.id,
        nbf: claims.now,
        iat: claims.now,
        exp: claims.now.saturating_add(LIFETIME),
    };
    let mut jwt = Zeroizing::new(String::new());
    encode_json(&header(certificate), &mut jwt)?;
    jwt.push('.');
    encode_json(&payload, &mut jwt)?;

    let padding: &'static dyn signature::RsaEncoding = match certificate.algorithm {
        AssertionAlgorithm::Ps256 => &signature::RSA_PSS_SHA256,
        AssertionAlgorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
    };
    let mut signature = vec![0; certificate.key.public().modulus_len()];
    certificate
        .key
        .sign(padding, &SystemRandom::new(), jwt.as_bytes(), &mut signature)
        .map_err(|_| "the private key could not sign".to_owned())?;
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature, &mut jwt);
    Ok(jwt)
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
    /// SHA-1 thumbprint, for RS256.
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
    /// SHA-256 thumbprint, for PS256.
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<String>,
    /// RFC 7515, 4.1.6: standard base64 of the DER, the signing certificate first.
    #[serde(skip_serializing_if = "Option::is_none")]
    x5c: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Payload<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: &'a str,
    nbf: u64,
    iat: u64,
    exp: u64,
}

fn header(certificate: &Certificate) -> Header {
    let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, certificate.signing()));
    let (alg, x5t, x5t_s256) = match certificate.algorithm {
        AssertionAlgorithm::Ps256 => ("PS256", None, Some(thumbprint(&digest::SHA256))),
        AssertionAlgorithm::Rs256 => ("RS256", Some(thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY)), None),
    };
    let x5c = certificate
        .send_chain
        .then(|| certificate.chain().iter().map(|der| STANDARD.encode(der)).collect());
    Header {
        alg,
        typ: "JWT",
        x5t,
        x5t_s256,
        x5c,
    }
}

fn encode_json(value: &impl Serialize, into: &mut String) -> Result<(), String> {
    let json = serde_json::to_vec(value).map_err(|error| error.to_string())?;
    URL_SAFE_NO_PAD.encode_string(json, into);
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::Engine;

    use super::*;

    #[test]
    fn the_parts_are_as_documented() {
        let identity = sandbox::certificate::generate("unit test").unwrap();
        let pem = format!("{}{}", identity.certificate_pem, identity.key_pkcs8_pem);
        let certificate = Certificate::parse(&pem, None, AssertionAlgorithm::Ps256, false).unwrap();
        let claims = Claims {
            audience: "https://login.example/t/oauth2/v2.0/token",
            client_id: "app",
            now: 1000,
            id: "one",
        };
        let jwt = sign(&certificate, &claims).unwrap();

        let parts: Vec<_> = jwt
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
            .collect();
        assert_eq!(
            String::from_utf8(parts[0].clone()).unwrap(),
            format!(r#"{{"alg":"PS256","typ":"JWT","x5t#S256":"{}"}}"#, identity.x5t_s256())
        );
        assert_eq!(
            String::from_utf8(parts[1].clone()).unwrap(),
            r#"{"aud":"https://login.example/t/oauth2/v2.0/token","iss":"app","sub":"app","jti":"one","nbf":1000,"iat":1000,"exp":1600}"#
        );
        assert_eq!((parts.len(), parts[2].len()), (3, 256));
        assert_ne!(*sign(&certificate, &claims).unwrap(), *jwt, "PSS is salted");
    }
}
