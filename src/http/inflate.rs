//! Decodes a content coding incrementally: gzip (RFC 1952: <https://www.rfc-editor.org/rfc/rfc1952>) and
//! deflate. Deflate means the zlib format (RFC 1950), or raw deflated data, which some servers send (RFC
//! 9110, 8.4.1.2). `miniz_oxide` decodes the deflated data itself.

use miniz_oxide::inflate::stream::{InflateState, MinReset, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::content_coding::Coding;

/// The state of a decoder.
pub struct Inflate {
    data: Box<InflateState>,
    stage: Stage,
    crc: Crc,
    /// The decoded size of the current member, modulo 2^32.
    size: u32,
}

/// Why a body cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It ends too early.
    Cut,
    /// It is not in the declared format, or its checksum is wrong.
    Damaged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// `deflate`: before the first byte.
    Begin,
    /// gzip: at the start, or after a member. After a member, the text may end.
    Member { is_first: bool },
    /// Within a member's header.
    Head(Head),
    /// The deflated data. `in_member`: of gzip.
    Data { in_member: bool },
    /// The checksum and the size after the data. `seen` is the number of bytes read so far.
    Trailer { seen: u8, value: u64 },
    /// `deflate`: the end.
    End,
}

/// The position within a member's header. Absent fields are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// The first ten bytes. `seen` is the number of bytes read so far.
    Fixed {
        seen: u8,
        flags: u8,
    },
    ExtraLength {
        seen: u8,
        length: u16,
        flags: u8,
    },
    Extra {
        left: u16,
        flags: u8,
    },
    Name {
        flags: u8,
    },
    Comment {
        flags: u8,
    },
    Checksum {
        seen: u8,
        expected: u16,
        value: u16,
    },
}

const HAS_CHECKSUM: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;
const RESERVED: u8 = 0b1110_0000;

impl Inflate {
    /// For one body.
    pub fn new(coding: Coding) -> Self {
        Self {
            data: InflateState::new_boxed(DataFormat::Raw),
            stage: match coding {
                Coding::Gzip => Stage::Member { is_first: true },
                Coding::Deflate => Stage::Begin,
            },
            crc: Crc::new(),
            size: 0,
        }
    }

    /// Consumes bytes of `input`, and writes the decoded bytes to `out`. Returns the number of bytes written.
    /// Zero means that all of `input` is consumed and there is no more output.
    ///
    /// # Errors
    /// When the input cannot be decoded.
    pub fn take(&mut self, input: &mut &[u8], out: &mut [u8]) -> Result<usize, Broken> {
        loop {
            if let Stage::Data { in_member } = self.stage {
                let written = self.inflate(in_member, input, out)?;
                if written > 0 {
                    return Ok(written);
                }
                if let (Stage::Data { .. }, true) = (self.stage, input.is_empty()) {
                    return Ok(0);
                }
                continue;
            }
            let Some((byte, rest)) = input.split_first() else {
                return Ok(0);
            };
            // The first byte only selects the format; it belongs to the data.
            if self.stage == Stage::Begin {
                self.begin(*byte);
                continue;
            }
            self.stage = self.framing(*byte)?;
            *input = rest;
        }
    }

    /// Whether the text may end here. An empty text is an absent body, such as in the answer to a HEAD
    /// request.
    ///
    /// # Errors
    /// When the text ends too early.
    pub fn finish(&self) -> Result<(), Broken> {
        match self.stage {
            Stage::Begin | Stage::Member { .. } | Stage::End => Ok(()),
            Stage::Head(_) | Stage::Data { .. } | Stage::Trailer { .. } => Err(Broken::Cut),
        }
    }

    /// Raw deflated data starts with a low nibble of 8 only if bits are set that no encoder sets.
    fn begin(&mut self, first: u8) {
        let is_zlib = first & 0x0f == 8 && first >> 4 <= 7;
        if is_zlib {
            self.data = InflateState::new_boxed(DataFormat::Zlib);
        }
        self.stage = Stage::Data { in_member: false };
    }

    fn inflate(&mut self, in_member: bool, input: &mut &[u8], out: &mut [u8]) -> Result<usize, Broken> {
        let done = inflate(&mut self.data, input, out, MZFlush::None);
        *input = input.get(done.bytes_consumed..).unwrap_or_default();
        let written = out.get(..done.bytes_written).unwrap_or_default();
        if in_member {
            self.crc.add(written);
            // The format defines the size modulo 2^32.
            self.size = self.size.wrapping_add(u32::try_from(written.len()).unwrap_or_default());
        }
        match done.status {
            Ok(MZStatus::StreamEnd) if in_member => self.stage = Stage::Trailer { seen: 0, value: 0 },
            Ok(MZStatus::StreamEnd) => self.stage = Stage::End,
            Ok(_) => {}
            // More input is needed.
            Err(MZError::Buf) if input.is_empty() => {}
            Err(_) => return Err(Broken::Damaged),
        }
        Ok(written.len())
    }

    /// Processes a byte of the format around the data.
    fn framing(&mut self, byte: u8) -> Result<Stage, Broken> {
        match self.stage {
            Stage::Member { .. } => {
                self.data.reset_as(MinReset);
                self.crc.reset();
                self.size = 0;
                self.head(Head::Fixed { seen: 0, flags: 0 }, byte)
            }
            Stage::Head(head) => self.head(head, byte),
            Stage::Trailer { seen, value } => {
                let value = value | u64::from(byte).checked_shl(u32::from(seen) * 8).unwrap_or_default();
                if seen < 7 {
                    let seen = seen.saturating_add(1);
                    return Ok(Stage::Trailer { seen, value });
                }
                let expected = u64::from(self.crc.value()) | u64::from(self.size) << 32;
                let is_right = value == expected;
                is_right
                    .then_some(Stage::Member { is_first: false })
                    .ok_or(Broken::Damaged)
            }
            // Nothing may follow the end of the zlib data.
            Stage::Begin | Stage::Data { .. } | Stage::End => Err(Broken::Damaged),
        }
    }

    fn head(&mut self, head: Head, byte: u8) -> Result<Stage, Broken> {
        let before = self.crc.value();
        self.crc.add(&[byte]);
        let next = match head {
            Head::Fixed { seen, flags } => {
                let expected = [0x1f, 0x8b, 8].get(usize::from(seen)).copied();
                let flags = if seen == 3 { byte } else { flags };
                if expected.is_some_and(|expected| expected != byte) || flags & RESERVED != 0 {
                    return Err(Broken::Damaged);
                }
                if seen < 9 {
                    let seen = seen.saturating_add(1);
                    return Ok(Stage::Head(Head::Fixed { seen, flags }));
                }
                return Ok(self.after(flags));
            }
            Head::ExtraLength { seen: 0, flags, .. } => Head::ExtraLength {
                seen: 1,
                length: u16::from(byte),
                flags,
            },
            Head::ExtraLength { length, flags, .. } => {
                let left = length | u16::from(byte) << 8;
                if left == 0 {
                    return Ok(self.after(flags));
                }
                Head::Extra { left, flags }
            }
            Head::Extra { left: 0 | 1, flags } => return Ok(self.after(flags)),
            Head::Extra { left, flags } => Head::Extra {
                left: left.saturating_sub(1),
                flags,
            },
            Head::Name { flags } | Head::Comment { flags } if byte == 0 => return Ok(self.after(flags)),
            Head::Name { .. } | Head::Comment { .. } => head,
            // The lower half of the checksum of the header so far.
            Head::Checksum { seen: 0, .. } => Head::Checksum {
                seen: 1,
                expected: u16::try_from(before & 0xffff).unwrap_or_default(),
                value: u16::from(byte),
            },
            Head::Checksum { expected, value, .. } => {
                let value = value | u16::from(byte) << 8;
                if value != expected {
                    return Err(Broken::Damaged);
                }
                return Ok(self.after(0));
            }
        };
        Ok(Stage::Head(next))
    }

    /// The stage after a field of the header. `flags` are those of the remaining fields.
    fn after(&mut self, flags: u8) -> Stage {
        let left = |flag: u8| flags & !flag;
        Stage::Head(if flags & HAS_EXTRA != 0 {
            Head::ExtraLength {
                seen: 0,
                length: 0,
                flags: left(HAS_EXTRA),
            }
        } else if flags & HAS_NAME != 0 {
            Head::Name { flags: left(HAS_NAME) }
        } else if flags & HAS_COMMENT != 0 {
            Head::Comment {
                flags: left(HAS_COMMENT),
            }
        } else if flags & HAS_CHECKSUM != 0 {
            Head::Checksum {
                seen: 0,
                expected: 0,
                value: 0,
            }
        } else {
            self.crc.reset();
            return Stage::Data { in_member: true };
        })
    }
}

/// The checksum of gzip (RFC 1952, 8).
struct Crc {
    table: [u32; 256],
    state: u32,
}

impl Crc {
    fn new() -> Self {
        let entry = |byte: u8| {
            (0..8).fold(u32::from(byte), |value, _| {
                let shifted = value >> 1;
                if value & 1 == 1 { shifted ^ 0xedb8_8320 } else { shifted }
            })
        };
        let mut table = [0; 256];
        for (place, byte) in table.iter_mut().zip(0_u8..=255) {
            *place = entry(byte);
        }
        Self { table, state: u32::MAX }
    }

    fn reset(&mut self) {
        self.state = u32::MAX;
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let [lowest, ..] = self.state.to_le_bytes();
            let entry = self.table.get(usize::from(lowest ^ byte)).copied().unwrap_or_default();
            self.state = self.state >> 8 ^ entry;
        }
    }

    fn value(&self) -> u32 {
        !self.state
    }
}

#[cfg(test)]
pub(crate) mod tests;
