//! The HTTP gateway: forwards ordinary Web API requests with this component's identity.
//!
//! It uses the types of the `http` crate and streamed bodies; `wasi/incoming.rs` connects it to a host.

pub(crate) mod allow;
pub(crate) mod batch;
pub(crate) mod callers;
#[cfg(test)]
mod costs;
mod headers;
pub(crate) mod json_links;
pub(crate) mod links;
pub(crate) mod multipart;
pub(crate) mod opened;
mod public_origin;
mod query;
mod refusal;
mod relay;
mod reply;
mod report;
mod request_body;
pub(crate) mod rewrite;
mod routes;

pub use routes::Gateway;
pub(crate) use routes::{handle, unreadable};
