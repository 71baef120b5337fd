//! Microsoft Dynamics 365 / Dataverse for WebAssembly components: a token of Entra ID by the client credentials flow, and
//! the Web API with it. The contract is in `wit/`; here it is wired to the rooms.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used,
    )
)]

pub mod contract;
pub mod credential;
pub mod dataverse;
pub mod entra;
pub mod error;
pub mod faults;
pub mod gateway;
pub mod guid;
pub mod host;
pub mod http;
pub mod log;
pub mod redact;
pub mod retry;
pub mod settings;
pub mod turn;
pub mod validation;

#[cfg(target_family = "wasm")]
mod exports;
#[cfg(target_family = "wasm")]
mod wasi;

/// How this component names itself to both services.
pub const USER_AGENT: &str = concat!("raia-dynamics365/", env!("CARGO_PKG_VERSION"));
