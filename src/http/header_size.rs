//! How much of headers a host takes: Wasmtime 128 KiB, and it traps beyond that (facts: hosts 5.5).

/// What all headers of a message may have, in bytes as [`counted`] counts them. The rest is for the token.
pub(crate) const MAX: usize = 80 << 10;

/// What the headers of a caller's own may have of that.
pub(crate) const MAX_OF_CALLER: usize = 64 << 10;

/// Hosts count each header some bytes longer than it is.
pub(crate) const OVERHEAD: usize = 80;

/// The size of headers, given the lengths of their names and values.
pub(crate) fn counted(lengths: impl Iterator<Item = (usize, usize)>) -> usize {
    lengths
        .map(|(name, value)| name.saturating_add(value).saturating_add(OVERHEAD))
        .fold(0, usize::saturating_add)
}
