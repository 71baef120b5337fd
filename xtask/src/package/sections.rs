//! A component's binary form, as far as its core modules are to be exchanged: a preamble, and sections, each with an id and a
//! length (<https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md>).

use anyhow::{Context, Result, ensure};

/// The magic number, the version 13, and the layer 1: a component.
const PREAMBLE: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;

/// The component with each of its own core modules exchanged, and without a custom section of this name.
pub(super) fn with_modules(
    component: &[u8],
    exchange: impl Fn(&[u8]) -> Result<Vec<u8>>,
    without: &str,
) -> Result<Vec<u8>> {
    let mut rest = component.strip_prefix(&PREAMBLE).context("this is not a component")?;
    let mut out = PREAMBLE.to_vec();
    while let Some((id, after)) = rest.split_first() {
        let (length, after) = number(after)?;
        let (content, after) = after.split_at_checked(length).context("a section is cut off")?;
        rest = after;
        match *id {
            CUSTOM if name(content)? == without.as_bytes() => {}
            CORE_MODULE => section(CORE_MODULE, &exchange(content)?, &mut out),
            id => section(id, content, &mut out),
        }
    }
    Ok(out)
}

/// The name that a custom section begins with.
fn name(content: &[u8]) -> Result<&[u8]> {
    let (length, rest) = number(content)?;
    rest.get(..length).context("a section's name is cut off")
}

fn section(id: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    let mut length = content.len();
    loop {
        let byte = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            out.push(byte);
            break;
        }
        out.push(byte | 0x80);
    }
    out.extend_from_slice(content);
}

/// A number of up to 32 bits in LEB128, and what follows it.
fn number(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            ensure!(u32::try_from(value).is_ok(), "a number is too large");
            return Ok((value, &bytes[index + 1..]));
        }
    }
    anyhow::bail!("a number is cut off, or too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component of these sections.
    fn component(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = PREAMBLE.to_vec();
        for (id, content) in sections {
            section(*id, content, &mut bytes);
        }
        bytes
    }

    #[test]
    fn modules_are_exchanged_and_names_left_out() {
        let long = vec![7; 300];
        let original = component(&[
            (CORE_MODULE, b"one"),
            (7, &long),
            (CUSTOM, b"\x05namesxyz"),
            (CUSTOM, b"\x05otherxyz"),
            (CORE_MODULE, &long),
        ]);
        let twice = |module: &[u8]| Ok([module, module].concat());
        let expected = component(&[
            (CORE_MODULE, b"oneone"),
            (7, &long),
            (CUSTOM, b"\x05otherxyz"),
            (CORE_MODULE, &[7; 600]),
        ]);
        assert_eq!(with_modules(&original, twice, "names").unwrap(), expected);
    }

    #[test]
    fn a_cut_section_is_an_error() {
        let whole = component(&[(CORE_MODULE, &[7; 300]), (CUSTOM, b"\x05names")]);
        let same = |module: &[u8]| Ok(module.to_vec());
        assert_eq!(with_modules(&whole, same, "").unwrap(), whole);
        // Between two sections, a cut cannot be seen.
        let ends = [whole.len() - 8, PREAMBLE.len()];
        for length in (0..whole.len()).filter(|length| !ends.contains(length)) {
            assert!(with_modules(&whole[..length], same, "").is_err(), "{length} bytes");
        }
        let too_long = [PREAMBLE.as_slice(), &[CUSTOM, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat();
        assert!(with_modules(&too_long, same, "").is_err());
    }
}
