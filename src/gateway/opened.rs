//! `GATEWAY_PASS_HEADERS`: headers that impersonate another user or bypass an environment's custom logic
//! are blocked unless they are listed here. A listed header also allows the same parameter in a query.
//!
//! Sources: <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/impersonate-another-user-web-api>,
//! <https://learn.microsoft.com/power-apps/developer/data-platform/optional-parameters>,
//! <https://learn.microsoft.com/power-apps/developer/data-platform/bypass-custom-business-logic>.

use percent_encoding::percent_decode_str;

use super::headers::PASSED_IN;

/// The parameters in Dataverse's namespace that grant a request nothing more. All others are blocked,
/// including unknown ones.
const HARMLESS: [&str; 3] = ["mscrm.mergelabels", "mscrm.sessiontoken", "mscrm.solutionuniquename"];

/// Duplicate detection is off by default in Dataverse, so `false` makes a request stricter.
const DUPLICATES: &str = "mscrm.suppressduplicatedetection";

/// A text for the plug-ins of an environment, some of which accept requests because of it. It has no
/// header.
const TAG: &str = "tag";

/// How many times the name of a query option may be percent-encoded. No service decodes more.
const ROUNDS: usize = 4;

/// The names, in lower case.
#[derive(Default)]
pub struct Opened(Vec<String>);

impl Opened {
    /// Parses `CallerObjectId,MSCRM.BypassBusinessLogicExecution`. A blank text allows nothing.
    ///
    /// # Errors
    /// A readable reason for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let read = names.map(|name| {
            let lower = name.to_ascii_lowercase();
            let is_name = lower.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
            if lower == TAG || is_name && is_closed(&lower, b"") {
                Ok(lower)
            } else {
                Err(format!(
                    "contains \"{name}\", which it cannot allow: expected CallerObjectId, MSCRMCallerID, the full name of a blocked header that begins with MSCRM., or tag, separated by commas"
                ))
            }
        });
        read.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a header of a request or of a part of a batch is forwarded; `name` is in lower case. Headers
    /// for Dataverse are. Headers that identify the caller, belong to the connection, or could override the
    /// method are dropped.
    ///
    /// # Errors
    /// A readable reason for the caller why the request is refused.
    pub fn passes(&self, name: &str, value: &[u8]) -> Result<bool, String> {
        if is_closed(name, value) {
            return self.is_open(name).then_some(true).ok_or_else(|| {
                format!(
                    "the header {name} is blocked: the gateway's operator can allow it with GATEWAY_PASS_HEADERS={name}"
                )
            });
        }
        // Of a request itself, this is refused before. Left out, it would make the body something else.
        if name == "content-encoding" && !value.trim_ascii().eq_ignore_ascii_case(b"identity") {
            return Err("a body with a Content-Encoding is refused, because it cannot be checked".to_owned());
        }
        Ok(PASSED_IN.contains(&name) || name.starts_with("odata-") || name.starts_with("mscrm"))
    }

    /// Checks the options of a query in every encoding.
    ///
    /// # Errors
    /// A readable reason for the caller why the request is refused.
    pub fn check_query(&self, query: &str) -> Result<(), String> {
        for option in query.split('&') {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let mut name = name.to_owned();
            for _ in 0..ROUNDS {
                self.check_option(&name, value)?;
                let next = percent_decode_str(&name).decode_utf8_lossy().into_owned();
                if next == name {
                    break;
                }
                name = next;
            }
        }
        Ok(())
    }

    fn check_option(&self, name: &str, value: &str) -> Result<(), String> {
        let name = name.trim().to_ascii_lowercase();
        let header = match name.as_str() {
            TAG | "callerobjectid" | "mscrmcallerid" => name,
            _ if name.starts_with("mscrm") => name,
            _ if name.starts_with("bypass") || name.starts_with("suppress") => format!("mscrm.{name}"),
            _ => return Ok(()),
        };
        if self.is_open(&header) || header != TAG && !is_closed(&header, value.as_bytes()) {
            return Ok(());
        }
        Err(format!(
            "the query option {header} is blocked: the gateway's operator can allow it with GATEWAY_PASS_HEADERS={header}"
        ))
    }

    fn is_open(&self, name: &str) -> bool {
        self.0.iter().any(|open| open == name)
    }
}

fn is_closed(name: &str, value: &[u8]) -> bool {
    if name == DUPLICATES {
        return !value.trim_ascii().eq_ignore_ascii_case(b"false");
    }
    name == "callerobjectid" || name.starts_with("mscrm") && !HARMLESS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_or_said_to_open_nothing() {
        for text in [
            "",
            " , ",
            "CallerObjectId",
            " mscrmcallerid , MSCRM.BypassBusinessLogicExecution",
            "tag",
            "MSCRM.SuppressDuplicateDetection",
        ] {
            assert!(Opened::parse(text).is_ok(), "{text}");
        }
        for text in [
            "*",
            "MSCRM.*",
            "authorization",
            "x-api-key",
            "prefer",
            "CallerObjectId MSCRMCallerID",
            "MSCRM.SessionToken",
            "cookie,tag",
        ] {
            assert!(Opened::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_parameter_is_opened_by_its_name_only() {
        let closed = Opened::default();
        let open = Opened::parse("CallerObjectId,mscrm.bypassbusinesslogicexecution").unwrap();
        for name in ["callerobjectid", "mscrm.bypassbusinesslogicexecution"] {
            assert!(closed.passes(name, b"x").unwrap_err().contains(name));
            assert_eq!(open.passes(name, b"x"), Ok(true));
        }
        for name in ["mscrmcallerid", "mscrm.bypassbusinesslogicexecutionstepids", "mscrm"] {
            assert!(open.passes(name, b"x").is_err(), "{name}");
        }
        assert_eq!(closed.passes("mscrm.suppressduplicatedetection", b" False"), Ok(true));
        assert!(closed.passes("mscrm.suppressduplicatedetection", b"true").is_err());
        assert_eq!(closed.passes("prefer", b"x"), Ok(true));
        assert_eq!(closed.passes("authorization", b"x"), Ok(false));
        assert_eq!(closed.passes("tag", b"x"), Ok(false), "it is not a header");
        assert_eq!(closed.passes("content-encoding", b"identity"), Ok(false));
        assert!(closed.passes("content-encoding", b"gzip").is_err());
    }

    #[test]
    fn a_query_cannot_say_it_instead() {
        let closed = Opened::default();
        for query in [
            "tag=x",
            "$top=1&tag",
            "$top=1&%54AG=x",
            "%2574ag=x",
            "+tag=x",
            "bypasscustompluginexecution=true",
            "MSCRM.BypassBusinessLogicExecution=x",
            "suppressduplicatedetection=true",
            "CallerObjectId=1",
        ] {
            let query = query.replace('+', "%20");
            assert!(closed.check_query(&query).is_err(), "{query}");
        }
        for query in [
            "",
            "$filter=tag eq 'x'",
            "@tag=1",
            "suppressduplicatedetection=false",
            "tags=1",
            "%252525252574ag=1",
        ] {
            assert_eq!(closed.check_query(query), Ok(()), "{query}");
        }
        let open = Opened::parse("tag,mscrm.bypasscustompluginexecution").unwrap();
        assert_eq!(open.check_query("tag=x&BypassCustomPluginExecution=true"), Ok(()));
    }
}
