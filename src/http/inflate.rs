//! Undoing a content coding, piece by piece: gzip (RFC 1952: <https://www.rfc-editor.org/rfc/rfc1952>) and deflate, which is zlib's
//! format (RFC 1950), or deflated data without it, as some servers send (RFC 9110, 8.4.1.2). What is inside, `miniz_oxide` reads.

use miniz_oxide::inflate::stream::{InflateState, MinReset, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::content_coding::Coding;

/// What comes out of one.
pub(crate) struct Inflate {
    data: Box<InflateState>,
    stage: Stage,
    crc: Crc,
    /// Of the member being read, modulo 2^32.
    size: u32,
}

/// Why a body cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It ends too early.
    Cut,
    /// It is not what it says, or its checksum is wrong.
    Damaged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Of `deflate`: nothing has come.
    Begin,
    /// Of gzip: at the start, or behind a member. Where one ends, the text may end.
    Member { is_first: bool },
    /// Within a member's head.
    Head(Head),
    /// The deflated data. `in_member`: of gzip.
    Data { in_member: bool },
    /// The checksum and the size behind them, so many bytes of which have come.
    Trailer { seen: u8, value: u64 },
    /// Of `deflate`: all is there.
    End,
}

/// Where within a member's head; the fields of which there are none are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// Ten bytes, which so many have come of.
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
    pub(crate) fn new(coding: Coding) -> Self {
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

    /// Takes bytes off `input`, and writes to `out` what they make. Returns how many were written: none, when all of `input` is
    /// taken and nothing is left to write.
    pub(crate) fn take(&mut self, input: &mut &[u8], out: &mut [u8]) -> Result<usize, Broken> {
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
            // Of deflated data, the first byte is only looked at.
            if self.stage == Stage::Begin {
                self.begin(*byte);
                continue;
            }
            self.stage = self.framing(*byte)?;
            *input = rest;
        }
    }

    /// Whether the text may end here. One without any byte is a body that is not there, such as that of a HEAD.
    pub(crate) fn finish(&self) -> Result<(), Broken> {
        match self.stage {
            Stage::Begin | Stage::Member { .. } | Stage::End => Ok(()),
            Stage::Head(_) | Stage::Data { .. } | Stage::Trailer { .. } => Err(Broken::Cut),
        }
    }

    /// Deflated data without zlib's format begin with a low nibble of 8 only if bits are set that no encoder sets.
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
            // As the format has it: modulo 2^32.
            self.size = self.size.wrapping_add(u32::try_from(written.len()).unwrap_or_default());
        }
        match done.status {
            Ok(MZStatus::StreamEnd) if in_member => self.stage = Stage::Trailer { seen: 0, value: 0 },
            Ok(MZStatus::StreamEnd) => self.stage = Stage::End,
            Ok(_) => {}
            // It waits for more.
            Err(MZError::Buf) if input.is_empty() => {}
            Err(_) => return Err(Broken::Damaged),
        }
        Ok(written.len())
    }

    /// Takes a byte that belongs to the format around the data.
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
            // Nothing follows zlib's end.
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
            // The lower half of the checksum of all before it.
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

    /// What follows a part of a head: `flags` are those of the parts that are still to come.
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
