//! Fuzz targets for the parsers of untrusted input. Each is a function that must not panic on any input and
//! that asserts properties of the result.
//!
//! A new target is a function, a line in [`TARGETS`], and a folder `fuzz/corpus/<name>/` with some inputs,
//! among them ordinary ones. `cargo test` runs every file there on its target; `cargo xtask fuzz` searches
//! for new ones. An input that made a target panic belongs in the folder too.

mod batch;
mod coded;
mod credential;
mod dataverse;
mod entra;
mod fetch_xml;
mod gateway;
mod links;
mod request;
mod settings;
mod support;
mod upload;
mod url;

pub(crate) struct Target {
    /// Also the name of its folder.
    pub name: &'static str,
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($room:ident::$name:ident,)*) => {
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $room::$name }),*];
    };
}

targets! {
    batch::batch_answer,
    coded::inflate,
    coded::mask,
    credential::credential,
    credential::federated,
    dataverse::dataverse_answer,
    entra::challenge,
    entra::token_answer,
    fetch_xml::fetch_xml,
    gateway::gateway_allow,
    links::batch_parts,
    links::links,
    request::request,
    settings::settings,
    upload::upload_state,
    url::url,
}
