//! Serves the component over HTTP, as `wasmtime serve -Scli` would: an instance answers one request at a time, and as many
//! one after another as it is told to.
//!
//! **Callers that leave.** WASI 0.2 has no word for it, so the host says nothing, and the component works on: its call goes on
//! after the caller's connection is closed, as in `wasmtime serve`. It finds out when it reads more of the caller's body, or
//! writes more of its answer, and fails. Until then it holds its place, which [`Server::in_flight`] counts.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{ResourceLimiter, Store};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpView};

use crate::{Component, MAX_OUTPUT, Network, State};

/// How a server runs.
pub struct ServerOptions {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// What its instances' outgoing requests reach.
    pub network: Network,
    /// How many requests an instance answers before it is thrown away. Spin has one; so has `wasmtime serve`, unless
    /// `--max-instance-reuse-count` says more.
    pub requests_per_instance: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            network: Network::Machine,
            requests_per_instance: 1,
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
        let shared = Arc::new(Shared {
            pre: ProxyPre::new(linker.instantiate_pre(&component.compiled)?)?,
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            network: options.network,
            requests_per_instance: options.requests_per_instance,
            idle: Mutex::default(),
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
    pre: ProxyPre<State>,
    variables: Vec<(String, String)>,
    network: Network,
    requests_per_instance: usize,
    idle: Mutex<Vec<Warm>>,
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

/// An instance that can answer another request.
struct Warm {
    store: Store<State>,
    proxy: Proxy,
    requests: usize,
}

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

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<HyperOutgoingBody>> {
    let place = Place::take(&shared);
    let mut warm = shared.instance().await?;
    let (sender, receiver) = oneshot::channel();
    let request = warm.store.data_mut().http().new_incoming_request(Scheme::Http, request);
    // One without a host, say: no component can be asked about it.
    let Ok(request) = request else {
        let mut refusal = Response::new(Full::default().map_err(wasmtime_wasi_http::Error::from).boxed_unsync());
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refusal);
    };
    let out = warm.store.data_mut().http().new_response_outparam(sender)?;
    // It goes on after the head of its answer is there, while the body flows, and after the caller has left.
    let task = tokio::spawn(async move {
        let _place = place;
        let handler = warm.proxy.wasi_http_incoming_handler();
        if let Err(trap) = handler.call_handle(&mut warm.store, request, out).await {
            if let Ok(mut traps) = shared.traps.lock() {
                traps.push(format!("{trap:?}"));
            }
            return Err(trap.into());
        }
        warm.requests += 1;
        if warm.requests < shared.requests_per_instance
            && let Ok(mut idle) = shared.idle.lock()
        {
            idle.push(warm);
        }
        anyhow::Ok(())
    });
    match receiver.await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(code)) => Err(anyhow!("the component answered {code:?}")),
        Err(_) => {
            task.await??;
            Err(anyhow!("the component gave no answer"))
        }
    }
}

impl Shared {
    async fn instance(&self) -> Result<Warm> {
        if let Some(warm) = self.idle.lock().ok().and_then(|mut idle| idle.pop()) {
            return Ok(warm);
        }
        let wasi = WasiCtx::builder()
            .envs(&self.variables)
            .stdout(self.output.clone())
            .stderr(self.output.clone())
            .build();
        let state = State {
            wasi,
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            network: self.network.clone(),
            peak_memory: PeakMemory(Arc::clone(&self.peak_memory)),
        };
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.peak_memory);
        let proxy = self.pre.instantiate_async(&mut store).await?;
        Ok(Warm {
            store,
            proxy,
            requests: 0,
        })
    }
}

/// Watches how much linear memory instances get.
#[derive(Default)]
pub struct PeakMemory(Arc<AtomicUsize>);

impl PeakMemory {
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl ResourceLimiter for PeakMemory {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.0.fetch_max(desired, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
