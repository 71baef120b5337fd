//! What HTTP says, of no service.

pub mod body;
pub mod challenge;
pub mod date;
pub mod dot_segments;
pub mod length;
pub mod media_type;
pub mod origin;
pub mod prefer;
pub mod retry_after;
