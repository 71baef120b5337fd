//! The key that signs access tokens. One for the whole process, since making it takes a moment; made when it is first used.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::rand_core::OsRng;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

struct Key {
    id: String,
    key: RsaPrivateKey,
}

#[expect(clippy::expect_used, reason = "fails only where the machine has no random numbers")]
static KEY: LazyLock<Key> = LazyLock::new(|| {
    let key = RsaPrivateKey::new(&mut OsRng, 2048).expect("an RSA key of 2048 bits");
    let id = URL_SAFE_NO_PAD.encode(Sha256::digest(key.n().to_bytes_be()));
    Key { id, key }
});

/// A JWT with these claims, signed with RS256.
pub(crate) fn sign(claims: &Value) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": KEY.id});
    let signed = format!(
        "{}.{}",
        part(header.to_string().as_bytes()),
        part(claims.to_string().as_bytes())
    );
    let signature = SigningKey::<Sha256>::new(KEY.key.clone()).sign(signed.as_bytes());
    format!("{signed}.{}", part(&signature.to_vec()))
}

/// The public key (RFC 7517).
pub(crate) fn public_jwk() -> Value {
    let number = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY.id,
        "n": number(KEY.key.n()), "e": number(KEY.key.e()),
    })
}
