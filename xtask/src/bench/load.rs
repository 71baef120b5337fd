//! The load: several connections, each of which sends its next request when the previous one is answered.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use http::header::HOST;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

use super::served::{authority, connect};
use super::targets::KEY;
use super::upstream::Flow;

/// Responses to requests sent before this are not counted.
const WARM_UP: Duration = Duration::from_millis(60);

/// How long requests are counted.
const COUNTED: Duration = Duration::from_millis(250);

/// One load.
pub struct Load<'a> {
    pub origin: &'a str,
    pub path: String,
    pub connections: usize,
}

/// Latencies.
#[derive(Default)]
pub struct Samples {
    latencies: Vec<Duration>,
    /// The time spent on counted requests, per connection.
    counted: Duration,
}

impl Load<'_> {
    /// Sends requests for a while.
    pub fn run(&self) -> Result<Samples> {
        runtime()?.block_on(async {
            let start = Instant::now();
            let tasks: Vec<_> = (0..self.connections)
                .map(|_| tokio::spawn(converse(self.origin.to_owned(), self.path.clone(), start)))
                .collect();
            let mut all = Samples::default();
            for task in tasks {
                let one = task.await??;
                all.latencies.extend(one.latencies);
                all.counted += one.counted / u32::try_from(self.connections)?;
            }
            Ok(all)
        })
    }
}

impl Samples {
    /// Adds the samples of another round.
    pub fn add(&mut self, more: Self) {
        self.latencies.extend(more.latencies);
        self.counted += more.counted;
    }

    /// The latency that `percent` of the responses did not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        percentile(&self.latencies, percent)
    }

    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.counted.as_secs_f64()
    }
}

/// The time that `percent` of these times did not exceed.
pub fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

/// The client's runtime. One thread is enough, and leaves the other cores to the servers.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

async fn converse(origin: String, path: String, start: Instant) -> Result<Samples> {
    let mut sender = connect(&origin).await?;
    let length = get(&mut sender, &origin, &path).await?;
    let mut samples = Samples::default();
    loop {
        let sent = Instant::now();
        ensure!(get(&mut sender, &origin, &path).await? == length, "two answers differ");
        if sent.duration_since(start) < WARM_UP {
            continue;
        }
        samples.latencies.push(sent.elapsed());
        samples.counted += sent.elapsed();
        if start.elapsed() > WARM_UP + COUNTED {
            return Ok(samples);
        }
    }
}

/// Sends a `GET`, and returns the length of the response.
pub async fn get(sender: &mut SendRequest<Flow>, origin: &str, path: &str) -> Result<usize> {
    let mut body = ask(sender, origin, Method::GET, path, Flow::default()).await?;
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, |data| data.len());
    }
    Ok(length)
}

/// Sends a request, and returns the body of a successful response.
pub async fn ask(
    sender: &mut SendRequest<Flow>,
    origin: &str,
    method: Method,
    path: &str,
    body: Flow,
) -> Result<Incoming> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, authority(origin))
        .header("x-api-key", KEY)
        .body(body)?;
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    if status != StatusCode::OK && status != StatusCode::NO_CONTENT {
        let text = answer.into_body().collect().await?.to_bytes();
        anyhow::bail!("{path} is answered with {status}: {}", String::from_utf8_lossy(&text));
    }
    Ok(answer.into_body())
}
