//! Bodies that have to be as long as their message says. Hosts notice most that are not, but not all: Wasmtime 49 can end the answer
//! to a component of WASI 0.3 early as if it were whole (docs/facts/wasi03.md, 3).

use crate::host::{Body, Cause, Failure};

/// A body, and how many more bytes of it were announced.
pub(crate) struct Announced<B> {
    source: B,
    left: Option<u64>,
}

impl<B> Announced<B> {
    /// `length` is `None` where nothing was announced.
    pub(crate) fn new(source: B, length: Option<u64>) -> Self {
        Self { source, left: length }
    }
}

impl<B: Body> Body for Announced<B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let chunk = self.source.chunk().await?;
        if let Some(left) = &mut self.left {
            let came = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            *left = left.checked_sub(came).ok_or_else(|| broken("longer"))?;
            if chunk.is_none() && *left > 0 {
                return Err(broken("shorter"));
            }
        }
        Ok(chunk)
    }
}

fn broken(than: &str) -> Failure {
    Failure::new(Cause::CutOff, format!("the body is {than} than its Content-Length"))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use pollster::block_on;

    use super::*;

    #[test]
    fn a_body_that_is_not_as_long_as_announced_breaks() {
        for (length, ends) in [
            (None, true),
            (Some(6), true),
            (Some(5), false),
            (Some(7), false),
            (Some(0), false),
        ] {
            let mut body = Announced::new(VecDeque::from(["abc", "def"]), length);
            let ended = loop {
                match block_on(body.chunk()) {
                    Ok(Some(_)) => {}
                    Ok(None) => break true,
                    Err(failure) => {
                        assert_eq!(failure.cause, Cause::CutOff);
                        break false;
                    }
                }
            };
            assert_eq!(ended, ends, "{length:?}");
        }
    }
}
