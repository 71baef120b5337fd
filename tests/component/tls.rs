//! TLS through the host's own client: a certificate that it does not trust, and a handshake that does not end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use embedded_host::types::{Options, OutageCause, Service, Settings};
use embedded_host::{DEFAULT_OPTIONS, Network};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::support::{Client, NO_RETRIES, STRANGER, Server, outage, settings_for, with_options};

/// Listens on loopback, and counts the connections.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    (origin, count)
}

/// A client of an environment at that origin, with a token from elsewhere.
fn client(authority: &Server, environment: &str, options: Options) -> Client {
    let settings = Settings {
        environment_url: environment.to_owned(),
        ..settings_for(&authority.origin())
    };
    Client::open(&with_options(settings, options), Network::Machine)
}

#[test]
fn a_certificate_that_is_not_trusted_comes_with_what_to_do_and_nothing_was_sent() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(STRANGER.certificate_pem.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(STRANGER.key_pkcs8_pem.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let read = Arc::new(AtomicUsize::new(0));
    let reading = Arc::clone(&read);
    let (origin, _) = listen(move |mut stream| {
        let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = rustls::Stream::new(&mut tls, &mut stream);
        if let Ok(length) = tls.read(&mut [0; 1024]) {
            reading.fetch_add(length, Ordering::SeqCst);
        }
        let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    let authority = Server::start(|_, _| {});
    let mut client = client(&authority, &origin, NO_RETRIES);
    let outage = outage(client.post("contacts", "{}").unwrap_err());
    assert_eq!(read.load(Ordering::SeqCst), 0, "the handshake did not succeed");
    assert_eq!(
        (outage.cause, outage.service, outage.may_have_taken_effect),
        (OutageCause::NoConnection, Service::Dataverse, false),
        "{outage:?}"
    );
    for part in [
        origin.as_str(),
        "nothing was sent",
        "certificate",
        "client_tls",
        "Wasmtime",
        "embedder",
    ] {
        assert!(outage.detail.contains(part), "{part}: {outage:?}");
    }
}

#[test]
fn a_handshake_that_does_not_end_is_not_called_a_slow_answer() {
    let (origin, count) = listen(|mut stream| while let Ok(1..) = stream.read(&mut [0; 1024]) {});
    let authority = Server::start(|_, _| {});
    let options = Options {
        connect_timeout_ms: Some(300),
        first_byte_timeout_ms: Some(500),
        ..NO_RETRIES
    };
    let mut waiting = client(&authority, &origin, options);
    let start = Instant::now();
    let outage = outage(waiting.get("contacts").unwrap_err());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!((outage.cause, count.load(Ordering::SeqCst)), (OutageCause::TimedOut, 1));
    for part in ["TLS handshake", "300 ms", "500 ms", "DATAVERSE_CONNECT_TIMEOUT_MS"] {
        assert!(outage.detail.contains(part), "{part}: {outage:?}");
    }
}

#[test]
fn a_handshake_that_does_not_end_ends_with_the_call() {
    let (origin, _) = listen(|mut stream| while let Ok(1..) = stream.read(&mut [0; 1024]) {});
    let authority = Server::start(|_, _| {});
    let options = Options {
        call_timeout_ms: Some(700),
        ..DEFAULT_OPTIONS
    };
    let mut waiting = client(&authority, &origin, options);
    let start = Instant::now();
    let outage = outage(waiting.get("contacts").unwrap_err());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(outage.detail.contains("options.call-timeout-ms"), "{outage:?}");
}
