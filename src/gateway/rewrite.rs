//! Changing bodies as they flow.

use crate::host::{Body, Failure};

/// Changes a body piece by piece, whatever the pieces are.
pub trait Rewrite {
    /// Takes the next piece, and appends what can be told so far.
    fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>);

    /// Appends what was held back, at the end.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// A body with a change applied to it.
pub struct Rewritten<B> {
    source: B,
    change: Option<Box<dyn Rewrite>>,
}

impl<B> Rewritten<B> {
    /// `change` is `None` where the body flows as it is.
    pub fn new(source: B, change: Option<Box<dyn Rewrite>>) -> Self {
        Self { source, change }
    }
}

impl<B: Body> Body for Rewritten<B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let piece = self.source.chunk().await?;
            let Some(change) = &mut self.change else {
                return Ok(piece);
            };
            let mut out = Vec::new();
            match piece {
                Some(piece) => {
                    out.reserve(piece.len().saturating_add(256));
                    change.feed(&piece, &mut out);
                }
                None => {
                    change.finish(&mut out);
                    self.change = None;
                    return Ok((!out.is_empty()).then_some(out));
                }
            }
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
    }
}
