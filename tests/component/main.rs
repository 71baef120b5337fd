//! Tests of the built component on an embedded Wasmtime, from a user's view.

#![allow(unreachable_pub, reason = "a test has no interface")]

mod answers;
mod assertion;
mod batch;
mod claims;
mod clock;
mod coded;
mod compression;
mod contract;
mod credentials;
mod dataverse_errors;
mod deadline;
mod echo;
mod failures;
mod federation;
mod fetch_xml;
mod files;
mod gateway;
mod host_errors;
mod long_queries;
mod openssl;
mod pages;
mod recovery;
mod renewal;
mod request_options;
mod requests;
mod rotation;
mod rows;
mod secrets;
mod settings;
mod soak;
mod spin;
mod support;
mod tenant;
mod tls;
mod token;
mod validation;
