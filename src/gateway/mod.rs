//! The HTTP face: ordinary Web API requests come in without any identity, and go out with this component's.
//!
//! It speaks `http` types and bodies as they flow; `wasi/incoming.rs` connects it to a host.

pub(crate) mod allow;
mod announced;
pub(crate) mod batch;
pub(crate) mod callers;
#[cfg(test)]
mod costs;
mod headers;
pub(crate) mod links;
pub(crate) mod multipart;
pub(crate) mod opened;
mod public_origin;
mod query;
mod refusal;
mod relay;
mod reply;
mod report;
pub(crate) mod rewrite;
mod routes;

pub(crate) use reply::Reply;
pub use reply::ReplyBody;
pub use routes::Gateway;
pub(crate) use routes::{handle, unreadable};
