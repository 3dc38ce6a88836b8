//! The top-level sections of a component's binary form.
//!
//! A component is a preamble and then sections, each a one-byte id, a length in LEB128 and that many
//! bytes. Nested modules and components lie wholly inside one section, so a walk over the top level
//! needs to understand nothing else.

use crate::PackError;

const MAGIC: &[u8] = b"\0asm";
const COMPONENT_VERSION: u16 = 0x0d;
const COMPONENT_LAYER: u16 = 1;
const CUSTOM: u8 = 0;

/// An iterator over the top-level sections; it ends after the first error.
pub(crate) struct Sections<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// One top-level section.
pub(crate) struct Section<'a> {
    id: u8,
    offset: usize,
    content: &'a [u8],
}

impl<'a> Sections<'a> {
    /// Checks the preamble and starts behind it.
    pub(crate) fn of_component(bytes: &'a [u8]) -> Result<Self, PackError> {
        let Some((&[v0, v1, l0, l1], rest)) =
            bytes.strip_prefix(MAGIC).and_then(|tail| tail.split_first_chunk::<4>())
        else {
            return Err(PackError::NoWebAssembly);
        };
        let version = u16::from_le_bytes([v0, v1]);
        match u16::from_le_bytes([l0, l1]) {
            0 => Err(PackError::CoreModule),
            COMPONENT_LAYER if version == COMPONENT_VERSION => Ok(Self { rest, offset: 8 }),
            layer => Err(PackError::Version { version, layer }),
        }
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&id, rest) = self.rest.split_first()?;
        let offset = self.offset;
        let Some((content, rest)) = sized(rest) else {
            self.rest = &[];
            return Some(Err(PackError::Broken { offset }));
        };
        self.offset += self.rest.len() - rest.len();
        self.rest = rest;
        Some(Ok(Section { id, offset, content }))
    }
}

impl<'a> Section<'a> {
    /// The name, if this is a custom section.
    pub(crate) fn custom_name(&self) -> Result<Option<&'a [u8]>, PackError> {
        match self.id {
            CUSTOM => self.custom_parts().map(|(name, _)| Some(name)),
            _ => Ok(None),
        }
    }

    /// What follows the name of this custom section.
    pub(crate) fn custom_content(&self) -> Result<&'a [u8], PackError> {
        self.custom_parts().map(|(_, content)| content)
    }

    fn custom_parts(&self) -> Result<(&'a [u8], &'a [u8]), PackError> {
        sized(self.content).ok_or(PackError::Broken { offset: self.offset })
    }
}

/// Splits a LEB128 length and that many bytes off the front; `None` if they are not there.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = unsigned(bytes)?;
    rest.split_at_checked(usize::try_from(size).ok()?)
}

/// A LEB128 `u32`: at most five bytes, the last of which has four bits to give.
fn unsigned(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u32;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        if index == 4 && byte > 0x0f {
            return None;
        }
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

/// Appends a custom section.
pub(crate) fn write_custom(
    into: &mut Vec<u8>,
    name: &str,
    content: &[u8],
) -> Result<(), PackError> {
    let mut body = Vec::with_capacity(name.len() + content.len() + 5);
    write_size(&mut body, name.len())?;
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(content);
    into.push(CUSTOM);
    write_size(into, body.len())?;
    into.extend_from_slice(&body);
    Ok(())
}

/// Appends a length in LEB128.
pub(crate) fn write_size(into: &mut Vec<u8>, size: usize) -> Result<(), PackError> {
    let mut rest = u32::try_from(size).map_err(|_| PackError::TooLarge { size })?;
    loop {
        let [low, ..] = (rest & 0x7f).to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            into.push(low);
            return Ok(());
        }
        into.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::{unsigned, write_size};

    #[test]
    fn lengths_survive_a_round_trip() {
        for size in [0, 1, 127, 128, 300, 65_536, 0x0fff_ffff, u32::MAX as usize] {
            let mut bytes = Vec::new();
            write_size(&mut bytes, size).expect("fits");
            let (read, rest) = unsigned(&bytes).expect("reads");
            assert_eq!((read as usize, rest.len()), (size, 0));
        }
    }

    #[test]
    fn unterminated_and_overflowing_lengths_are_rejected() {
        assert!(unsigned(&[]).is_none());
        assert!(unsigned(&[0x80, 0x80]).is_none());
        assert!(unsigned(&[0xff, 0xff, 0xff, 0xff, 0x1f]).is_none());
        assert!(unsigned(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]).is_none());
    }
}
