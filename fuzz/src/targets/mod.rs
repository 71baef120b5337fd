//! The parsers of what comes from outside, each as a function that must not panic, whatever it is given, and that asserts what
//! holds of whatever comes of it.
//!
//! A new target is a function, a line in [`TARGETS`], and a folder `fuzz/corpus/<name>/` with some inputs, among them
//! ordinary ones. `cargo test` gives every file there to its target; `cargo xtask fuzz` looks for new ones. An input that
//! made a target panic belongs into the folder, too.

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
    /// Of its folder, too.
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
