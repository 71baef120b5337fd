//! The built component on an embedded Wasmtime: what a user would see.

mod answers;
mod assertion;
mod contract;
mod credentials;
mod failures;
mod fetch_xml;
mod files;
mod gateway;
mod pages;
mod requests;
mod rows;
mod secrets;
mod settings;
mod spin;
mod support;
mod token;
