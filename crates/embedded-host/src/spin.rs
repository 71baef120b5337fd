//! The part of Spin that the adapter `spin-variables` uses.

use std::path::Path;

use anyhow::{Context, Result};
use wasmtime::component::{Component, ComponentType, Linker, Lower, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::server::PeakMemory;
use crate::{Network, State};

/// `error` of `wasi:config/store`.
#[derive(Clone, ComponentType, Lower)]
#[component(variant)]
enum StoreError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    #[expect(dead_code, reason = "Spin's to say")]
    Io(String),
}

/// The environment into which the adapter converts Spin's variables. With `variables` as `None`, reading them
/// fails.
///
/// # Errors
/// If the adapter does not match, or traps.
pub fn environment_of(adapter: &Path, variables: Option<&[(&str, &str)]>) -> Result<Vec<(String, String)>> {
    let engine = Engine::default();
    let adapter = Component::from_file(&engine, adapter)?;
    let mut linker = Linker::<State>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    let variables = variables.map(|variables| {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
    });
    let mut store = linker.instance("wasi:config/store@0.2.0-draft-2024-09-27")?;
    store.func_wrap("get-all", move |_, (): ()| {
        let unavailable = || StoreError::Upstream("the vault is sealed".to_owned());
        Ok((variables.clone().ok_or_else(unavailable),))
    })?;
    let state = State {
        wasi: WasiCtx::builder().build(),
        http: WasiHttpCtx::new(),
        table: ResourceTable::new(),
        network: Network::Machine,
        peak_memory: PeakMemory::default(),
    };
    let mut store = Store::new(&engine, state);
    let instance = linker.instantiate(&mut store, &adapter)?;
    let interface = instance
        .get_export_index(&mut store, None, "wasi:cli/environment@0.2.12")
        .context("no environment")?;
    let function = instance
        .get_export_index(&mut store, Some(&interface), "get-environment")
        .context("no get-environment")?;
    let function = instance.get_typed_func::<(), (Vec<(String, String)>,)>(&mut store, function)?;
    Ok(function.call(&mut store, ())?.0)
}
