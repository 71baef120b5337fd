//! Sentences computed from the numbers.

use std::time::Duration;

use super::Measured;
use super::report::{
    CERTIFICATE_FRESH, NEW, POOLED, Report, SECRET_FRESH, SECRET_REUSED, mebibytes, megabytes, millis,
};

/// The goal: half of the gateway's answers take no longer than so many times those of the native proxy.
const GOAL: f64 = 1.5;

/// The goal: 1 GiB at no more than so many bytes of linear memory.
const MEMORY: usize = 8 << 20;

/// What the numbers say.
pub fn sentences(report: &Report) -> Vec<String> {
    let mut all = vec![latency(report)];
    all.push(fresh(report));
    all.extend(parts(report));
    all.extend(memory(report));
    all.push(signing(report));
    all
}

fn latency(report: &Report) -> String {
    let all = report.loads.len();
    let met = ratios(report, SECRET_REUSED, POOLED)
        .iter()
        .filter(|ratio| **ratio <= GOAL)
        .count();
    let outcome = if met == all { "reached" } else { "missed" };
    format!(
        "Goal p50 within {GOAL}x of the native proxy: {outcome}. Reused instances are within it under {met} of {all} loads, and \
         need {}; {} where that proxy makes a connection per request too, as Wasmtime does.",
        range(&ratios(report, SECRET_REUSED, POOLED)),
        range(&ratios(report, SECRET_REUSED, NEW)),
    )
}

fn fresh(report: &Report) -> String {
    format!(
        "Fresh instances, each with a token of its own, need {} with a secret and {} with a certificate. The token endpoint \
         answers at once here; a real one adds its own time to each of their answers.",
        range(&ratios(report, SECRET_FRESH, POOLED)),
        range(&ratios(report, CERTIFICATE_FRESH, POOLED)),
    )
}

/// A target's p50 against another's, under each load.
fn ratios(report: &Report, target: usize, other: usize) -> Vec<f64> {
    let ratio = |measured: &Measured| ratio(measured.p50(target), measured.p50(other));
    report.loads.iter().map(ratio).collect()
}

fn range(ratios: &[f64]) -> String {
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    format!("{least:.2}x to {most:.2}x")
}

/// Where the time of one small answer goes.
fn parts(report: &Report) -> Option<String> {
    let measured = report.loads.first()?;
    let times: Vec<_> = [POOLED, NEW, SECRET_REUSED, SECRET_FRESH, CERTIFICATE_FRESH]
        .into_iter()
        .map(|target| measured.p50(target))
        .collect();
    let more: Vec<_> = times
        .windows(2)
        .map(|pair| millis(pair[1].saturating_sub(pair[0])))
        .collect();
    let [connection, component, instance, signature] = more.as_slice() else {
        return None;
    };
    Some(format!(
        "Of the p50 of {}, {} ms is the native proxy; Wasmtime's new connection to the upstream for each \
         request adds {connection} ms; the component and its host {component} ms; a fresh instance with its own token request \
         {instance} ms; reading the certificate and signing {signature} ms.",
        measured.name(),
        millis(times[0]),
    ))
}

fn memory(report: &Report) -> Option<String> {
    let peak = report.bulk.iter().map(|bulk| bulk.peak_memory).max()?;
    let outcome = if peak <= MEMORY { "reached" } else { "missed" };
    let direct: Vec<_> = report
        .bulk
        .iter()
        .map(|bulk| format!("{} {:.0} MB/s", bulk.name, megabytes(bulk.direct)))
        .collect();
    Some(format!(
        "Goal 1 GiB at no more than {:.0} MiB of linear memory: {outcome}, with {:.1} MiB. Without any proxy: {}.",
        mebibytes(MEMORY),
        mebibytes(peak),
        direct.join(", ")
    ))
}

fn signing(report: &Report) -> String {
    let signing = &report.signing;
    format!(
        "Signing takes the component {:.1}x as long as ring natively: it is the difference of a token by certificate and one by \
         secret on an open connection, with the token endpoint in the host's memory.",
        ratio(signing.component, signing.native)
    )
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}
