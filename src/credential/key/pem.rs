//! PEM (RFC 7468), as it is after files, variables and vaults.

use base64::Engine;
use zeroize::Zeroizing;

use super::encryption;
use super::kdf::Rounds;
use super::password::Password;
use super::pfx;
use super::text::BASE64;
use super::{Contents, PrivateKey};

/// How every block begins.
pub const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Reads every block that matters, and passes over what stands between them.
///
/// # Errors
/// What is wrong with a block, for people.
pub fn read(pem: &str, password: Password<'_>) -> Result<Contents, String> {
    let mut rounds = Rounds::new();
    let mut contents = Contents::default();
    let mut rest = pem;
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (label, block) = block.split_once(DASHES).ok_or_else(|| damaged("BEGIN"))?;
        let end = format!("-----END {label}-----");
        let (body, after) = block.split_once(&end).ok_or_else(|| damaged(label))?;
        rest = after;
        match label {
            "CERTIFICATE" => {
                let der = decode(label, body)?;
                // What `certutil -encode` writes, whatever it is given.
                if pfx::is_pfx(&der) {
                    let inner = pfx::read(&der, password, &mut rounds)?;
                    contents.certificates.extend(inner.certificates);
                    contents.keys.extend(inner.keys);
                } else {
                    contents.certificates.push(der.to_vec());
                }
            }
            "PRIVATE KEY" => contents.keys.push(PrivateKey::Pkcs8(decode(label, body)?)),
            "RSA PRIVATE KEY" => contents.keys.push(PrivateKey::Pkcs1(decode(label, body)?)),
            "EC PRIVATE KEY" => contents.keys.push(PrivateKey::Sec1),
            "ENCRYPTED PRIVATE KEY" => {
                let key = encryption::open_key(&decode(label, body)?, password, &mut rounds)
                    .map_err(|why| why.sentence("holds a private key", password))?;
                contents.keys.push(PrivateKey::Pkcs8(key));
            }
            _ => {}
        }
    }
    Ok(contents)
}

fn decode(label: &str, body: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    if body.contains("Proc-Type:") {
        return Err(
            "holds a private key in PEM's old encryption (Proc-Type: 4,ENCRYPTED): convert it \
                    (openssl pkcs8 -topk8 -in key.pem -out converted.pem)"
                .to_owned(),
        );
    }
    let mut packed = Zeroizing::new(String::with_capacity(body.len()));
    packed.extend(body.split_whitespace());
    BASE64
        .decode(packed.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| damaged(label))
}

fn damaged(label: &str) -> String {
    let label = if label.len() <= 30 && label.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ') {
        label
    } else {
        "BEGIN"
    };
    format!("holds a PEM block ({label}) that is damaged: its base64 is not whole, or its END line is missing")
}
