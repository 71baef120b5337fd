//! The Web API on the wire: where a request goes, the headers it carries, what an answer says
//! (Microsoft's page "Compose HTTP requests and handle errors").

pub mod advice;
pub mod answer;
pub mod batch;
pub mod client;
pub mod exchange;
pub mod fetch_xml;
pub mod files;
pub mod headers;
pub mod options;
pub mod pages;
#[cfg(test)]
mod properties;
mod refusal;
pub mod request;
pub mod tenant;
pub mod url;
pub mod whoami;
