//! Microsoft Dynamics 365 / Dataverse for WebAssembly components: tokens of Entra ID by the client
//! credentials flow, and calls of the Web API. The contract is in `wit/`.

#![cfg_attr(
    not(all(target_family = "wasm", feature = "wasi02")),
    allow(
        dead_code,
        unused_imports,
        reason = "only the exports of the WASI 0.2 component use all of it"
    )
)]
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

#[cfg(feature = "wasi02")]
mod contract;
mod credential;
mod dataverse;
mod deadline;
mod echo;
mod entra;
mod error;
mod faults;
mod from_variables;
mod gateway;
mod guid;
mod host;
mod http;
mod log;
mod redact;
mod retry;
mod settings;
mod turn;
mod validation;

#[cfg(all(target_family = "wasm", feature = "wasi02"))]
mod exports;
#[cfg(all(target_family = "wasm", feature = "wasi02"))]
mod wasi;

/// The `User-Agent` for both services.
pub const USER_AGENT: &str = concat!("raia-dynamics365/", env!("CARGO_PKG_VERSION"));

/// The gateway, for the WASI 0.3 component in `crates/wasi03`. Not a stable interface.
#[doc(hidden)]
pub mod face {
    pub use crate::from_variables::FromVariables;
    pub use crate::host::{Body, Cause, Failure, Host, Timeouts};
    pub use crate::log::note;
}

/// The parsers of untrusted input, for the fuzz targets in `fuzz/`. Not a stable interface.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::credential::{AssertionAlgorithm, Certificate, Credential, FederatedAssertion};
    pub use crate::dataverse::batch::{Batch, DraftPart, Item, PartResult};
    pub use crate::dataverse::client::{Connection, Instance};
    pub use crate::dataverse::files::upload::Upload;
    pub use crate::dataverse::options::{Caller, Condition, CustomLogic, Options};
    pub use crate::dataverse::request::{Draft, Request};
    pub use crate::echo::{Mask, mask_headers};
    pub use crate::error::{Error, Reason};
    pub use crate::gateway::Gateway;
    pub use crate::gateway::allow::AllowList;
    pub use crate::gateway::json_links::JsonLinks;
    pub use crate::gateway::links::Origins;
    pub use crate::gateway::multipart::MultipartLinks;
    pub use crate::gateway::opened::Opened;
    pub use crate::gateway::rewrite::{Rewrite, Stop};
    pub use crate::host::{Body, Cause, Failure, Host, Timeouts};
    pub use crate::http::boundary::boundary_of;
    pub use crate::http::content_coding::Coding;
    pub use crate::http::inflate::{Broken, Inflate};
    pub use crate::http::origin::Origin;
    pub use crate::settings::{Settings, parse_tenant};

    /// Answers of Dataverse.
    pub mod answer {
        pub use crate::dataverse::answer::{Answer, Control, read, read_refusal};
    }

    /// `WWW-Authenticate`.
    pub mod challenge {
        pub use crate::http::challenge::{authorization_uri, demanded_claims};
    }

    /// Queries in FetchXML.
    pub mod fetch_xml {
        pub use crate::dataverse::fetch_xml::{FetchXml, Query};
    }

    /// The tenant that an environment names.
    pub mod tenant {
        pub use crate::dataverse::tenant::tenant_in;
    }

    /// Answers of Entra ID.
    pub mod token {
        pub use crate::entra::answer::{Refused, read};
    }

    /// Request URLs.
    pub mod url {
        pub use crate::dataverse::url::{MAX_URL, ROOT, link, target};
    }
}
