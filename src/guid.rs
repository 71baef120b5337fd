//! GUIDs in the form of Microsoft's services.

use uuid::Uuid;

use crate::host::Host;

/// A new GUID (RFC 9562, version 4).
pub(crate) fn new_guid(host: &impl Host) -> String {
    uuid::Builder::from_random_bytes(host.random()).into_uuid().to_string()
}

/// Whether a text is a GUID with hyphens and without braces: `00000000-0000-0000-0000-000000000000`.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fake::FakeHost;

    #[test]
    fn guids_are_version_4_and_recognised() {
        let guid = new_guid(&FakeHost::new([]));
        assert_eq!(guid, "01010101-0101-4101-8101-010101010101");
        assert!(is_guid(&guid));
        for text in [
            "",
            "01010101010141018101010101010101",
            "{01010101-0101-4101-8101-010101010101}",
            "x1010101-0101-4101-8101-010101010101",
        ] {
            assert!(!is_guid(text), "{text}");
        }
    }
}
