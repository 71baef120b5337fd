//! Runs the built component on an embedded Wasmtime, as `wasmtime run -Shttp` would, for the tests and for `cargo xtask`.
//!
//! [`Component`] is the compiled file, [`Instance`] one running instance of it with its own environment variables and
//! memory, [`Server`] serves it over HTTP, [`client`] calls it there. What the component prints is captured, and its network is
//! either the machine's or a [`Network`] of answers.

mod bindings;
pub mod client;
mod clock;
mod files;
mod invoke;
mod network;
mod pages;
mod server;
mod spin;

use std::path::Path;

use anyhow::{Context, Result};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::cli::StdoutStream;
use wasmtime_wasi::p2::pipe::{ClosedOutputStream, MemoryOutputPipe};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use bindings::{Service, ServicePre};
pub use bindings::{types, validation};
pub use clock::Clock;
pub use files::{Download, Upload};
pub use network::{Network, Reply};
pub use pages::Pages;
use server::PeakMemory;
pub use server::{Server, ServerOptions};
pub use spin::environment_of;
/// An open connection of an [`Instance`].
pub use wasmtime::component::ResourceAny as Connection;
pub use wasmtime_wasi_http::Error as HttpError;

/// Options that all take their defaults.
pub const DEFAULT_OPTIONS: types::Options = types::Options {
    authority: None,
    scope: None,
    assertion_algorithm: None,
    send_certificate_chain: None,
    connect_timeout_ms: None,
    first_byte_timeout_ms: None,
    between_bytes_timeout_ms: None,
    retry_budget_ms: None,
    call_timeout_ms: None,
    max_request_bytes: None,
    max_answer_bytes: None,
    organization_id: None,
};

/// A certificate with its key, as PEM, without a password.
pub fn certificate(pem: impl Into<String>) -> types::Credential {
    types::Credential::Certificate(types::Certificate {
        text: pem.into(),
        password: None,
    })
}

/// A client secret.
pub fn secret(secret: impl Into<String>) -> types::Credential {
    types::Credential::Secret(secret.into())
}
/// Request options that say nothing.
pub const NO_REQUEST_OPTIONS: types::RequestOptions = types::RequestOptions {
    return_representation: None,
    annotations: None,
    page_size: None,
    track_changes: None,
    condition: None,
    caller: None,
    strong_consistency: None,
    suppress_duplicate_detection: None,
    bypass_custom_logic: None,
    suppress_flows: None,
};

/// How much of what an instance prints is kept, in bytes.
const MAX_OUTPUT: usize = 1 << 20;

/// The compiled component.
pub struct Component {
    compiled: wasmtime::component::Component,
    /// `None` where it exports no functions.
    pre: Option<ServicePre<State>>,
}

impl Component {
    /// Compiles a file.
    ///
    /// # Errors
    /// When it cannot be read, is no component, or imports what WASI with HTTP does not offer.
    pub fn load(path: &Path) -> Result<Self> {
        let engine = Engine::new(Config::new().wasm_component_model_async(true))?;
        let compiled = wasmtime::component::Component::from_file(&engine, path)?;
        let mut component = Self { compiled, pre: None };
        if component
            .exports()
            .iter()
            .any(|name| name.starts_with("raia:dynamics365/"))
        {
            let mut linker = Linker::new(&engine);
            wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
            wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker)?;
            component.pre = Some(ServicePre::new(linker.instantiate_pre(&component.compiled)?)?);
        }
        Ok(component)
    }

    /// The names of the interfaces that it imports.
    pub fn imports(&self) -> Vec<String> {
        let ty = self.compiled.component_type();
        ty.imports(self.compiled.engine())
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// The names of the interfaces that it exports.
    pub fn exports(&self) -> Vec<String> {
        let ty = self.compiled.component_type();
        ty.exports(self.compiled.engine())
            .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)))
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// Starts an instance.
    ///
    /// # Errors
    /// When it cannot be instantiated.
    pub fn instance(&self, variables: &[(&str, &str)], network: Network) -> Result<Instance> {
        self.instance_with_clock(variables, network, Clock::default())
    }

    /// Starts an instance that goes by `clock`.
    ///
    /// # Errors
    /// When it cannot be instantiated.
    pub fn instance_with_clock(&self, variables: &[(&str, &str)], network: Network, clock: Clock) -> Result<Instance> {
        let output = MemoryOutputPipe::new(MAX_OUTPUT);
        self.start(variables, network, clock, output.clone(), output)
    }

    /// Starts an instance that nobody listens to: what it prints cannot be written.
    ///
    /// # Errors
    /// When it cannot be instantiated.
    pub fn instance_without_output(&self, variables: &[(&str, &str)], network: Network) -> Result<Instance> {
        let output = MemoryOutputPipe::new(MAX_OUTPUT);
        self.start(variables, network, Clock::default(), output, ClosedOutputStream)
    }

    fn start(
        &self,
        variables: &[(&str, &str)],
        network: Network,
        clock: Clock,
        output: MemoryOutputPipe,
        written: impl StdoutStream + Clone + 'static,
    ) -> Result<Instance> {
        let state = State {
            wasi: WasiCtx::builder()
                .envs(variables)
                .wall_clock(clock.clone())
                .monotonic_clock(clock)
                .stdout(written.clone())
                .stderr(written)
                .build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            network,
            peak_memory: PeakMemory::default(),
        };
        let mut store = Store::new(self.compiled.engine(), state);
        store.limiter(|state| &mut state.peak_memory);
        let pre = self.pre.as_ref().context("the component exports no functions")?;
        let instance = pre.instance_pre().instantiate(&mut store)?;
        let service = Service::new(&mut store, &instance)?;
        Ok(Instance {
            store,
            instance,
            service,
            output,
        })
    }
}

/// One running instance. Every method's outer error is a trap; the inner one is the contract's.
pub struct Instance {
    store: Store<State>,
    instance: wasmtime::component::Instance,
    service: Service,
    output: MemoryOutputPipe,
}

impl Instance {
    /// `connection.open`.
    ///
    /// # Errors
    /// When the component traps.
    pub fn open(&mut self, settings: &types::Settings) -> Result<Result<Connection, types::Error>> {
        Ok(self
            .service
            .raia_dynamics365_dataverse()
            .connection()
            .call_open(&mut self.store, settings)?)
    }

    /// Lets go of a connection.
    ///
    /// # Errors
    /// When the component traps.
    pub fn close(&mut self, connection: Connection) -> Result<()> {
        Ok(connection.resource_drop(&mut self.store)?)
    }

    /// `acquire-token`.
    ///
    /// # Errors
    /// When the component traps.
    pub fn acquire_token(
        &mut self,
        connection: Option<Connection>,
    ) -> Result<Result<types::AccessToken, types::Error>> {
        Ok(self
            .service
            .raia_dynamics365_dataverse()
            .call_acquire_token(&mut self.store, connection)?)
    }

    /// `whoami`.
    ///
    /// # Errors
    /// When the component traps.
    pub fn whoami(&mut self, connection: Option<Connection>) -> Result<Result<types::Identity, types::Error>> {
        Ok(self
            .service
            .raia_dynamics365_dataverse()
            .call_whoami(&mut self.store, connection)?)
    }

    /// `odata-request`.
    ///
    /// # Errors
    /// When the component traps.
    pub fn odata_request(
        &mut self,
        connection: Option<Connection>,
        request: &types::Request,
    ) -> Result<Result<types::Response, types::Error>> {
        Ok(self
            .service
            .raia_dynamics365_dataverse()
            .call_odata_request(&mut self.store, connection, request)?)
    }

    /// `odata-batch`.
    ///
    /// # Errors
    /// When the component traps.
    pub fn odata_batch(
        &mut self,
        connection: Option<Connection>,
        batch: &types::Batch,
    ) -> Result<Result<Vec<types::BatchResult>, types::Error>> {
        Ok(self
            .service
            .raia_dynamics365_dataverse()
            .call_odata_batch(&mut self.store, connection, batch)?)
    }

    /// `validate`.
    ///
    /// # Errors
    /// When the component traps.
    pub fn validate(
        &mut self,
        connection: Option<Connection>,
        expectations: &[validation::Expectation],
    ) -> Result<Result<validation::Report, types::Error>> {
        Ok(self
            .service
            .raia_dynamics365_validation()
            .call_validate(&mut self.store, connection, expectations)?)
    }

    /// Calls an export by a line of text, and returns its result as text, as `wasmtime run --invoke` does: both are in
    /// WAVE, the component model's notation for values.
    ///
    /// # Errors
    /// When the line does not fit an export, or the component traps.
    pub fn invoke(&mut self, call: &str) -> Result<String> {
        invoke::invoke(&mut self.store, &self.instance, call)
    }

    /// The most linear memory that the instance has had, in bytes.
    pub fn peak_memory(&self) -> usize {
        self.store.data().peak_memory.bytes()
    }

    /// All that the instance has printed so far, on standard output and standard error.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.contents()).into_owned()
    }
}

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    network: Network,
    peak_memory: PeakMemory,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.network,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
