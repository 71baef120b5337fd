//! The Web API on the wire: where a request goes, the headers it carries, what an answer says
//! (Microsoft's page "Compose HTTP requests and handle errors").

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
mod refusal;
pub(crate) mod request;
mod resolve;
pub(crate) mod tenant;
pub(crate) mod url;
pub(crate) mod whoami;
