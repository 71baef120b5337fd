//! What tests do with a running sandbox.

mod dataverse;
