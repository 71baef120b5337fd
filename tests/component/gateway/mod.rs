//! The gateway, served by the embedded host as `wasmtime serve` would. Each test runs on each face, under its name.

/// Makes a function a test on each face.
macro_rules! on_each_face {
    ($test:ident) => {
        mod $test {
            use crate::gateway::Face;

            #[test]
            fn wasi02() {
                Face::Wasi02.run(super::$test);
            }

            #[test]
            fn wasi03() {
                Face::Wasi03.run(super::$test);
            }
        }
    };
}

mod access;
mod allow;
mod batch;
mod compression;
mod deadline;
mod echo;
mod failures;
mod http_client;
mod instances;
mod leaving;
mod links;
mod methods;
mod one_write;
mod opened;
mod relay;
mod routes;
mod validate;

use std::cell::Cell;
use std::sync::LazyLock;

use embedded_host::{Component, Network, Server, ServerOptions};
use xtask::build::{self, Output};

use crate::support::{COMPONENT, Tenant};
use http_client::{Call, Reply};

/// The component of WASI 0.3.
pub static WASI03: LazyLock<Component> = LazyLock::new(|| {
    let path = build::wasi03(Output::Silent).unwrap_or_else(|error| panic!("{error:#}"));
    Component::load(&path).unwrap_or_else(|error| panic!("{error:#}"))
});

/// Which component serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    Wasi02,
    Wasi03,
}

thread_local! {
    static FACE: Cell<Face> = const { Cell::new(Face::Wasi02) };
}

impl Face {
    /// Runs a test whose gateways have this face.
    pub fn run(self, test: fn()) {
        FACE.set(self);
        test();
    }

    /// Of the test that runs in this thread.
    pub fn of_this_test() -> Self {
        FACE.get()
    }
}

/// The component that this test is about.
pub fn component() -> &'static Component {
    match Face::of_this_test() {
        Face::Wasi02 => &COMPONENT,
        Face::Wasi03 => &WASI03,
    }
}

pub const KEY: &str = "the-key-of-these-tests";

/// A gateway with `KEY` in front of an environment on loopback, and further variables.
pub fn gateway(origin: &str, variables: &[(&str, &str)]) -> Server {
    gateway_with(origin, variables, ServerOptions::default())
}

pub fn gateway_with(origin: &str, variables: &[(&str, &str)], options: ServerOptions) -> Server {
    let mut all = vec![
        ("DATAVERSE_URL", origin),
        ("AZURE_AUTHORITY_HOST", origin),
        ("AZURE_TENANT_ID", crate::support::TENANT),
        ("AZURE_CLIENT_ID", crate::support::CLIENT),
        ("AZURE_CLIENT_SECRET", crate::support::SECRET),
        ("GATEWAY_KEY", KEY),
    ];
    for variable in variables {
        all.retain(|(name, _)| *name != variable.0);
        all.push(*variable);
    }
    Server::start(component(), &all, options).unwrap()
}

/// A gateway in front of a sandbox.
pub fn sandboxed(tenant: &Tenant, variables: &[(&str, &str)]) -> Server {
    sandboxed_with(tenant, variables, 1)
}

pub fn sandboxed_with(tenant: &Tenant, variables: &[(&str, &str)], requests_per_instance: usize) -> Server {
    let mut all = vec![
        ("AZURE_TENANT_ID", tenant.demo.config.tenant_id.as_str()),
        ("AZURE_CLIENT_ID", &tenant.demo.client_id),
        ("AZURE_CLIENT_SECRET", &tenant.demo.client_secret),
    ];
    all.extend_from_slice(variables);
    let options = ServerOptions {
        requests_per_instance,
        ..ServerOptions::default()
    };
    gateway_with(&tenant.sandbox.origin(), &all, options)
}

/// A gateway to contoso whose outgoing requests are answered by this function.
pub fn contoso(variables: &[(&str, &str)], network: Network) -> Server {
    let mut all = vec![("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com")];
    all.extend_from_slice(variables);
    let options = ServerOptions {
        network,
        ..ServerOptions::default()
    };
    gateway_with("https://contoso.crm.dynamics.com", &all, options)
}

/// A call with the key.
pub fn call(gateway: &Server, method: &str, path: &str) -> Call {
    Call::new(&gateway.origin(), method, path).header("x-api-key", KEY)
}

pub fn get(gateway: &Server, path: &str) -> Reply {
    call(gateway, "GET", path).send()
}

pub fn post(gateway: &Server, path: &str, json: &str) -> Reply {
    call(gateway, "POST", path).json(json).send()
}
