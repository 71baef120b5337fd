//! Tokens are renewed before they expire, and an old token stays in use if renewal fails.

use std::time::Duration;

use embedded_host::{Clock, Network};
use sandbox::{Fault, FaultKind, Service};

use crate::support::{Client, Tenant};

/// The number of tokens that two calls with this interval request.
fn asked_after(seconds: u32, lifetime: u64, refresh_in: Option<u64>) -> usize {
    let tenant = Tenant::with(|config| {
        config.token_lifetime = Duration::from_secs(lifetime);
        config.refresh_in = refresh_in.map(Duration::from_secs);
    });
    let clock = Clock::default();
    let mut client = Client::open_with_clock(&tenant.settings(), Network::Machine, clock.clone());
    client.token().unwrap();
    clock.pass(seconds);
    tenant.sandbox.shift_clock(seconds.into());
    client.token().unwrap();
    tenant.counts().0
}

#[test]
fn a_token_is_renewed_when_entra_id_says_so_or_by_its_length() {
    for (lifetime, refresh_in, kept_until, renewed_from) in [
        (3600, None, 2995, 3300),
        (3600, Some(1000), 895, 1000),
        (7200, None, 3295, 3600),
        (86_400, None, 42_895, 43_200),
        (86_400, Some(80_000), 79_695, 80_000),
    ] {
        assert_eq!(
            asked_after(kept_until, lifetime, refresh_in),
            1,
            "{lifetime}, {refresh_in:?}"
        );
        assert_eq!(
            asked_after(renewed_from, lifetime, refresh_in),
            2,
            "{lifetime}, {refresh_in:?}"
        );
    }
}

#[test]
fn a_failed_early_renewal_keeps_the_token_while_it_lives() {
    let tenant = Tenant::start();
    let clock = Clock::default();
    let mut client = Client::open_with_clock(&tenant.settings(), Network::Machine, clock.clone());
    let first = client.token().unwrap().token;
    clock.pass(3400);
    tenant
        .sandbox
        .misbehave(Fault::status(Service::Entra, 503, "down").times(2));
    for _ in 0..5 {
        assert_eq!(client.token().unwrap().token, first);
        client.whoami().unwrap();
    }
    assert_eq!(tenant.counts().0, 2, "not again for 30 seconds");
    clock.pass(31);
    assert_eq!(client.token().unwrap().token, first);
    assert_eq!(tenant.counts().0, 3);
    let output = client.instance.output();
    assert!(output.contains("the old one serves on for"), "{output}");
    clock.pass(31);
    assert_ne!(client.token().unwrap().token, first);
}

#[test]
fn an_early_renewal_does_not_hold_a_call_up_for_long() {
    let tenant = Tenant::start();
    let clock = Clock::default();
    let mut client = Client::open_with_clock(&tenant.settings(), Network::Machine, clock.clone());
    let first = client.token().unwrap().token;
    clock.pass(3400);
    let slow = FaultKind::Delay(Duration::from_secs(60));
    tenant.sandbox.misbehave(Fault::new(Service::Entra, slow));
    let begin = std::time::Instant::now();
    assert_eq!(client.token().unwrap().token, first);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
