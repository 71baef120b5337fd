//! The client assertion on the wire, checked field by field with a JOSE library that shares no code with
//! ring.

use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

use base64::Engine;
use embedded_host::types::{AssertionAlgorithm, Options, Settings};
use embedded_host::{DEFAULT_OPTIONS, Network, Reply};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use sandbox::certificate::Identity;
use serde_json::Value;

use crate::support::{
    CLIENT, Client, NO_RETRIES, STRANGER, TENANT, Tenant, answered, contoso_settings, entra_error, token_answer,
    with_options,
};

/// The assertion of a token request with these options and certificates.
fn assertion(pem: String, options: Options) -> String {
    let settings = Settings {
        credentials: vec![embedded_host::certificate(pem)],
        options: Some(options),
        ..contoso_settings()
    };
    let (mut client, requests) = answered(&settings, |_| Reply::Answer(token_answer()));
    client.token().unwrap();
    let requests = requests.lock().unwrap();
    let mut form: HashMap<String, String> = form_urlencoded::parse(requests[0].body()).into_owned().collect();
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["client_id"], CLIENT);
    assert_eq!(form["scope"], "https://contoso.crm.dynamics.com/.default");
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert!(!form.contains_key("client_secret"));
    form.remove("client_assertion").unwrap()
}

fn pem(identity: &Identity) -> String {
    format!("{}{}", identity.certificate_pem, identity.key_pkcs8_pem)
}

/// Checks signature and times; returns the claims.
fn verified(assertion: &str, identity: &Identity, algorithm: Algorithm) -> Value {
    let mut validation = Validation::new(algorithm);
    validation.validate_nbf = true;
    validation.leeway = 5;
    validation.set_audience(&[format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token")]);
    validation.set_issuer(&[CLIENT]);
    validation.set_required_spec_claims(&["aud", "iss", "sub", "nbf", "exp"]);
    validation.sub = Some(CLIENT.to_owned());
    jsonwebtoken::decode::<Value>(assertion, &public_key(identity), &validation)
        .unwrap()
        .claims
}

/// The public key in the certificate.
fn public_key(identity: &Identity) -> DecodingKey {
    use x509_cert::der::{Decode, EncodePem, pem::LineEnding};
    let certificate = x509_cert::Certificate::from_der(&identity.certificate_der).unwrap();
    let pem = certificate
        .tbs_certificate
        .subject_public_key_info
        .to_pem(LineEnding::LF)
        .unwrap();
    DecodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

fn header(assertion: &str) -> Value {
    let part = assertion.split('.').next().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn ps256_is_the_default() {
    let assertion = assertion(pem(&STRANGER), DEFAULT_OPTIONS);
    let header = header(&assertion);
    assert_eq!(names(&header), BTreeSet::from(["alg", "typ", "x5t#S256"]));
    assert_eq!((&header["alg"], &header["typ"]), (&"PS256".into(), &"JWT".into()));
    assert_eq!(header["x5t#S256"], STRANGER.x5t_s256());

    let claims = verified(&assertion, &STRANGER, Algorithm::PS256);
    assert_eq!(
        names(&claims),
        BTreeSet::from(["aud", "exp", "iat", "iss", "jti", "nbf", "sub"])
    );
    assert_eq!(
        claims["aud"],
        format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token")
    );
    assert_eq!(claims["iss"], CLIENT);
    assert_eq!(claims["sub"], CLIENT);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let (nbf, exp) = (claims["nbf"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert!(nbf.abs_diff(now) <= 5);
    assert_eq!(claims["iat"], nbf);
    assert_eq!(exp - nbf, 600);
    assert!(!assertion.contains('='), "base64url without padding");
}

#[test]
fn rs256_names_the_certificate_by_its_sha1_thumbprint() {
    let options = Options {
        assertion_algorithm: Some(AssertionAlgorithm::Rs256),
        ..DEFAULT_OPTIONS
    };
    let assertion = assertion(pem(&STRANGER), options);
    let header = header(&assertion);
    assert_eq!(names(&header), BTreeSet::from(["alg", "typ", "x5t"]));
    assert_eq!(header["alg"], "RS256");
    assert_eq!(header["x5t"], STRANGER.x5t());
    verified(&assertion, &STRANGER, Algorithm::RS256);
}

#[test]
fn x5c_leads_from_the_signing_certificate_to_its_root() {
    let chain = sandbox::certificate::generate_chain("of this test").unwrap();
    let options = Options {
        send_certificate_chain: Some(true),
        ..DEFAULT_OPTIONS
    };
    // In the wrong order, and with an unrelated one.
    let certificates = [&chain.root, &*STRANGER, &chain.leaf, &chain.intermediate];
    let certificates: String = certificates.map(|identity| identity.certificate_pem.as_str()).concat();
    let assertion = assertion(format!("{}{certificates}", chain.leaf.key_pkcs8_pem), options);
    let header = header(&assertion);
    assert_eq!(names(&header), BTreeSet::from(["alg", "typ", "x5c", "x5t#S256"]));
    assert_eq!(header["x5c"], serde_json::json!(chain.x5c()));
    verified(&assertion, &chain.leaf, Algorithm::PS256);
}

#[test]
fn trust_in_subject_name_and_issuer_needs_x5c() {
    let chain = sandbox::certificate::generate_chain("trusted by name").unwrap();
    let tenant = Tenant::start();
    tenant
        .sandbox
        .trust_subject_name(
            &tenant.demo.client_id,
            "CN=trusted by name",
            &chain.root.certificate_der,
        )
        .unwrap();
    let pem = format!("{}{}", chain.leaf.key_pkcs8_pem, chain.certificates_pem());
    let settings = |send_certificate_chain| {
        let settings = tenant.settings_with([embedded_host::certificate(pem.clone())]);
        with_options(
            settings,
            Options {
                send_certificate_chain,
                ..NO_RETRIES
            },
        )
    };
    Client::open(&settings(Some(true)), Network::Machine).whoami().unwrap();
    let refusal = entra_error(Client::open(&settings(None), Network::Machine).token().unwrap_err());
    assert_eq!(refusal.error_codes, [700_027]);
    assert!(refusal.advice.unwrap().contains("options.send-certificate-chain"));
}

#[test]
fn every_assertion_has_an_id_of_its_own() {
    let ids: BTreeSet<String> = (0..3)
        .map(|_| assertion(pem(&STRANGER), DEFAULT_OPTIONS))
        .map(|assertion| {
            verified(&assertion, &STRANGER, Algorithm::PS256)["jti"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(
        ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'4'),
        "{ids:?}"
    );
}
