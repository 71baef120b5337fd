//! The built component on an embedded Wasmtime: what a user would see.

mod answers;
mod assertion;
mod batch;
mod claims;
mod clock;
mod contract;
mod credentials;
mod dataverse_errors;
mod failures;
mod federation;
mod gateway;
mod long_queries;
mod openssl;
mod recovery;
mod renewal;
mod request_options;
mod requests;
mod rotation;
mod rows;
mod secrets;
mod settings;
mod spin;
mod support;
mod tenant;
mod token;
