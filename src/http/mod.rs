//! What HTTP says, of no service.

pub mod challenge;
pub mod origin;
pub mod prefer;
