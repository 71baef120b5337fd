//! HTTP, independent of any service.

pub(crate) mod announced;
pub(crate) mod body;
pub(crate) mod boundary;
pub(crate) mod challenge;
pub(crate) mod content_coding;
pub(crate) mod date;
pub(crate) mod decoded;
pub(crate) mod dot_segments;
pub(crate) mod header_size;
pub(crate) mod inflate;
pub(crate) mod json;
pub(crate) mod length;
pub(crate) mod media_type;
pub(crate) mod multipart;
pub(crate) mod origin;
pub(crate) mod prefer;
mod quoted;
pub(crate) mod retry_after;
pub(crate) mod stranger;
