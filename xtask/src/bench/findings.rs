//! Sentences computed from the numbers.

use std::time::Duration;

use super::Measured;
use super::memory::{Bulk, Through};
use super::proxy::Reach;
use super::report::{FaceNumbers, LIMIT, Report, fresh, mebibytes, megabytes, millis, reused};
use super::targets::{Credential, Kind, Life};

/// The component that only relays, in an instance that lives on.
const FLOOR: Kind = Kind::Floor(Life::ManyRequests);

/// The goal for what passes as it is: half of the answers of a gateway with a token at hand take no longer than so many times
/// those of the component that only relays.
const GOAL: f64 = 1.15;

/// The same for JSON with links.
const GOAL_WITH_LINKS: f64 = 1.5;

/// The goal: 1 GiB with links flows at so many times the speed of 1 GiB that passes as it is.
const GOAL_OF_LINKS: f64 = 0.5;

/// The goal: 1 GiB at no more than so many bytes of linear memory.
const MEMORY: usize = 8 << 20;

/// What the numbers say.
pub fn sentences(report: &Report) -> Vec<String> {
    let mut all = Vec::new();
    for (index, face) in report.faces.iter().enumerate() {
        if !report.loads.is_empty() {
            all.push(against_floor(report, index, face));
            all.push(against_native(report, index, face));
        }
        all.extend(parts(report, index, face));
        all.extend(links(report, index, face));
        all.extend(memory(report, index, face));
    }
    all.extend(direct(report));
    all.extend(signing(report));
    all
}

/// The goals against the floor, on one connection: with more, the client, the upstream and the host compete for the processors.
fn against_floor(report: &Report, index: usize, face: &FaceNumbers) -> String {
    let outcome = |measured: &Measured| {
        let goal = if measured.content.has_links() {
            GOAL_WITH_LINKS
        } else {
            GOAL
        };
        let ratio = ratio(report.p50(measured, reused(index)), report.p50(measured, FLOOR));
        let outcome = if ratio <= goal { "reached" } else { "missed" };
        format!("{} {ratio:.2}x ({outcome}: {goal}x)", measured.content.name)
    };
    let alone = report.loads.iter().filter(|measured| measured.connections == 1);
    let outcomes: Vec<_> = alone.map(outcome).collect();
    format!(
        "{}, p50 against the component that only relays, on one connection: {}.",
        face.name,
        outcomes.join(", ")
    )
}

fn against_native(report: &Report, index: usize, face: &FaceNumbers) -> String {
    let range = |target, other| {
        let ratios = report.loads.iter();
        range(ratios.map(|measured| ratio(report.p50(measured, target), report.p50(measured, other))))
    };
    let secret = Kind::Gateway(index, Life::OneRequest, Credential::Secret);
    format!(
        "{}, against the native proxy: reused instances need {}, and {} where that proxy makes a connection per request too, as \
         Wasmtime does. Fresh instances, each with a token of its own, need {} with a secret and {} with a certificate; the \
         token endpoint answers at once here, and a real one adds its own time.",
        face.name,
        range(reused(index), LIMIT),
        range(reused(index), Kind::Native(Reach::New)),
        range(secret, LIMIT),
        range(fresh(index), LIMIT),
    )
}

fn range(ratios: impl Iterator<Item = f64> + Clone) -> String {
    let least = ratios.clone().fold(f64::INFINITY, f64::min);
    let most = ratios.fold(0.0, f64::max);
    format!("{least:.2}x to {most:.2}x")
}

/// Where the time of one small answer goes.
fn parts(report: &Report, index: usize, face: &FaceNumbers) -> Option<String> {
    let measured = report.loads.first()?;
    let secret = Kind::Gateway(index, Life::OneRequest, Credential::Secret);
    let times = [
        LIMIT,
        Kind::Native(Reach::New),
        FLOOR,
        reused(index),
        secret,
        fresh(index),
    ];
    let times = times.map(|target| report.p50(measured, target));
    let more: Vec<_> = times
        .windows(2)
        .map(|pair| millis(pair[1].saturating_sub(pair[0])))
        .collect();
    let [connection, host, gateway, instance, signature] = more.as_slice() else {
        return None;
    };
    Some(format!(
        "{}: of the p50 of {}, {} ms is the native proxy; a new connection to the upstream for each request adds {connection} \
         ms; the host, with a component that only relays, {host} ms; the gateway itself {gateway} ms; a fresh instance with its \
         own token request {instance} ms; reading the certificate and signing {signature} ms.",
        face.name,
        measured.name(),
        millis(times[0]),
    ))
}

fn links(report: &Report, index: usize, face: &FaceNumbers) -> Option<String> {
    let [json, bytes, ..] = report.bulk.as_slice() else {
        return None;
    };
    let speed = |bulk: &Bulk| bulk.gateways.get(index).map(|through| megabytes(through.time));
    let (json, bytes) = (speed(json)?, speed(bytes)?);
    let outcome = if json >= bytes * GOAL_OF_LINKS {
        "reached"
    } else {
        "missed"
    };
    Some(format!(
        "{}, goal JSON with links at {GOAL_OF_LINKS} of the speed of bytes: {outcome}, with {:.2} ({json:.0} of {bytes:.0} \
         MB/s).",
        face.name,
        json / bytes
    ))
}

fn memory(report: &Report, index: usize, face: &FaceNumbers) -> Option<String> {
    let through = report.bulk.iter().filter_map(|bulk| bulk.gateways.get(index));
    let peak = through.map(|Through { peak_memory, .. }| *peak_memory).max()?;
    let outcome = if peak <= MEMORY { "reached" } else { "missed" };
    Some(format!(
        "{}, goal 1 GiB at no more than {:.0} MiB of linear memory: {outcome}, with {:.1} MiB.",
        face.name,
        mebibytes(MEMORY),
        mebibytes(peak),
    ))
}

fn direct(report: &Report) -> Option<String> {
    let direct = |bulk: &Bulk| format!("{} {:.0} MB/s", bulk.name(), megabytes(bulk.direct));
    let all: Vec<_> = report.bulk.iter().map(direct).collect();
    (!all.is_empty()).then(|| format!("Without any proxy: {}.", all.join(", ")))
}

fn signing(report: &Report) -> Option<String> {
    let signing = report.signing.as_ref()?;
    Some(format!(
        "Signing takes the component {:.1}x as long as ring natively: it is the difference of a token by certificate and one by \
         secret on an open connection, with the token endpoint in the host's memory.",
        ratio(signing.component, signing.native)
    ))
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}
