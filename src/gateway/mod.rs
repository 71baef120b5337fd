//! The HTTP face: ordinary Web API requests come in without any identity, and go out with this component's.
//!
//! It speaks `http` types and bodies as they flow; `wasi/incoming.rs` connects it to a host.

pub mod allow;
pub mod batch;
pub mod callers;
#[cfg(test)]
mod costs;
mod headers;
pub mod links;
pub mod multipart;
pub mod opened;
mod public_origin;
mod query;
mod refusal;
mod relay;
mod reply;
mod report;
pub mod rewrite;
mod routes;

pub use reply::{Reply, ReplyBody};
pub use routes::{Gateway, handle, unreadable};
