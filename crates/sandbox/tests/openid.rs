//! What libraries read before they request a token, and the listener over TLS.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{Answer, exchange, start, start_with};
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::signature::Verifier;
use rsa::{BigUint, RsaPublicKey};
use sha2::Sha256;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

fn get(origin: &str, path: &str) -> Answer {
    exchange(origin, "GET", path, &[], b"").unwrap()
}

#[test]
fn the_metadata_leads_to_a_token_whose_signature_can_be_checked() {
    let local = start();
    for tenant in [local.tenant.as_str(), "Sandbox.onmicrosoft.com"] {
        let configuration = get(
            &local.origin,
            &format!("/{tenant}/v2.0/.well-known/openid-configuration"),
        );
        assert_eq!(configuration.status, 200);
        let configuration = configuration.json();
        assert_eq!(
            configuration["issuer"],
            format!("{}/{}/v2.0", local.origin, local.tenant)
        );
        let path = |name: &str| {
            let url = configuration[name].as_str().unwrap();
            url.strip_prefix(&local.origin).unwrap().to_owned()
        };
        let token = local.post_to(&path("token_endpoint"), &[], &local.secret_form());
        let token = token.json()["access_token"].as_str().unwrap().to_owned();
        let key = get(&local.origin, &path("jwks_uri")).json()["keys"][0].clone();
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let number = |name: &str| BigUint::from_bytes_be(&bytes(key[name].as_str().unwrap()));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = Signature::try_from(bytes(signature).as_slice()).unwrap();
        let key = VerifyingKey::<Sha256>::new(RsaPublicKey::new(number("n"), number("e")).unwrap());
        key.verify(signed.as_bytes(), &signature).unwrap();
        assert!(key.verify(b"something else", &signature).is_err());
    }
}

#[test]
fn an_unknown_tenant_has_no_metadata() {
    let local = start();
    for path in [
        "/contoso.com/v2.0/.well-known/openid-configuration",
        "/contoso.com/discovery/v2.0/keys",
    ] {
        let answer = get(&local.origin, path);
        assert_eq!(
            (answer.status, answer.json()["error_codes"][0].as_u64()),
            (400, Some(90_002))
        );
    }
    let path = format!("/{}/v2.0/.well-known/openid-configuration", local.tenant);
    let posted = exchange(&local.origin, "POST", &path, &[], b"x").unwrap();
    assert_eq!(posted.json()["error_codes"][0], 900_561);
}

#[test]
fn instance_discovery_knows_this_host_only() {
    let local = start();
    let of = |url: &str| {
        get(
            &local.origin,
            &format!("/common/discovery/instance?api-version=1.1&authorization_endpoint={url}"),
        )
    };
    let host = local.origin.strip_prefix("http://").unwrap();
    let known = of(&format!("https%3A%2F%2F{host}%2Fcommon%2Foauth2%2Fv2.0%2Fauthorize"));
    assert_eq!(known.status, 200);
    assert_eq!(known.json()["metadata"][0]["aliases"][0], host);
    for url in ["https%3A%2F%2Flogin.example%2Fcommon", "", "%20"] {
        let unknown = of(url);
        assert_eq!(
            (unknown.status, unknown.json()["error"].as_str()),
            (400, Some("invalid_instance"))
        );
    }
}

#[test]
fn with_tls_its_authority_is_enough_to_trust_it() {
    let local = start_with(|config| config.tls = true);
    assert!(local.origin.starts_with("https://127.0.0.1:"));
    let authority = local.sandbox.authority_pem().unwrap();
    let path = format!("/{}/v2.0/.well-known/openid-configuration", local.tenant);
    for host in ["127.0.0.1", "localhost"] {
        let answer = get_over_tls(&local, authority, host, &path).unwrap();
        assert!(answer.contains(&format!("\"issuer\":\"{}/", local.origin)), "{answer}");
    }
    assert!(get_over_tls(&local, authority, "crm.example", &path).is_err());
    let stranger = start_with(|config| config.tls = true);
    let other = stranger.sandbox.authority_pem().unwrap();
    assert!(get_over_tls(&local, other, "127.0.0.1", &path).is_err());
}

fn get_over_tls(local: &common::Local, authority: &str, host: &str, path: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(local.sandbox.address())?;
    let mut stream = Stream::new(&mut connection, &mut socket);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    // The server need not say goodbye.
    let _ = stream.read_to_end(&mut answer);
    Ok(String::from_utf8(answer).unwrap())
}

#[test]
fn a_public_origin_is_the_audience_and_in_the_links() {
    let local = start_with(|config| config.origin = Some("https://CRM.example:8443/".into()));
    assert_eq!(local.origin, "https://crm.example:8443");
    let address = format!("http://{}", local.sandbox.address());
    let mut form = local.secret_form();
    form.retain(|(name, _)| *name != "scope");
    form.push(("scope", "https://crm.example:8443/.default".to_owned().into()));
    let body: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let token_path = format!("/{}/oauth2/v2.0/token", local.tenant);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let token = exchange(&address, "POST", &token_path, &headers, body.as_bytes()).unwrap();
    let token = token.json()["access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let answer = exchange(
        &address,
        "GET",
        "/api/data/v9.2/contacts",
        &[("authorization", &bearer)],
        b"",
    )
    .unwrap();
    let context = answer.json()["@odata.context"].as_str().unwrap().to_owned();
    assert!(
        context.starts_with("https://crm.example:8443/api/data/v9.2/"),
        "{context}"
    );
    let refused = exchange(&address, "GET", "/api/data/v9.2/contacts", &[], b"").unwrap();
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("resource_id=https://crm.example:8443/"),
        "{challenge}"
    );
}

#[test]
fn what_is_no_origin_is_refused_at_the_start() {
    for origin in [
        "crm.example",
        "https://crm.example/x",
        "ftp://crm.example",
        "https://a@crm.example",
        "https://crm.example/?x",
    ] {
        let mut config = sandbox::Config::demo().unwrap().config;
        config.origin = Some(origin.into());
        assert!(sandbox::Sandbox::start(config).is_err(), "{origin}");
    }
}
