//! Serves a component over HTTP, as `wasmtime serve -Scli` would. An instance answers as many requests as it is told to: of WASI 0.2
//! one after another, of WASI 0.3 all at once.
//!
//! **Callers that leave.** The host says nothing of it, and the component works on: its call goes on after the caller's
//! connection is closed, as in `wasmtime serve`. It finds out when it reads more of the caller's body, or writes more of its
//! answer, and fails. Until then it holds its place, which [`Server::in_flight`] counts.

mod concurrent;
mod sequential;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, ResourceLimiter, Store};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, WasiHttpCtx};

use crate::{Clock, Component, MAX_OUTPUT, Network, State};

/// How a server runs.
pub struct ServerOptions {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// What its instances' outgoing requests reach.
    pub network: Network,
    /// How many requests an instance answers before it is thrown away. With WASI 0.2 Spin has one, and so has `wasmtime serve`,
    /// unless `--max-instance-reuse-count` says more; with WASI 0.3 both have 128.
    pub requests_per_instance: usize,
    /// What its instances go by.
    pub clock: Clock,
    /// How much linear memory an instance may have, in bytes. One that wants more traps.
    pub max_memory: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            network: Network::Machine,
            requests_per_instance: 1,
            clock: Clock::default(),
            max_memory: usize::MAX,
        }
    }
}

/// A running server; it stops when dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts to serve.
    ///
    /// # Errors
    /// When the address is taken, or the component exports no HTTP handler.
    pub fn start(component: &Component, variables: &[(&str, &str)], options: ServerOptions) -> Result<Self> {
        let mut linker = Linker::new(component.compiled.engine());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        let pre = linker.instantiate_pre(&component.compiled)?;
        let is_concurrent = component
            .exports()
            .iter()
            .any(|name| name.starts_with("wasi:http/handler@0.3"));
        let face = if is_concurrent {
            Face::Concurrent(concurrent::Instances::new(pre)?)
        } else {
            Face::Sequential(sequential::Instances::new(pre)?)
        };
        let shared = Arc::new(Shared {
            face,
            engine: component.compiled.engine().clone(),
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            network: options.network,
            requests_per_instance: options.requests_per_instance,
            clock: options.clock,
            max_memory: options.max_memory,
            in_flight: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            traps: Mutex::default(),
            output: MemoryOutputPipe::new(MAX_OUTPUT),
            peak_memory: Arc::default(),
        });

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let listener = runtime
            .block_on(TcpListener::bind(options.listen))
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let accepting = accept(listener, Arc::clone(&shared));
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that the instances have printed so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.shared.output.contents()).into_owned()
    }

    /// How many requests instances work on now, those of callers that have left among them.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// How many requests no instance works on any more.
    pub fn finished(&self) -> usize {
        self.shared.finished.load(Ordering::SeqCst)
    }

    /// What each trap said, with which an instance ended.
    pub fn traps(&self) -> Vec<String> {
        self.shared
            .traps
            .lock()
            .map_or_else(|_| Vec::new(), |traps| traps.clone())
    }

    /// The most linear memory that any instance has had, in bytes.
    pub fn peak_memory(&self) -> usize {
        self.shared.peak_memory.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Shared {
    face: Face,
    engine: Engine,
    variables: Vec<(String, String)>,
    network: Network,
    requests_per_instance: usize,
    clock: Clock,
    max_memory: usize,
    in_flight: AtomicUsize,
    finished: AtomicUsize,
    traps: Mutex<Vec<String>>,
    output: MemoryOutputPipe,
    peak_memory: Arc<AtomicUsize>,
}

/// A request that an instance works on.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Self {
        shared.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.finished.fetch_add(1, Ordering::SeqCst);
    }
}

/// How a component takes requests.
enum Face {
    /// WASI 0.2.
    Sequential(sequential::Instances),
    /// WASI 0.3.
    Concurrent(concurrent::Instances),
}

type Body = UnsyncBoxBody<Bytes, Error>;

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(converse(stream, Arc::clone(&shared)));
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let mut http = hyper::server::conn::http1::Builder::new();
    // A caller that leaves in the middle is no fault of this side.
    let _ = http
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>> {
    let place = Place::take(&shared);
    match &shared.face {
        Face::Sequential(instances) => instances.answer(&shared, request, place).await,
        Face::Concurrent(instances) => instances.answer(&shared, request, place).await,
    }
}

impl Shared {
    /// The host of a new instance.
    fn store(&self) -> Store<State> {
        let wasi = WasiCtx::builder()
            .envs(&self.variables)
            .wall_clock(self.clock.clone())
            .monotonic_clock(self.clock.clone())
            .stdout(self.output.clone())
            .stderr(self.output.clone())
            .build();
        let state = State {
            wasi,
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            network: self.network.clone(),
            peak_memory: PeakMemory {
                peak: Arc::clone(&self.peak_memory),
                limit: self.max_memory,
            },
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.peak_memory);
        store
    }

    fn trapped(&self, trap: &wasmtime::Error) {
        if let Ok(mut traps) = self.traps.lock() {
            traps.push(format!("{trap:?}"));
        }
    }
}

/// Watches how much linear memory instances get.
pub struct PeakMemory {
    peak: Arc<AtomicUsize>,
    limit: usize,
}

impl Default for PeakMemory {
    fn default() -> Self {
        Self {
            peak: Arc::default(),
            limit: usize::MAX,
        }
    }
}

impl PeakMemory {
    pub fn bytes(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

impl ResourceLimiter for PeakMemory {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.peak.fetch_max(desired, Ordering::Relaxed);
        if desired > self.limit {
            // An error traps, where `false` would let the component go on without.
            return Err(wasmtime::format_err!(
                "{desired} bytes of memory, of at most {}",
                self.limit
            ));
        }
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
