//! The contract in `wit/` as Rust: the types that every room speaks, and the traits that `component.rs` implements.
//!
//! `types::Settings` comes with a `Debug` that prints its secrets, as every generated record does: `settings.rs` takes
//! it apart at once, and nothing else may hold one.

#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated; the documentation is in wit/"
)]

wit_bindgen::generate!({ path: "wit", world: "service", default_bindings_module: "dynamics365::contract" });

pub use exports::raia::dynamics365::{dataverse, types, validation};
