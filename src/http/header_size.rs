//! The maximum size of headers that hosts accept: Wasmtime traps above 128 KiB (docs/facts/hosts.md, 5.5).

/// The maximum for all headers of a message, in bytes as [`counted`] computes them. The rest is reserved
/// for the token.
pub(crate) const MAX: usize = 80 << 10;

/// The maximum for the caller's headers.
pub(crate) const MAX_OF_CALLER: usize = 64 << 10;

/// The bytes that hosts add for each header.
pub(crate) const OVERHEAD: usize = 80;

/// The size of headers, given the lengths of their names and values.
pub(crate) fn counted(lengths: impl Iterator<Item = (usize, usize)>) -> usize {
    lengths
        .map(|(name, value)| name.saturating_add(value).saturating_add(OVERHEAD))
        .fold(0, usize::saturating_add)
}
