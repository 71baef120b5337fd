//! The Web API's protocol: URLs, headers and answers (docs/facts/dataverse.md, 1).

pub(crate) mod advice;
pub(crate) mod answer;
pub(crate) mod batch;
pub(crate) mod client;
pub(crate) mod exchange;
pub(crate) mod fetch_xml;
pub(crate) mod files;
pub(crate) mod headers;
mod key;
pub(crate) mod options;
pub(crate) mod pages;
#[cfg(test)]
mod properties;
pub(crate) mod received;
mod refusal;
pub(crate) mod request;
mod resolve;
pub(crate) mod tenant;
pub(crate) mod url;
pub(crate) mod whoami;
