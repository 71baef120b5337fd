//! Certificates in the forms that users have, and a message for each mistake.

use embedded_host::Network;
use embedded_host::types::{Certificate, Credential, Settings};

use crate::openssl;
use crate::support::{COMPONENT, Client, STRANGER, Tenant, contoso_settings, settings_faults};

#[test]
fn a_pem_is_read_in_every_form() {
    let tenant = Tenant::start();
    let identity = &tenant.demo.identity;
    let (certificate, pkcs8, pkcs1) = (
        &identity.certificate_pem,
        &identity.key_pkcs8_pem,
        &identity.key_pkcs1_pem,
    );
    let other = &STRANGER.certificate_pem;
    let plain = format!("{certificate}{pkcs8}");
    for (form, pem) in [
        ("certificate, PKCS#8 key", plain.clone()),
        ("certificate, PKCS#1 key", format!("{certificate}{pkcs1}")),
        ("key first", format!("{pkcs8}{certificate}")),
        ("another certificate first", format!("{other}{certificate}{pkcs8}")),
        ("another certificate last", format!("{pkcs1}{certificate}{other}")),
        ("CRLF", plain.replace("\r\n", "\n").replace('\n', "\r\n")),
        ("line ends as spaces", plain.replace('\n', " ")),
        ("line ends as \\n", plain.replace('\n', "\\n")),
        ("line ends as \\r\\n", plain.replace('\n', "\\r\\n")),
        ("base64", base64(plain.as_bytes())),
        (
            "base64 in lines",
            base64(plain.as_bytes())
                .as_bytes()
                .chunks(76)
                .map(|line| [line, b"\n"].concat())
                .fold(String::new(), |text, line| text + std::str::from_utf8(&line).unwrap()),
        ),
        (
            "Bag Attributes",
            format!(
                "Bag Attributes\n    friendlyName: x\nsubject=CN = x\n\nissuer=CN = x\n\n{certificate}Bag Attributes: <Empty>\n{pkcs8}"
            ),
        ),
    ] {
        assert_eq!(token(&tenant, pem, None), Ok(()), "{form}");
    }
}

#[test]
fn what_openssl_makes_is_read() {
    let tenant = Tenant::start();
    for form in openssl::forms(&tenant.demo.identity, &STRANGER.certificate_pem) {
        assert_eq!(token(&tenant, form.text, form.password), Ok(()), "{}", form.name);
    }
}

/// Requests a token with this certificate, and returns the reason if it fails.
fn token(tenant: &Tenant, certificate: String, password: Option<&str>) -> Result<(), String> {
    let certificate = Certificate {
        text: certificate,
        password: password.map(str::to_owned),
    };
    let settings = tenant.settings_with([Credential::Certificate(certificate)]);
    let mut client = Client::open(&settings, Network::Machine);
    client.token().map(drop).map_err(|error| format!("{error:?}"))
}

#[test]
fn each_mistake_has_its_sentence() {
    let identity = &STRANGER;
    let certificate = &identity.certificate_pem;
    let key = &identity.key_pkcs8_pem;
    let other = sandbox::certificate::generate("other").unwrap();
    for (pem, sentence) in [
        (String::new(), "is empty"),
        (base64(&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]), "keytool -importkeystore"),
        (base64(b"openssh-key-v1\0"), "ssh-keygen -p -m PKCS8"),
        (
            "a secret, not a certificate".to_owned(),
            "is neither PEM text nor a PFX",
        ),
        (base64(b"no PEM either"), "is neither PEM text nor a PFX"),
        (base64(&[0xff, 0xfe, 0x00]), "is neither PEM text nor a PFX"),
        (certificate.clone(), "contains no private key"),
        (key.clone(), "contains no certificate"),
        (
            format!("{}{key}", other.certificate_pem),
            "no certificate that belongs to the private key",
        ),
        (
            format!("{certificate}{key}{}", other.key_pkcs8_pem),
            "more than one private key",
        ),
        (
            format!("{certificate}{}", block(PSS_KEY)),
            "an RSA key that is restricted to PSS",
        ),
        (format!("{certificate}{}", block(EC_KEY)), "not an RSA key"),
        (format!("{certificate}{}", block(EC_SEC1_KEY)), "not an RSA key"),
        (format!("{certificate}{}", block(SHORT_KEY)), "too short"),
        (
            format!("{certificate}-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"),
            "a private key that is damaged",
        ),
        (
            format!(
                "{certificate}-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n-----END RSA PRIVATE KEY-----\n"
            ),
            "legacy PEM encryption",
        ),
        (
            format!("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n{key}"),
            "not valid X.509",
        ),
        (
            format!("{certificate}-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"),
            "not valid",
        ),
        (
            format!("{certificate}-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n"),
            "damaged",
        ),
        (key.replace("-----END PRIVATE KEY-----", ""), "damaged"),
    ] {
        let settings = Settings {
            credentials: vec![embedded_host::certificate(pem.clone())],
            ..contoso_settings()
        };
        let mut instance = COMPONENT.instance(&[], Network::Machine).unwrap();
        let faults = settings_faults(instance.open(&settings).unwrap().unwrap_err());
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].0, "credentials[0]");
        assert!(faults[0].1.contains(sentence), "{sentence}: {faults:?}");
    }
}

/// A block of PEM: its label and its base64.
fn block((label, base64): (&str, &str)) -> String {
    let lines = base64.replace(' ', "\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

// Throwaway keys, to test that they are refused.

const EC_KEY: (&str, &str) = (
    "PRIVATE KEY",
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCKH2T9pQUbbcK3gf \
     WwFdV1Hwl++FzR06ebHhpJR3eFWhRANCAARbJaPrGkGeuzPy4Au4npRN0HJUVyhs \
     LmdG1azGC1pPTLMx1cHvYySSWzBACkfimwppy/5lMwZS46zU4msjTExu",
);
const EC_SEC1_KEY: (&str, &str) = (
    "EC PRIVATE KEY",
    "MHcCAQEEIAih9k/aUFG23Ct4H1sBXVdR8Jfvhc0dOnmx4aSUd3hVoAoGCCqGSM49 \
     AwEHoUQDQgAEWyWj6xpBnrsz8uALuJ6UTdByVFcobC5nRtWsxgtaT0yzMdXB72Mk \
     klswQApH4psKacv+ZTMGUuOs1OJrI0xMbg==",
);
/// Only its algorithm, because nothing else is checked.
const PSS_KEY: (&str, &str) = ("PRIVATE KEY", "MBQCAQAwCwYJKoZIhvcNAQEKBAIwAA==");
const SHORT_KEY: (&str, &str) = (
    "PRIVATE KEY",
    "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAMlgk11h9ysIQxc0 \
     gY3VYMrW9SKhbqi2bdw/MkdYOyjSreNnxpRGN3fFeQztXR9o7XnbOsaZh+f87koE \
     irFEfVdQquDAr/EfDm2AoHWEgEqv9xLe0p2p3Et0KHqVk3HRPzuK1ucR+cnNnf/M \
     YTX7V3Ow0a0KfP65TmcVPID0j+TdAgMBAAECgYBTalDArtLenWaFFzfPE6Mrgo06 \
     UhpvglnRkM/346Fl0Jc9CoCkbM2PLFpvM2eOmj08a8ZV+8TjIM9oE6eLtG4iX7/P \
     TJXtzGj/LxIxlycjPef7hlNxgi/WOrNlJHRKtkScKc6PHb1xE9xt6BG2aNqQAZIn \
     Ykoc+Jghf++XaINd4QJBAOzLsB6KYu5eCb0zd8GxoqT3u3LCpQVwH7yv9jJarnzN \
     AHEWdmADEi0T0DFCOvTfMh9llOQXPhIG6I573PrrnjUCQQDZtYleBW7I3Xg3epol \
     qnz0y/ixhmy/6Hv/9FFHE/5Kj3XRcavFrUlZI7EkoB8vPIu5tM+BZMT00oWbl529 \
     qKEJAkBGVl6zQ7INUhucesxI2cYRMJEajpzMF7klqDL+VBdedNp7vQtei6r7ftYp \
     u52dnSrbTqZCdnD2k9zCbiJ+2jw9AkBzNS8JU0SqBREOAtI55nuTq7DieOlpsOSV \
     sTulqn3iBQLrIAUvaaEsC8g9QoLeI2MplfZNWf8kM5fCm7w81lTJAkEA4637I+pN \
     zS8T+ylRH7YE4oBbGvGjK25zbnI6goc6flfKMK59xT3Z9CWQ98EZjzHDBLLg3nQH \
     JIEWSdjUUCoLsA==",
);
