//! Changes bodies while they are streamed.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::host::{Body, Cause, Failure};

/// Changes a body piece by piece, however it is split.
pub trait Rewrite {
    /// Takes the next piece, and appends the output that is certain so far.
    fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>);

    /// Appends the rest at the end.
    fn finish(&mut self, out: &mut Vec<u8>);

    /// Whether the body must be stopped. The reason is in its [`Stop`].
    fn is_stopped(&self) -> bool {
        false
    }
}

/// The reason why a body was stopped, shared with the code that sends the body.
#[derive(Clone, Debug, Default)]
pub struct Stop(Rc<OnceCell<Stopped>>);

/// A reason, for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It requests something that this caller may not do.
    Forbidden(String),
    /// It cannot be parsed, or not unambiguously.
    Unclear(String),
}

impl Stop {
    /// Sets the reason; only the first one is kept.
    pub fn note(&self, reason: Stopped) {
        let _ = self.0.set(reason);
    }

    /// The reason, if the body was stopped.
    pub fn reason(&self) -> Option<&Stopped> {
        self.0.get()
    }
}

/// A body with a change applied to it.
pub(crate) struct Rewritten<B> {
    source: B,
    change: Option<Box<dyn Rewrite>>,
}

impl<B> Rewritten<B> {
    /// With `change` as `None`, the body passes unchanged.
    pub(crate) fn new(source: B, change: Option<Box<dyn Rewrite>>) -> Self {
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
                    if change.is_stopped() {
                        return Err(stopped());
                    }
                    self.change = None;
                    return Ok((!out.is_empty()).then_some(out));
                }
            }
            if self.change.as_ref().is_some_and(|change| change.is_stopped()) {
                return Err(stopped());
            }
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
    }
}

/// Callers never see this: the code that sends the body checks its [`Stop`] first.
fn stopped() -> Failure {
    Failure::new(Cause::CutOff, "the request's body was refused")
}
