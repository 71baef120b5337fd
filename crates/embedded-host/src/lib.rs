//! Runs the built component on an embedded Wasmtime, as `wasmtime run -Shttp` does, for the tests and for `cargo
//! xtask`.
//!
//! A [`Component`] is a compiled file. An [`Instance`] is a running instance with its own environment variables
//! and memory. A [`Server`] serves a component over HTTP, and a [`client`] calls it. Output is captured. The
//! network is either the machine's or a [`Network`] of prepared responses.

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

/// Options with all defaults.
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

/// A certificate with its key, in PEM format, without a password.
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
/// Request options without any settings.
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

/// The most output that is kept per instance, in bytes.
const MAX_OUTPUT: usize = 1 << 20;

/// The compiled component.
pub struct Component {
    compiled: wasmtime::component::Component,
    /// `None` if it exports no functions.
    pre: Option<ServicePre<State>>,
}

impl Component {
    /// Compiles a file.
    ///
    /// # Errors
    /// If the file cannot be read, is not a component, or imports anything other than WASI with HTTP.
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

    /// The names of the imported interfaces.
    pub fn imports(&self) -> Vec<String> {
        let ty = self.compiled.component_type();
        ty.imports(self.compiled.engine())
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// The names of the exported interfaces.
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
    /// If it cannot be instantiated.
    pub fn instance(&self, variables: &[(&str, &str)], network: Network) -> Result<Instance> {
        self.instance_with_clock(variables, network, Clock::default())
    }

    /// Starts an instance with this clock.
    ///
    /// # Errors
    /// If it cannot be instantiated.
    pub fn instance_with_clock(&self, variables: &[(&str, &str)], network: Network, clock: Clock) -> Result<Instance> {
        let output = MemoryOutputPipe::new(MAX_OUTPUT);
        self.start(variables, network, clock, output.clone(), output)
    }

    /// Starts an instance whose output streams are closed: it cannot print anything.
    ///
    /// # Errors
    /// If it cannot be instantiated.
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

/// A running instance. The outer error of each method is a trap; the inner one is an error of the contract.
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
    /// If the component traps.
    pub fn open(&mut self, settings: &types::Settings) -> Result<Result<Connection, types::Error>> {
        Ok(self
            .service
            .raia_dynamics365_dataverse()
            .connection()
            .call_open(&mut self.store, settings)?)
    }

    /// Closes a connection.
    ///
    /// # Errors
    /// If the component traps.
    pub fn close(&mut self, connection: Connection) -> Result<()> {
        Ok(connection.resource_drop(&mut self.store)?)
    }

    /// `acquire-token`.
    ///
    /// # Errors
    /// If the component traps.
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
    /// If the component traps.
    pub fn whoami(&mut self, connection: Option<Connection>) -> Result<Result<types::Identity, types::Error>> {
        Ok(self
            .service
            .raia_dynamics365_dataverse()
            .call_whoami(&mut self.store, connection)?)
    }

    /// `odata-request`.
    ///
    /// # Errors
    /// If the component traps.
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
    /// If the component traps.
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
    /// If the component traps.
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

    /// Calls an export in text form, and returns its result as text, like `wasmtime run --invoke`. Both are in
    /// WAVE, the component model's notation for values.
    ///
    /// # Errors
    /// If the text does not match an export, or the component traps.
    pub fn invoke(&mut self, call: &str) -> Result<String> {
        invoke::invoke(&mut self.store, &self.instance, call)
    }

    /// The peak linear memory of the instance, in bytes.
    pub fn peak_memory(&self) -> usize {
        self.store.data().peak_memory.bytes()
    }

    /// The output of the instance so far: standard output and standard error.
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
