//! Workload identity federation: an identity provider whose assertions an application can trust.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::EncodePublicKey;
use rsa::rand_core::OsRng;
use rsa::signature::{SignatureEncoding, Signer};
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

/// The audience that <https://learn.microsoft.com/entra/workload-id/workload-identity-federation> recommends.
pub const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Assertions that an application trusts: by issuer, subject and audience. The comparison is
/// case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederatedCredential {
    /// `iss` of the assertion, a URL.
    pub issuer: String,
    /// `sub`, as in `system:serviceaccount:namespace:name`.
    pub subject: String,
    /// `aud`.
    pub audience: String,
    /// The issuer's RSA key, SubjectPublicKeyInfo in DER. The real service fetches it from the issuer.
    pub public_key_der: Vec<u8>,
}

/// An identity provider with its own key.
#[derive(Clone)]
pub struct Issuer {
    url: String,
    key: RsaPrivateKey,
    key_id: String,
}

impl Issuer {
    /// An issuer of that name, with a new key.
    pub fn new(url: &str) -> anyhow::Result<Issuer> {
        Ok(Issuer {
            url: url.into(),
            key: RsaPrivateKey::new(&mut OsRng, 2048)?,
            key_id: Uuid::new_v4().to_string(),
        })
    }

    /// The `iss` of its assertions.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The federated credential with which an application trusts its assertions for this subject.
    pub fn credential(&self, subject: &str, audience: &str) -> anyhow::Result<FederatedCredential> {
        Ok(FederatedCredential {
            issuer: self.url.clone(),
            subject: subject.into(),
            audience: audience.into(),
            public_key_der: self.key.to_public_key().to_public_key_der()?.into_vec(),
        })
    }

    /// An assertion, signed with RS256.
    pub fn issue(
        &self,
        subject: &str,
        audience: &str,
        not_before: SystemTime,
        expires: SystemTime,
    ) -> anyhow::Result<String> {
        let seconds = |time: SystemTime| anyhow::Ok(time.duration_since(UNIX_EPOCH)?.as_secs());
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.url, "sub": subject, "aud": [audience], "jti": Uuid::new_v4().to_string(),
            "iat": seconds(not_before)?, "nbf": seconds(not_before)?, "exp": seconds(expires)?,
        });
        let signed = format!(
            "{}.{}",
            part(header.to_string().as_bytes()),
            part(claims.to_string().as_bytes())
        );
        let signature = SigningKey::<Sha256>::new(self.key.clone()).sign(signed.as_bytes());
        Ok(format!("{signed}.{}", part(&signature.to_vec())))
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("url", &self.url).finish_non_exhaustive()
    }
}
