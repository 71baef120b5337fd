//! A raw HTTP client and a signer of assertions.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::rand_core::OsRng;
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer};
use rsa::{RsaPrivateKey, pkcs1v15, pss};
use sandbox::certificate::Identity;
use sandbox::{Config, Demo, Privileges, Sandbox};
use serde_json::{Value, json};
use sha2::Sha256;

pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.text()))
    }

    /// The rows of a collection.
    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["value"].as_array().unwrap().clone()
    }
}

/// Sends the bytes and reads until the other side closes.
pub fn raw(origin: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(origin.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// `None` if the connection was closed without an answer.
pub fn exchange(origin: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
    let host = origin.strip_prefix("http://").unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    let mut request = (request + "\r\n").into_bytes();
    request.extend(body);
    let answer = raw(origin, &request);
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")));
    Some(Answer {
        status,
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        body: answer[end + 4..].to_vec(),
    })
}

/// A running demo.
pub struct Local {
    pub sandbox: Sandbox,
    pub origin: String,
    pub tenant: String,
    pub identity: Identity,
    pub client_id: String,
    pub client_secret: String,
}

pub fn start() -> Local {
    start_with(|_| {})
}

pub fn start_with(change: impl FnOnce(&mut Config)) -> Local {
    let Demo {
        mut config,
        identity,
        client_id,
        client_secret,
    } = Config::demo().unwrap();
    config.refuse_replayed_assertions = true;
    change(&mut config);
    let tenant = config.tenant_id.clone();
    let sandbox = Sandbox::start(config).unwrap();
    Local {
        origin: sandbox.origin(),
        sandbox,
        tenant,
        identity,
        client_id,
        client_secret,
    }
}

/// A sandbox whose user may do everything.
pub fn all() -> Local {
    start_with(|config| {
        if let Some(user) = &mut config.applications[0].user {
            user.privileges = Privileges::all();
        }
    })
}

pub type Form<'a> = Vec<(&'a str, String)>;

impl Local {
    pub fn token_path(&self) -> String {
        format!("/{}/oauth2/v2.0/token", self.tenant)
    }

    pub fn scope(&self) -> String {
        format!("{}/.default", self.origin)
    }

    /// A valid request with the secret.
    pub fn secret_form(&self) -> Form<'static> {
        vec![
            ("grant_type", "client_credentials".into()),
            ("client_id", self.client_id.clone()),
            ("scope", self.scope()),
            ("client_secret", self.client_secret.clone()),
        ]
    }

    /// A request with that assertion.
    pub fn assertion_form(&self, assertion: &str) -> Form<'static> {
        vec![
            ("grant_type", "client_credentials".into()),
            ("client_id", self.client_id.clone()),
            ("scope", self.scope()),
            ("client_assertion_type", JWT_BEARER.into()),
            ("client_assertion", assertion.into()),
        ]
    }

    pub fn post(&self, form: &[(&str, String)]) -> Answer {
        self.post_to(&self.token_path(), &[], form)
    }

    pub fn post_to(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, String)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let headers = [&[("Content-Type", "application/x-www-form-urlencoded")], headers].concat();
        exchange(&self.origin, "POST", path, &headers, body.as_bytes()).unwrap()
    }

    pub fn token(&self) -> String {
        let answer = self.post(&self.secret_form());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_string()
    }

    /// The header and the claims of a valid PS256 assertion.
    pub fn assertion_parts(&self) -> (Value, Value) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        (
            json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.identity.x5t_s256()}),
            json!({
                "aud": format!("{}{}", self.origin, self.token_path()), "iss": self.client_id, "sub": self.client_id,
                "jti": uuid::Uuid::new_v4().to_string(), "nbf": now, "iat": now, "exp": now + 600,
            }),
        )
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        sign(&self.identity, header, claims)
    }

    /// A call of the Web API as the demo application.
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let authorization = format!("Bearer {}", self.token());
        let mut all = vec![
            ("Authorization", authorization.as_str()),
            ("Accept", "application/json"),
        ];
        if !body.is_empty() {
            all.push(("Content-Type", "application/json"));
        }
        all.extend(headers);
        let path = if path.starts_with('/') {
            path.to_string()
        } else {
            format!("/api/data/v9.2/{path}")
        };
        exchange(&self.origin, method, &path, &all, body.as_bytes()).unwrap()
    }

    /// `POST $batch` of parts with the boundary `b`.
    pub fn batch(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        let authorization = format!("Bearer {}", self.token());
        let own = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "multipart/mixed; boundary=b"),
        ];
        let headers = [&own, headers].concat();
        exchange(&self.origin, "POST", "/api/data/v9.2/$batch", &headers, body.as_bytes()).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], "")
    }
}

pub fn sign(identity: &Identity, header: &Value, claims: &Value) -> String {
    let key = RsaPrivateKey::from_pkcs8_pem(&identity.key_pkcs8_pem).unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!(
        "{}.{}",
        part(header.to_string().as_bytes()),
        part(claims.to_string().as_bytes())
    );
    let signature = if header["alg"] == "RS256" {
        pkcs1v15::SigningKey::<Sha256>::new(key)
            .sign(signed.as_bytes())
            .to_vec()
    } else {
        pss::BlindedSigningKey::<Sha256>::new(key)
            .sign_with_rng(&mut OsRng, signed.as_bytes())
            .to_vec()
    };
    format!("{signed}.{}", part(&signature))
}

/// SubjectPublicKeyInfo of the key.
pub fn public_key_der(identity: &Identity) -> Vec<u8> {
    let key = RsaPrivateKey::from_pkcs8_pem(&identity.key_pkcs8_pem).unwrap();
    key.to_public_key().to_public_key_der().unwrap().into_vec()
}

/// `(status, code)` of a Dataverse error.
#[track_caller]
pub fn error(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert!(body["error"]["message"].is_string(), "{body}");
    (answer.status, body["error"]["code"].as_str().unwrap().to_string())
}

/// Checks that the body is complete and returns `(status, error, code)`.
#[track_caller]
pub fn refusal(answer: &Answer) -> (u16, String, u64) {
    let body = answer.json();
    let code = body["error_codes"][0].as_u64().unwrap();
    let text = |name: &str| {
        body[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} in {body}"))
            .to_string()
    };
    let description = text("error_description");
    assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
    let ending = format!(
        " Trace ID: {} Correlation ID: {} Timestamp: {}",
        text("trace_id"),
        text("correlation_id"),
        text("timestamp")
    );
    assert!(description.ends_with(&ending), "{description}");
    assert!(text("timestamp").ends_with('Z'));
    assert!(text("error_uri").ends_with(&format!("code={code}")));
    assert_eq!(answer.header("x-ms-request-id"), Some(text("trace_id").as_str()));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert!(answer.header("cache-control").unwrap().contains("no-store"));
    (answer.status, text("error"), code)
}

/// Sets one field.
pub fn set<'a>(mut form: Form<'a>, name: &'a str, value: &str) -> Form<'a> {
    form.retain(|(n, _)| *n != name);
    form.push((name, value.into()));
    form
}
