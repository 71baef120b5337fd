//! RSA-2048 with PS256, in the component and natively, both with ring.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use embedded_host::types::{Credential, Settings};
use embedded_host::{Component, Network, Reply, certificate, secret};
use http::Response;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use sandbox::certificate::Identity;

use super::load::percentile;
use super::upstream::grant;

const TIMES: usize = 60;

/// Median times of a signature.
#[derive(Default)]
pub struct Signing {
    pub component: Duration,
    pub native: Duration,
}

/// Measures signing. In the component, this is the difference between a token with a certificate and one with a
/// secret: only the proof differs, and no network is involved.
pub fn measure(component: &Component, identity: &Identity) -> Result<Signing> {
    let pem = format!("{}{}", identity.certificate_pem, identity.key_pkcs8_pem);
    let signed = tokens(component, certificate(pem))?;
    let unsigned = tokens(component, secret("bench~0123456789-0123456789"))?;
    Ok(Signing {
        component: signed.saturating_sub(unsigned),
        native: native(identity)?,
    })
}

/// The median time in which an open connection of the component obtains a token.
fn tokens(component: &Component, credential: Credential) -> Result<Duration> {
    // A token that is about to expire is not cached, so each call requests a new one.
    let network = Network::answered(|_| Reply::Answer(Response::new(grant(1).into_bytes())));
    let mut instance = component.instance(&[], network)?;
    let settings = Settings {
        environment_url: "https://bench.crm.dynamics.com".to_owned(),
        tenant_id: Some("10000000-0000-4000-8000-000000000001".to_owned()),
        client_id: "30000000-0000-4000-8000-000000000001".to_owned(),
        credentials: vec![credential],
        options: None,
    };
    let connection = instance.open(&settings)?.map_err(|error| anyhow!("{error:?}"))?;
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        let token = instance.acquire_token(Some(connection))?;
        times.push(start.elapsed());
        token.map_err(|error| anyhow!("{error:?}"))?;
    }
    Ok(percentile(&times, 50))
}

fn native(identity: &Identity) -> Result<Duration> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(identity.key_pkcs8_pem.as_bytes()).context("the key")?;
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|error| anyhow!("the key: {error}"))?;
    // About as long as the signed part of an assertion.
    let message = [b'x'; 400];
    let mut signature = vec![0; key.public().modulus_len()];
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), &message, &mut signature)
            .map_err(|_| anyhow!("ring does not sign"))?;
        times.push(start.elapsed());
    }
    Ok(percentile(&times, 50))
}
