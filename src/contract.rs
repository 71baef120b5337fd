//! The Rust bindings of the contract in `wit/`: its types, and the traits that `exports/` implements.
//!
//! `types::Settings` has a generated `Debug` that prints its secrets. Therefore `exports/records.rs` converts
//! it at once, and it must never be logged.

#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated; the documentation is in wit/"
)]

wit_bindgen::generate!({ path: "wit", world: "service", default_bindings_module: "dynamics365::contract" });

pub use exports::raia::dynamics365::{dataverse, types, validation};
