//! PEM (RFC 7468), in the forms that files, variables and vaults change it to.

use zeroize::Zeroizing;

use super::asn1::elements;
use super::kdf::Rounds;
use super::kind::Kind;
use super::password::Password;
use super::text::from_base64;
use super::{Contents, PrivateKey};

/// The start of every block.
pub(super) const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Reads every relevant block and skips the text between them.
///
/// # Errors
/// A readable reason why a block is not valid.
pub(super) fn read(
    pem: &str,
    password: Password<'_>,
    rounds: &mut Rounds,
    contents: &mut Contents,
) -> Result<(), String> {
    let mut rest = pem;
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (label, block) = block.split_once(DASHES).ok_or_else(|| damaged("BEGIN"))?;
        let end = format!("-----END {label}-----");
        let (body, after) = block.split_once(&end).ok_or_else(|| damaged(label))?;
        rest = after;
        let mut add = |kind| contents.add(&decode(label, body)?, Some(kind), password, rounds);
        match label {
            // Also a PFX: `certutil -encode` writes this label for any file.
            "CERTIFICATE" | "X509 CERTIFICATE" => add(Kind::Certificate)?,
            // Trust settings follow the certificate.
            "TRUSTED CERTIFICATE" => {
                let der = decode(label, body)?;
                let certificate = elements(&der).next().and_then(Result::ok);
                let certificate = certificate.ok_or_else(|| damaged(label))?;
                contents.certificates.push(certificate.to_vec());
            }
            "PRIVATE KEY" | "ANY PRIVATE KEY" => add(Kind::Pkcs8)?,
            "RSA PRIVATE KEY" => add(Kind::Pkcs1)?,
            "EC PRIVATE KEY" => add(Kind::Sec1)?,
            "DSA PRIVATE KEY" => add(Kind::Dsa)?,
            "ENCRYPTED PRIVATE KEY" => add(Kind::EncryptedPkcs8)?,
            "PKCS12" => add(Kind::Certificate)?,
            "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => add(Kind::Pkcs7)?,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => add(Kind::Request)?,
            "PUBLIC KEY" | "RSA PUBLIC KEY" => add(Kind::PublicKey)?,
            "OPENSSH PRIVATE KEY" => contents.besides = contents.besides.or(Some(OPENSSH)),
            "TSS2 PRIVATE KEY" => contents.keys.push(PrivateKey::Unusable(
                "contains a key that only its TPM can use: expected the private key itself".to_owned(),
            )),
            _ => {}
        }
    }
    Ok(())
}

/// A key made by ssh-keygen.
pub(super) const OPENSSH: &str = "a private key in OpenSSH's own format: convert it (ssh-keygen -p -m PKCS8 -f key, which changes the file in place)";

fn decode(label: &str, body: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    if body.contains("Proc-Type:") {
        return Err(
            "contains a private key in the legacy PEM encryption (Proc-Type: 4,ENCRYPTED): convert it \
                    (openssl pkcs8 -topk8 -in key.pem -out converted.pem)"
                .to_owned(),
        );
    }
    from_base64(body).ok_or_else(|| damaged(label))
}

fn damaged(label: &str) -> String {
    let label = if label.len() <= 30 && label.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ') {
        label
    } else {
        "BEGIN"
    };
    format!("contains a damaged PEM block ({label}): its base64 was cut off or changed, or its END line is missing")
}
