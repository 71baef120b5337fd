//! Certificates in the forms that users have, made with OpenSSL's command line.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::certificate::Identity;

/// Contains characters outside ASCII and outside UTF-16's first plane, because the schemes encode passwords
/// differently.
pub const PASSWORD: &str = "pässwörd € 𝄞";

/// A certificate with its key as a text.
pub struct Form {
    /// How it was made.
    pub name: String,
    pub text: String,
    /// The password.
    pub password: Option<&'static str>,
}

/// Options of `openssl pkcs8 -topk8`.
const ENCRYPTED_KEYS: &[&str] = &[
    "",
    "-v2 aes-128-cbc",
    "-v2 aes-192-cbc",
    "-v2 des3",
    "-v2prf hmacWithSHA1",
    "-v2prf hmacWithSHA384",
    "-v2prf hmacWithSHA512 -iter 100000",
    "-v1 PBE-SHA1-3DES",
    "-v1 PBE-SHA1-RC2-40 -provider legacy -provider default",
    "-v1 PBE-SHA1-RC2-128 -provider legacy -provider default",
];

/// Options of `openssl pkcs12 -export`.
const PFX_FILES: &[&str] = &[
    "",
    "-legacy",
    "-legacy -descert",
    // Windows: TripleDES-SHA1, then AES256-SHA256. The keys of Windows have attributes.
    "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -iter 2000 -keyex",
    "-keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256 -iter 2000 -keysig",
    "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha384",
    "-keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-128 -macalg sha512 -provider legacy -provider default",
    "-keypbe NONE",
    "-certpbe NONE",
    "-nomac",
    "-nomac -legacy",
    "-nomaciter -noiter",
    "-iter 100000 -name friendly -caname other",
];

/// Every form. `other` is an additional certificate in some of them.
pub fn forms(identity: &Identity, other: &str) -> Vec<Form> {
    let openssl = OpenSsl::with(&[
        ("key.pem", &identity.key_pkcs8_pem),
        ("certificate.pem", &identity.certificate_pem),
        ("other.pem", other),
    ]);
    let mut forms = Vec::new();
    let mut add = |name: String, text: String, password| forms.push(Form { name, text, password });

    let topk8 = "pkcs8 -topk8 -in key.pem -passout";
    for options in ENCRYPTED_KEYS {
        let name = format!("openssl pkcs8 -topk8 {options}");
        let key = String::from_utf8(openssl.run(topk8, PASSWORD, options)).unwrap();
        let text = format!("{key}{}", identity.certificate_pem);
        add(name, text, Some(PASSWORD));
    }

    let export = "pkcs12 -export -in certificate.pem -inkey key.pem -certfile other.pem -passout";
    for options in PFX_FILES {
        let name = format!("openssl pkcs12 -export {options}");
        let text = STANDARD.encode(openssl.run(export, PASSWORD, options));
        add(name, text, Some(PASSWORD));
    }
    // Azure Key Vault's form, and others without a password.
    for options in [
        "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1",
        "-keypbe NONE -certpbe NONE -nomac",
        "",
    ] {
        let text = STANDARD.encode(openssl.run(export, "", options));
        add(format!("no password, {options}"), text.clone(), None);
        add(format!("empty password, {options}"), text, Some(""));
    }

    let pfx = openssl.run(export, PASSWORD, "");
    let ber = in_pieces(&pfx);
    openssl.write("bundle.ber", &ber);
    openssl.run("pkcs12 -in bundle.ber -noout -passin", PASSWORD, "");
    let text = STANDARD.encode(&pfx);
    for (name, text) in [
        ("lines", wrapped(&text, "\n")),
        ("lines with CRLF", wrapped(&text, "\r\n")),
        ("lines with \\n", wrapped(&text, "\\n")),
        ("no padding", text.trim_end_matches('=').to_owned()),
        ("BOM", format!("\u{feff}{text}\n")),
        (
            "certutil -encode",
            format!(
                "-----BEGIN CERTIFICATE-----\r\n{}-----END CERTIFICATE-----\r\n",
                wrapped(&text, "\r\n")
            ),
        ),
        ("BER", STANDARD.encode(ber)),
    ] {
        add(format!("PFX, {name}"), text, Some(PASSWORD));
    }

    openssl.write("bundle.pfx", &pfx);
    let openssl_pem = openssl.run("pkcs12 -in bundle.pfx -passin", PASSWORD, "-nodes");
    let bags = String::from_utf8(openssl_pem).unwrap();
    assert!(bags.contains("Bag Attributes"));
    add("openssl pkcs12 -nodes".to_owned(), bags, None);
    for (name, text) in labelled(identity, &openssl)
        .into_iter()
        .chain(wrapped_up(identity, &text))
    {
        let password = name.contains("PFX").then_some(PASSWORD);
        add(name.to_owned(), text, password);
    }
    forms
}

/// Labels of PEM, and keys, that other tools and older versions of OpenSSL write and that OpenSSL reads.
fn labelled(identity: &Identity, openssl: &OpenSsl) -> Vec<(&'static str, String)> {
    let Identity {
        certificate_pem: certificate,
        key_pkcs8_pem: pkcs8,
        key_pkcs1_pem: pkcs1,
        ..
    } = identity;
    let trust = "x509 -in certificate.pem -trustout -addtrust clientAuth -setalias alias";
    let trusted = String::from_utf8(openssl.plain(trust)).unwrap();
    assert!(trusted.contains("TRUSTED CERTIFICATE"));
    let labelled =
        |pem: &str, label: &str, other: &str| pem.replace(&format!("{label}-----"), &format!("{other}-----"));
    let without_null = pem("PRIVATE KEY", &without_null(&der(pkcs8)));
    openssl.write("without-null.pem", without_null.as_bytes());
    openssl.plain("pkey -in without-null.pem -noout -check");
    vec![
        ("TRUSTED CERTIFICATE", format!("{trusted}{pkcs8}")),
        (
            "X509 CERTIFICATE",
            format!("{}{pkcs8}", labelled(certificate, "CERTIFICATE", "X509 CERTIFICATE")),
        ),
        (
            "ANY PRIVATE KEY",
            format!("{certificate}{}", labelled(pkcs8, "PRIVATE KEY", "ANY PRIVATE KEY")),
        ),
        (
            "PKCS#1 as PRIVATE KEY",
            format!("{certificate}{}", labelled(pkcs1, "RSA PRIVATE KEY", "PRIVATE KEY")),
        ),
        (
            "PKCS#8 as RSA PRIVATE KEY",
            format!("{certificate}{}", labelled(pkcs8, "PRIVATE KEY", "RSA PRIVATE KEY")),
        ),
        ("key without the NULL parameter", format!("{certificate}{without_null}")),
        ("the same key twice", format!("{pkcs8}{certificate}{pkcs8}")),
        ("the same key in two forms", format!("{pkcs8}{certificate}{pkcs1}")),
        (
            "the same certificate twice",
            format!("{certificate}{pkcs8}{certificate}"),
        ),
    ]
}

/// A file after changes by mail, vaults, scripts and web pages. `pfx` is in base64.
fn wrapped_up(identity: &Identity, pfx: &str) -> Vec<(&'static str, String)> {
    let pem_text = format!("{}{}", identity.certificate_pem, identity.key_pkcs8_pem);
    let packed = STANDARD.encode(&pem_text);
    let wide = |unit: fn(u16) -> [u8; 2], start: &str| -> Vec<u8> {
        format!("{start}{pem_text}").encode_utf16().flat_map(unit).collect()
    };
    let url_safe = |text: &str| text.replace('+', "-").replace('/', "_");
    let both = [der(&identity.certificate_pem), der(&identity.key_pkcs8_pem)].concat();
    let pfx_pem = |label: &str| format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", wrapped(pfx, "\n"));
    vec![
        ("base64 of base64", STANDARD.encode(&packed)),
        ("PFX, base64 of base64", STANDARD.encode(wrapped(pfx, "\r\n"))),
        ("UTF-16 as text", pem_text.chars().flat_map(|c| [c, '\0']).collect()),
        (
            "UTF-16 as text with a broken byte order mark",
            "\u{fffd}\u{fffd}"
                .chars()
                .chain(pem_text.chars().flat_map(|c| [c, '\0']))
                .collect(),
        ),
        ("base64 of UTF-16", STANDARD.encode(wide(u16::to_le_bytes, "\u{feff}"))),
        (
            "base64 of UTF-16, big end first",
            STANDARD.encode(wide(u16::to_be_bytes, "\u{feff}")),
        ),
        (
            "base64 of UTF-16 without a byte order mark",
            STANDARD.encode(wide(u16::to_le_bytes, "")),
        ),
        (
            "base64 with a byte order mark",
            STANDARD.encode(format!("\u{feff}{pem_text}")),
        ),
        ("URL-safe base64", url_safe(&packed)),
        ("PFX, URL-safe base64", url_safe(pfx)),
        ("URL-safe base64 between the lines", {
            let body = url_safe(&STANDARD.encode(der(&identity.key_pkcs8_pem)));
            format!(
                "{}-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n",
                identity.certificate_pem
            )
        }),
        (
            "PFX, percent-encoded",
            pfx.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D"),
        ),
        (
            "percent-encoded",
            pem_text
                .replace(' ', "%20")
                .replace('+', "%2B")
                .replace('\n', "%0A")
                .replace('\r', ""),
        ),
        ("PFX, in quotes", format!("\"{pfx}\"\n")),
        ("in quotes", format!("'{packed}'")),
        ("PFX, as a data URL", format!("data:application/x-pkcs12;base64,{pfx}")),
        ("PFX, with U+200B", format!("\u{200b}{pfx}\u{200b}")),
        (
            "line ends as \\\\n",
            pem_text.replace("\r\n", "\n").replace('\n', "\\\\n"),
        ),
        ("PFX, certtool", pfx_pem("PKCS12")),
        (
            "DER of certificate and key, one after the other",
            STANDARD.encode(&both),
        ),
        ("bodies without their BEGIN and END lines", {
            let body = |pem: &str| -> String { pem.lines().filter(|line| !line.starts_with('-')).collect() };
            format!("{}\n{}", body(&identity.certificate_pem), body(&identity.key_pkcs8_pem))
        }),
    ]
}

/// The content of a PEM block.
fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body.trim()).unwrap()
}

pub fn pem(label: &str, der: &[u8]) -> String {
    let body = wrapped(&STANDARD.encode(der), "\n");
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
}

/// An RSA key of PKCS#8 whose algorithm has no parameters, as some hardware and older libraries produce it.
fn without_null(pkcs8: &[u8]) -> Vec<u8> {
    let [0x30, 0x82, high, low, rest @ ..] = pkcs8 else {
        panic!("a long SEQUENCE");
    };
    let length = u16::from_be_bytes([*high, *low]) - 2;
    let (algorithm, key) = rest.split_at(20 - 2);
    let mut algorithm = algorithm.strip_suffix(&[0x05, 0x00]).unwrap().to_vec();
    algorithm[4] -= 2;
    [&[0x30, 0x82], &length.to_be_bytes()[..], &algorithm, key].concat()
}

fn wrapped(text: &str, line_end: &str) -> String {
    let lines = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap());
    lines.map(|line| format!("{line}{line_end}")).collect()
}

/// The same in BER, as macOS and Java write it: constructed elements have indefinite lengths, and the
/// strings with the safe are split.
pub fn in_pieces(der: &[u8]) -> Vec<u8> {
    let (tag, content, rest) = split(der);
    let mut ber = vec![tag];
    if tag == 0x04 && content.len() > 1000 {
        ber = vec![0x24, 0x80];
        for piece in content.chunks(500) {
            ber.extend([0x04, 0x82]);
            ber.extend(u16::try_from(piece.len()).unwrap().to_be_bytes());
            ber.extend(piece);
        }
        ber.extend([0, 0]);
    } else if tag & 0x20 != 0 {
        ber.push(0x80);
        let mut inside = content;
        while !inside.is_empty() {
            let (_, _, after) = split(inside);
            ber.extend(in_pieces(&inside[..inside.len() - after.len()]));
            inside = after;
        }
        ber.extend([0, 0]);
    } else {
        ber.extend(&der[1..der.len() - rest.len()]);
    }
    ber
}

/// Tag, content and rest.
fn split(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (start, length) = match der[1] {
        short @ 0..=0x7f => (2, usize::from(short)),
        long => {
            let bytes = usize::from(long & 0x7f);
            let length = der[2..2 + bytes]
                .iter()
                .fold(0, |length, byte| (length << 8) | usize::from(*byte));
            (2 + bytes, length)
        }
    };
    (der[0], &der[start..start + length], &der[start + length..])
}

/// The openssl command in its own folder.
pub struct OpenSsl(PathBuf);

impl OpenSsl {
    pub fn with(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("dynamics365-openssl-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let openssl = Self(folder);
        for (name, content) in files {
            openssl.write(name, content.as_bytes());
        }
        openssl
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.0.join(name), content).unwrap();
    }

    /// Its output. The password follows the first arguments.
    pub fn run(&self, arguments: &str, password: &str, options: &str) -> Vec<u8> {
        let password = format!("pass:{password}");
        let arguments: Vec<_> = arguments.split_whitespace().chain([password.as_str()]).collect();
        self.call(&[&arguments, &options.split_whitespace().collect::<Vec<_>>()[..]].concat())
    }

    /// The same without a password.
    pub fn plain(&self, arguments: &str) -> Vec<u8> {
        self.call(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    fn call(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .expect("openssl: `cargo xtask test` installs it");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {errors}");
        output.stdout
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
