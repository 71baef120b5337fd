//! Provides Spin's variables as environment variables. Spin stores secrets in variables, which a vault or
//! Kubernetes can set, but a portable WASI 0.2 component reads environment variables: `azure_tenant_id`
//! becomes `AZURE_TENANT_ID`.

#![cfg(target_family = "wasm")]

wit_bindgen::generate!({ path: "wit", world: "adapter", generate_all });

use exports::wasi::cli::environment::Guest;
use wasi::config::store;

struct Adapter;

export!(Adapter);

impl Guest for Adapter {
    fn get_environment() -> Vec<(String, String)> {
        let variables = store::get_all().unwrap_or_else(|error| {
            eprintln!("spin-variables: the variables cannot be read: {error:?}");
            Vec::new()
        });
        variables
            .into_iter()
            .map(|(name, value)| (name.to_uppercase(), value))
            .collect()
    }

    fn get_arguments() -> Vec<String> {
        Vec::new()
    }

    fn initial_cwd() -> Option<String> {
        None
    }
}
