//! Certificates in every form, and a message for each mistake.

#[path = "../../tests/component/openssl.rs"]
#[allow(unreachable_pub, reason = "it is a file of another crate's too")]
mod openssl;

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::certificate::{self, Identity};

use super::key::kdf;
use super::*;
use crate::credential::AssertionAlgorithm;
use openssl::{OpenSsl, PASSWORD};

pub(super) static IDENTITY: LazyLock<Identity> = LazyLock::new(|| certificate::generate("unit test").unwrap());
pub(super) static OTHER: LazyLock<Identity> = LazyLock::new(|| certificate::generate("other").unwrap());

fn read(text: &str, password: Option<&str>) -> Result<Certificate, String> {
    Certificate::parse(text, password, AssertionAlgorithm::Ps256, false)
}

fn refused(text: &str, password: Option<&str>) -> String {
    read(text, password).unwrap_err()
}

fn credential(algorithm: AssertionAlgorithm, send_chain: bool) -> Credential {
    let pem = format!("{}{}", IDENTITY.certificate_pem, IDENTITY.key_pkcs8_pem);
    Credential::Certificate(Box::new(Certificate::parse(&pem, None, algorithm, send_chain).unwrap()))
}

fn secret(text: &str) -> Credential {
    Credential::Secret(Secret::parse(text).unwrap())
}

fn files() -> OpenSsl {
    OpenSsl::with(&[
        ("key.pem", &IDENTITY.key_pkcs8_pem),
        ("certificate.pem", &IDENTITY.certificate_pem),
    ])
}

pub(super) fn pfx(password: &str, options: &str) -> Vec<u8> {
    files().run(
        "pkcs12 -export -in certificate.pem -inkey key.pem -passout",
        password,
        options,
    )
}

pub(super) fn encrypted_pem(password: &str, options: &str) -> String {
    let key = files().run("pkcs8 -topk8 -in key.pem -passout", password, options);
    format!("{}{}", IDENTITY.certificate_pem, String::from_utf8(key).unwrap())
}

#[test]
fn debug_gives_nothing_away() {
    assert_eq!(
        format!("{:?}", credential(AssertionAlgorithm::Ps256, false)),
        "Certificate(Certificate { algorithm: Ps256, send_chain: false, .. })"
    );
    assert_eq!(format!("{:?}", secret("hunter2")), "Secret(Secret)");
}

#[test]
fn fingerprints_tell_credentials_apart() {
    let prints = [
        secret("one").fingerprint(),
        secret("two").fingerprint(),
        credential(AssertionAlgorithm::Ps256, false).fingerprint(),
        credential(AssertionAlgorithm::Rs256, false).fingerprint(),
        credential(AssertionAlgorithm::Ps256, true).fingerprint(),
    ];
    for (index, print) in prints.iter().enumerate() {
        assert!(!prints[..index].contains(print), "{index}");
    }
    assert_eq!(secret("one").fingerprint(), prints[0]);
}

#[test]
fn the_certificate_of_the_key_is_found() {
    let pem = format!(
        "{}{}{}",
        OTHER.certificate_pem, IDENTITY.key_pkcs1_pem, IDENTITY.certificate_pem
    );
    let certificate = read(&pem, None).unwrap();
    assert_eq!(certificate.signing(), IDENTITY.certificate_der);
    assert_eq!(
        certificate.chain(),
        std::slice::from_ref(&IDENTITY.certificate_der),
        "the other has signed nothing here"
    );
    assert_eq!(certificate.thumbprint(), IDENTITY.thumbprint_sha1);
    let year = 366 * 24 * 60 * 60;
    assert_eq!(
        certificate.validity().not_after - certificate.validity().not_before,
        year
    );
}

#[test]
fn every_form_of_openssl_is_read() {
    let mut wrong = Vec::new();
    for form in openssl::forms(&IDENTITY, &OTHER.certificate_pem) {
        let certificate = match read(&form.text, form.password) {
            Ok(certificate) => certificate,
            Err(reason) => {
                wrong.push(format!("{}: {reason}", form.name));
                continue;
            }
        };
        assert_eq!(certificate.signing(), IDENTITY.certificate_der, "{}", form.name);
        let Some(PASSWORD) = form.password else { continue };
        for (password, sentence) in [
            (
                Some("other"),
                "the password does not decrypt: expected the password of this file",
            ),
            (Some("other\n"), "line break"),
            (Some(""), "no password is set"),
            (None, "no password is set"),
        ] {
            let said = refused(&form.text, password);
            assert!(said.contains(sentence), "{}: {said}", form.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_password_is_not_looked_at_where_nothing_is_encrypted() {
    let pem = format!("{}{}", IDENTITY.certificate_pem, IDENTITY.key_pkcs8_pem);
    assert!(read(&pem, Some("anything")).is_ok());
    let open = STANDARD.encode(pfx("", "-nomac -keypbe NONE -certpbe NONE"));
    assert!(read(&open, Some("anything")).is_ok());
}

#[test]
fn what_encrypts_in_other_ways_is_named() {
    for (options, oid) in [
        ("-scrypt", "1.3.6.1.4.1.11591.4.11"),
        ("-v2 camellia-128-cbc", "1.2.392.200011.61.1.1.1.2"),
        ("-v2prf hmacWithSHA224", "1.2.840.113549.2.8"),
        (
            "-v1 PBE-MD5-DES -provider legacy -provider default",
            "1.2.840.113549.1.5.3",
        ),
    ] {
        let said = refused(&encrypted_pem("secret", options), Some("secret"));
        assert!(said.contains(&format!("OID {oid})")), "{options}: {said}");
    }
    let rc4 = pfx("secret", "-keypbe PBE-SHA1-RC4-128 -provider legacy -provider default");
    let said = refused(&STANDARD.encode(rc4), Some("secret"));
    assert!(said.contains("OID 1.2.840.113549.1.12.1.1)"), "{said}");
}

#[test]
fn the_old_encryption_of_pem_is_told_how_to_convert() {
    let old = files().run("rsa -aes128 -traditional -in key.pem -passout", "secret", "");
    let pem = format!("{}{}", IDENTITY.certificate_pem, String::from_utf8(old).unwrap());
    let said = refused(&pem, Some("secret"));
    assert!(said.contains("openssl pkcs8 -topk8"), "{said}");
}

#[test]
fn too_many_rounds_are_refused() {
    let too_many = format!("-iter {}", kdf::MAX_ROUNDS + 1);
    let said = refused(&encrypted_pem("secret", &too_many), Some("secret"));
    assert!(said.contains("iterations of password hashing"), "{said}");
    // Within the limit for each part, above it in total.
    let options = format!("-iter {}", kdf::MAX_ROUNDS / 2);
    let said = refused(&STANDARD.encode(pfx("secret", &options)), Some("secret"));
    assert!(said.contains("iterations of password hashing"), "{said}");
}

#[test]
fn damage_is_told_from_a_wrong_password_where_it_can_be() {
    let pfx = pfx("secret", "");
    for length in [10, 100, pfx.len() - 1] {
        let said = refused(&STANDARD.encode(&pfx[..length]), Some("secret"));
        assert!(said.contains("is a PFX that is damaged"), "{length}: {said}");
    }
}

/// Each message contains the command that converts the file.
#[test]
fn what_cannot_sign_is_named() {
    let openssl = files();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let key = |options: &str| text(openssl.plain(&format!("genpkey -algorithm {options}")));
    let pss = key("RSA-PSS -pkeyopt rsa_keygen_bits:2048");
    let (ed25519, x25519, ec) = (
        key("ED25519"),
        key("X25519"),
        key("EC -pkeyopt ec_paramgen_curve:P-256"),
    );
    openssl.write("ec.pem", ec.as_bytes());
    let sec1 = text(openssl.plain("pkey -traditional -in ec.pem"));
    let public = text(openssl.plain("pkey -in key.pem -pubout"));
    let rsa_public = text(openssl.plain("rsa -in key.pem -RSAPublicKey_out"));
    let request = text(openssl.plain("req -new -key key.pem -subj /CN=x"));
    let pkcs7 = openssl.plain("crl2pkcs7 -nocrl -certfile certificate.pem -outform DER");
    let blob = openssl.plain("rsa -in key.pem -outform MSBLOB");
    let pvk = openssl.plain("rsa -in key.pem -outform PVK -pvk-none");
    let pkcs8_der = openssl.plain("pkcs8 -topk8 -nocrypt -outform DER -in key.pem");
    let (certificate, private) = (&IDENTITY.certificate_pem, &IDENTITY.key_pkcs8_pem);
    let with_certificate = |key: &str| format!("{certificate}{key}");
    let mut wrong = Vec::new();
    let no_rsa = "not an RSA key";
    for (text, parts) in [
        (
            with_certificate(&pss),
            &["RSA key that is restricted to PSS", "openssl genpkey -algorithm RSA "] as &[&str],
        ),
        (with_certificate(&ed25519), &["Ed25519", no_rsa]),
        (with_certificate(&x25519), &["X25519", no_rsa]),
        (with_certificate(&ec), &["elliptic curve", no_rsa]),
        (with_certificate(&sec1), &["elliptic curve", no_rsa]),
        (STANDARD.encode(&pkcs8_der), &["contains no certificate"]),
        (with_certificate(&public), &["contains no private key", "public key"]),
        (
            with_certificate(&rsa_public),
            &["contains no private key", "public key"],
        ),
        (
            format!("{private}{request}"),
            &["contains no certificate", "signing request", "openssl x509 -req"],
        ),
        (
            format!("{private}{}", openssl::pem("PKCS7", &pkcs7)),
            &["contains no certificate", "PKCS#7", "openssl pkcs7 -print_certs"],
        ),
        (
            STANDARD.encode(&pkcs7),
            &["PKCS#7", "openssl pkcs7 -print_certs", "-inform DER"],
        ),
        (
            STANDARD.encode(&blob),
            &["Microsoft key blob", "openssl rsa -inform MSBLOB"],
        ),
        (STANDARD.encode(&pvk), &["PVK", "openssl rsa -inform PVK"]),
        (
            STANDARD.encode([0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]),
            &["Java", "JKS", "keytool -importkeystore"],
        ),
        (
            STANDARD.encode([0xce, 0xce, 0xce, 0xce, 0, 0, 0, 2]),
            &["Java", "JCEKS", "keytool -importkeystore"],
        ),
        (
            with_certificate(&openssl::pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0")),
            &["contains no private key", "OpenSSH", "ssh-keygen -p -m PKCS8"],
        ),
        (
            STANDARD.encode(b"openssh-key-v1\0..."),
            &["OpenSSH", "ssh-keygen -p -m PKCS8"],
        ),
        (
            "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n".to_owned(),
            &["PuTTY", "puttygen"],
        ),
        (
            "<RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue>".to_owned(),
            &["RSAKeyValue", "XML"],
        ),
        (
            r#"{"value":"MIIK","contentType":"application/x-pkcs12"}"#.to_owned(),
            &["JSON", "--query value"],
        ),
        (r#"{"kty":"RSA","n":"AQAB"}"#.to_owned(), &["JSON Web Key"]),
        (
            pkcs8_der.iter().map(|byte| format!("{byte:02x}")).collect(),
            &["hex", "xxd -r -p"],
        ),
        (with_certificate(private).replace("-----", "\u{2014}"), &["dashes"]),
        (with_certificate(private).replace("-----", "----"), &["dashes"]),
    ] {
        let said = refused(&text, None);
        if !parts.iter().all(|part| said.contains(part)) {
            wrong.push(format!("{parts:?}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn other_texts_are_told_from_certificates() {
    let hex = &IDENTITY.thumbprint_sha1;
    let pairs: Vec<&str> = (0..20).map(|at| &hex[2 * at..2 * at + 2]).collect();
    for (text, sentence) in [
        ("", "is empty"),
        (" \n", "is empty"),
        (hex, "thumbprint"),
        (&hex.to_lowercase(), "thumbprint"),
        (&pairs.join(":"), "thumbprint"),
        (&IDENTITY.thumbprint_sha256, "thumbprint"),
        ("/run/secrets/app.pem", "file path"),
        ("C:\\certificates\\new.pfx", "file path"),
        ("./key", "file path"),
        ("\"app.pfx\"", "file path"),
        ("a secret, not a certificate", "is neither PEM text nor a PFX"),
        (&STANDARD.encode("no PEM either"), "is neither PEM text nor a PFX"),
        (&STANDARD.encode(&IDENTITY.certificate_der), "without its private key"),
        (
            &String::from_utf8_lossy(&IDENTITY.certificate_der),
            "seems to be a binary file",
        ),
        (&String::from_utf8_lossy(&pfx("", "")), "seems to be a binary file"),
        (&"x".repeat((256 << 10) + 1), "is longer than 256 kB"),
    ] {
        let said = refused(text, None);
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
}

/// OpenSSL encodes a missing password as an empty one, so the form of other tools is assembled here.
#[test]
fn a_key_encrypted_with_nothing_at_all_is_read() {
    let openssl = files();
    let derive = |purpose, length| {
        let hex = openssl.run(
            &format!(
                "kdf -keylen {length} -kdfopt digest:SHA1 -kdfopt hexsalt:0102030405060708 -kdfopt iter:3 -kdfopt"
            ),
            "",
            &format!("-kdfopt id:{purpose} PKCS12KDF"),
        );
        String::from_utf8(hex).unwrap().replace([':', '\n'], "")
    };
    openssl.run(
        "pkcs8 -topk8 -nocrypt -outform DER -in key.pem -out key.der -passout",
        "",
        "",
    );
    let cipher = format!(
        "-des-ede3-cbc -nosalt -in key.der -K {} -iv {}",
        derive(1, 24),
        derive(2, 8)
    );
    let encrypted = openssl.run("enc -pass", "", &cipher);

    let scheme = [0x06, 10, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 3];
    let parameters = [0x30, 13, 4, 8, 1, 2, 3, 4, 5, 6, 7, 8, 2, 1, 3];
    let algorithm = element(0x30, &[&scheme[..], &parameters].concat());
    let info = element(0x30, &[algorithm, element(0x04, &encrypted)].concat());
    let pem = format!(
        "{}-----BEGIN ENCRYPTED PRIVATE KEY-----\n{}\n-----END ENCRYPTED PRIVATE KEY-----\n",
        IDENTITY.certificate_pem,
        STANDARD.encode(info)
    );
    assert_eq!(read(&pem, None).unwrap().signing(), IDENTITY.certificate_der);
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(content.len()) {
        Ok(short @ 0..0x80) => vec![short],
        _ => [&[0x82], &u16::try_from(content.len()).unwrap().to_be_bytes()[..]].concat(),
    };
    [&[tag], &length[..], content].concat()
}

#[test]
fn a_key_that_is_too_long_is_refused() {
    let key = files().run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4104 -pass", "", "");
    let pem = format!("{}{}", IDENTITY.certificate_pem, String::from_utf8(key).unwrap());
    let said = refused(&pem, None);
    assert!(said.contains("too long: expected 2048, 3072 or 4096 bits"), "{said}");
}
