//! What HTTP says, of no service.

pub mod challenge;
pub mod dot_segments;
pub mod origin;
pub mod prefer;
