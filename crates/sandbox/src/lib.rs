//! A local Entra ID token endpoint and Dataverse Web API on loopback, strict where the real ones are.
//!
//! Both services answer on one origin: `POST /{tenant}/oauth2/v2.0/token` and its OpenID metadata are Entra
//! ID, `/api/data/v9.x/` is Dataverse. Every rule names its source: the URL of a page, a standard, or a
//! section of the project's collected facts, as in `docs/facts/entra.md, 3`. Unconfirmed behaviour is
//! marked `Guess:`. Unsupported requests are refused with 501.
//!
//! Applications authenticate with secrets, with certificates that are registered by thumbprint or trusted
//! by name, and with assertions from an identity provider that they trust ([`federation`]). All of these
//! can change while the sandbox runs, through [`Sandbox`]'s methods: `add_secret`, `add_certificate`,
//! `trust_subject_name`, `add_federated_credential` and their opposites. Dataverse can demand claims of a
//! token ([`Sandbox::demand_claims`]) and send a wrong challenge ([`Sandbox::set_challenge`]); other
//! misbehaviour on request is a [`Fault`].
//!
//! Modules import only downwards, from the controls of tests to plain data:
//!
//! 1. `sandbox` (what tests call), `server` (the listener), `state` (both services, and which of them answers)
//! 2. `entra` and `dataverse`, which do not use each other
//! 3. `shared` (origin, clock, tokens), `fault`, `large`, `recorder`, `signing`, `tls`
//! 4. `config`, `user`, `privileges`, `schema`, `certificate`, `federation`
//! 5. `request`, `response`, `clock`, `guid`
//!
//! Within `dataverse`: `dispatch` and `visit`; `batch`; the handlers of each kind of target (`collection`,
//! `delta`, `fetch`, `file`, `functions`, `record`, `reference`); shared parts (`access`, `conditions`,
//! `link`, `optional`, `payload`, `results`); `call`; `query` and `members`; `path` and `target`; `blob`
//! and `image`; `store`; `refusal`. Within `entra`: `assertion`; `federated` and `subject_name`;
//! `credentials`; `jwt`; `errors`.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let demo = sandbox::Config::demo()?;
//! let sandbox = sandbox::Sandbox::start(demo.config)?;
//! println!("{}", sandbox.origin());
//! # Ok(()) }
//! ```
#![warn(missing_docs)]

pub mod certificate;
mod clock;
mod config;
mod dataverse;
mod entra;
mod fault;
pub mod federation;
mod guid;
mod large;
mod privileges;
mod recorder;
mod request;
mod response;
mod sandbox;
mod schema;
mod server;
mod shared;
mod signing;
mod state;
mod tls;
mod tokens;
mod user;

pub use config::{Application, Config, Demo};
pub use dataverse::journal::CommittedWrite;
pub use dataverse::seed;
pub use dataverse::settings::{BatchDialect, BatchFailureStatus, ErrorShape};
pub use fault::{Fault, FaultKind, Service};
pub use privileges::{Depth, Privileges, Verb};
pub use request::RecordedRequest;
pub use sandbox::Sandbox;
pub use user::{Organization, Role, User};
