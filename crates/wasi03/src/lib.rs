//! The gateway as a WASI 0.3 component: one instance serves many requests concurrently, with one token. It
//! exports only `wasi:http/handler`. The core answers requests; this crate gives it access to the host.
//!
//! `crates/wasi03-rc` builds the same source with the bindings of a release candidate.

#![cfg(target_family = "wasm")]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

// Shared with WASI 0.2: error mapping, methods and timeouts.
#[path = "../../../src/wasi/failure.rs"]
mod failure;
mod host;
mod incoming;
#[path = "../../../src/wasi/method.rs"]
mod method;
#[path = "../../../src/wasi/options.rs"]
mod options;
mod outgoing;
mod stream;
#[path = "../../../src/wasi/wait.rs"]
mod wait;

use std::rc::Rc;

use dynamics365::face::{Cause, Failure, FromVariables, Timeouts};
// The environment of WASI 0.2, which hosts offer too: in its place Spin's variables are put (`crates/spin-variables`).
use wasip2::cli::environment;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{self, ErrorCode, Request, Response};
#[cfg(feature = "rc")]
use wasip3::spawn as spawn_local;
#[cfg(not(feature = "rc"))]
use wasip3::spawn_local;
// A dependency only because of its feature.
use wit_bindgen as _;

use host::{WasiHost, timer};

struct Component;

wasip3::http::service::export!(Component);

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let variables = FROM_VARIABLES.with(Rc::clone);
        let method = request.get_method();
        let reply = variables.answer(&WasiHost, incoming::request(request)).await;
        incoming::response(reply, &method)
    }
}

thread_local! {
    static FROM_VARIABLES: Rc<FromVariables> = Rc::new(FromVariables::new(environment::get_environment));
}
