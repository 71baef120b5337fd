//! The built component on an embedded Wasmtime: what a user would see.

mod answers;
mod assertion;
mod contract;
mod credentials;
mod dataverse_errors;
mod failures;
mod gateway;
mod recovery;
mod request_options;
mod requests;
mod rows;
mod secrets;
mod settings;
mod soak;
mod spin;
mod support;
mod token;
