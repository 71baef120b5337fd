//! Certificates: making them for a test, and reading those that applications have registered.

mod chain;
mod identity;

pub use chain::{Chain, generate_chain};
pub use identity::{Identity, generate, generate_valid, generate_with};
pub(crate) use identity::{Read, hex};
