//! Certificates in the forms that people have them in, as OpenSSL's command line makes them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::certificate::Identity;

/// Has what is beyond ASCII and beyond UTF-16's first plane, as the schemes encode passwords differently.
pub const PASSWORD: &str = "pässwörd € 𝄞";

/// A certificate with its key as a text.
pub struct Form {
    /// How it was made.
    pub name: String,
    pub text: String,
    /// What opens it.
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

/// Every form. `other` is a certificate that goes with some of them.
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
    // Azure Key Vault's, and others that are said to have no password.
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
    forms
}

fn wrapped(text: &str, line_end: &str) -> String {
    let lines = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap());
    lines.map(|line| format!("{line}{line_end}")).collect()
}

/// The same in BER as macOS and Java write it: no length of anything constructed is known beforehand, and the strings that
/// hold the safe come in pieces.
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

/// Tag, content, and what follows.
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

/// The openssl command in a folder of its own.
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

    /// What it prints. The password goes behind the first arguments.
    pub fn run(&self, arguments: &str, password: &str, options: &str) -> Vec<u8> {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .arg(format!("pass:{password}"))
            .args(options.split_whitespace())
            .current_dir(&self.0)
            .output()
            .expect("openssl: `cargo xtask test` installs it");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments} {options}: {errors}");
        output.stdout
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
