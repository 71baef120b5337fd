//! The gateway as a component of WASI 0.3: one instance serves many requests at once, with one token. Exports
//! `wasi:http/handler` and nothing else. What answers is the core; here it gets its host.
//!
//! `crates/wasi03-rc` builds this source with the bindings of a release candidate.

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

// What is the same in WASI 0.2: the errors, what they mean, and how long to wait for what.
#[path = "../../../src/wasi/failure.rs"]
mod failure;
mod host;
mod incoming;
#[path = "../../../src/wasi/method.rs"]
mod method;
mod outgoing;
mod stream;
#[path = "../../../src/wasi/wait.rs"]
mod wait;

use std::rc::Rc;

use dynamics365::face::{Cause, Failure, FromVariables, Timeouts};
use wasip3::cli::environment;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{self, ErrorCode, Request, Response};
#[cfg(feature = "rc")]
use wasip3::spawn as spawn_local;
#[cfg(not(feature = "rc"))]
use wasip3::spawn_local;
// Named for its feature.
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
