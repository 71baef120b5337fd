//! `Prefer: odata.include-annotations` (docs/facts/dataverse.md, 1.3; OData 4.0, part 1, 8.2.8.4).

/// The annotations that a request includes: names with `*`, and with a leading `-` those to exclude.
#[derive(Debug, Default)]
pub(super) struct Annotations {
    patterns: Vec<String>,
    /// The original text, for `Preference-Applied`.
    preference: String,
}

impl Annotations {
    pub(super) fn read(preference: &str, list: &str) -> Annotations {
        Annotations {
            patterns: list
                .split(',')
                .map(|pattern| pattern.trim().to_string())
                .filter(|pattern| !pattern.is_empty())
                .collect(),
            preference: preference.into(),
        }
    }

    pub(super) fn any(&self) -> bool {
        !self.patterns.is_empty()
    }

    pub(super) fn preference(&self) -> &str {
        &self.preference
    }

    /// The longest matching pattern decides.
    pub(super) fn include(&self, name: &str) -> bool {
        let fitting = |pattern: &&String| {
            let bare = pattern.strip_prefix('-').unwrap_or(pattern);
            match bare.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == bare,
            }
        };
        let longest = self
            .patterns
            .iter()
            .filter(fitting)
            .max_by_key(|pattern| pattern.trim_start_matches('-').len());
        longest.is_some_and(|pattern| !pattern.starts_with('-'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let name = "Microsoft.Dynamics.CRM.morerecords";
        for list in [
            "*",
            "Microsoft.Dynamics.CRM.*",
            name,
            "a.b, Microsoft.Dynamics.CRM.more*",
            "*,-Microsoft.PowerApps.CDS.*",
            "-*,Microsoft.Dynamics.CRM.*",
        ] {
            assert!(Annotations::read("", list).include(name), "{list}");
        }
        for list in [
            "",
            "OData.Community.Display.V1.FormattedValue",
            "microsoft.dynamics.crm.*",
            "Microsoft.Dynamics.CRM",
            "*,-Microsoft.Dynamics.CRM.*",
            "-*",
        ] {
            assert!(!Annotations::read("", list).include(name), "{list}");
        }
    }
}
