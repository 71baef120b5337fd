//! The host side of the contract in `wit/`.

wasmtime::component::bindgen!({ path: "../../wit", world: "service" });

pub use exports::raia::dynamics365::{types, validation};
