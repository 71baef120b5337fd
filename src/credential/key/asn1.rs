//! Reading DER field by field.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Error, ErrorKind, Reader, Result, SliceReader, Tag, TagNumber};

/// `[n]` around another field, or around several.
pub(super) const fn constructed(number: TagNumber) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number,
    }
}

/// `[n]` in place of a string's own tag.
pub(super) const fn primitive(number: TagNumber) -> Tag {
    Tag::ContextSpecific {
        constructed: false,
        number,
    }
}

/// The consecutive elements in `der`, each with its tag and length. Ends after the first malformed one.
pub(super) fn elements(der: &[u8]) -> impl Iterator<Item = Result<&[u8]>> {
    let mut reader = SliceReader::new(der);
    std::iter::from_fn(move || match &mut reader {
        Ok(rest) if rest.is_finished() => None,
        Ok(rest) => {
            let element = rest.tlv_bytes();
            if let Err(error) = element {
                reader = Err(error);
            }
            Some(element)
        }
        Err(_) => None,
    })
}

/// A reader of consecutive fields.
pub(super) struct Fields<'a>(SliceReader<'a>);

impl<'a> Fields<'a> {
    /// Reads the consecutive fields in `der`.
    pub(super) fn new(der: &'a [u8]) -> Result<Self> {
        SliceReader::new(der).map(Self)
    }

    /// Reads the fields of `der`, which must be exactly one SEQUENCE.
    pub(super) fn of_sequence(der: &'a [u8]) -> Result<Self> {
        let mut whole = Self::new(der)?;
        let fields = whole.sequence()?;
        whole.finish()?;
        Ok(fields)
    }

    /// The next field of any type.
    pub(super) fn any(&mut self) -> Result<AnyRef<'a>> {
        AnyRef::decode(&mut self.0)
    }

    /// The content of the next field, which must have this tag.
    pub(super) fn tagged(&mut self, tag: Tag) -> Result<&'a [u8]> {
        let field = self.any()?;
        der::Tagged::tag(&field).assert_eq(tag)?;
        Ok(field.value())
    }

    /// The content of the next field if it has this tag.
    pub(super) fn optional(&mut self, tag: Tag) -> Result<Option<&'a [u8]>> {
        if !self.is_finished() && self.0.peek_tag()? == tag {
            self.tagged(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The fields inside the next field.
    pub(super) fn within(&mut self, tag: Tag) -> Result<Self> {
        Self::new(self.tagged(tag)?)
    }

    /// The fields of the next field, a SEQUENCE.
    pub(super) fn sequence(&mut self) -> Result<Self> {
        self.within(Tag::Sequence)
    }

    /// The next field, an OBJECT IDENTIFIER.
    pub(super) fn oid(&mut self) -> Result<ObjectIdentifier> {
        ObjectIdentifier::decode(&mut self.0)
    }

    /// The next field, an OCTET STRING.
    pub(super) fn octets(&mut self) -> Result<&'a [u8]> {
        self.tagged(Tag::OctetString)
    }

    /// The next field, an INTEGER.
    pub(super) fn number(&mut self) -> Result<u64> {
        u64::decode(&mut self.0)
    }

    /// Skips fields.
    pub(super) fn skip(&mut self, count: usize) -> Result<()> {
        (0..count).try_for_each(|_| self.any().map(drop))
    }

    pub(super) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Fails if any field is left.
    pub(super) fn finish(self) -> Result<()> {
        if self.is_finished() {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::TrailingData {
                    decoded: self.0.position(),
                    remaining: self.0.remaining_len(),
                },
                self.0.position(),
            ))
        }
    }
}
