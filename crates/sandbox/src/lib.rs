//! A local Entra ID token endpoint and Dataverse Web API on loopback, strict where the real ones are.
//!
//! Both services answer on one origin: `POST /{tenant}/oauth2/v2.0/token` is Entra ID, `/api/data/v9.x/` is Dataverse.
//! Every rule names its source: `facts: entra 3` is a section of the project's collected facts, `DOC x` a page of
//! Microsoft's documentation. What could not be confirmed is marked `Guess:`. What the sandbox does not know how to
//! answer it refuses with 501.
//!
//! Applications prove themselves with secrets, with certificates that are registered by thumbprint or trusted by name,
//! and with the assertions of an identity provider that they trust ([`federation`]). All of these come and go while the
//! sandbox runs, as [`Sandbox`]'s methods: `add_secret`, `add_certificate`, `trust_subject_name`,
//! `add_federated_credential` and their opposites. Dataverse can demand claims of a token ([`Sandbox::demand_claims`])
//! and lie about where to get one ([`Sandbox::set_challenge`]); what else goes wrong on request is a [`Fault`].
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
mod large;
mod privileges;
mod recorder;
mod request;
mod response;
mod sandbox;
mod schema;
mod server;
mod tokens;

pub use config::{Application, Config, Demo, Organization, Role, User};
pub use dataverse::journal::CommittedWrite;
pub use dataverse::seed;
pub use dataverse::settings::{BatchDialect, BatchFailureStatus, ErrorShape};
pub use fault::{Fault, FaultKind, Service};
pub use privileges::{Depth, Privileges, Verb};
pub use request::RecordedRequest;
pub use server::Sandbox;
