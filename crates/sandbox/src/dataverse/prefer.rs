//! The `Prefer` header (docs/facts/dataverse.md, 1.3): several preferences, comma-separated or in several
//! headers.

use super::annotations::Annotations;
use super::refusal::Refusal;
use crate::request::Received;
use crate::response::{Answer, append};

#[derive(Default)]
pub(super) struct Prefer {
    pub(super) page_size: Option<usize>,
    pub(super) track_changes: bool,
    pub(super) representation: bool,
    pub(super) annotations: Annotations,
    /// For batches only.
    pub(super) continue_on_error: bool,
    applied: Vec<String>,
}

impl Prefer {
    pub(super) fn read(request: &Received) -> Result<Prefer, Refusal> {
        let mut prefer = Prefer::default();
        for preference in preferences(request) {
            prefer.apply(&preference)?;
        }
        Ok(prefer)
    }

    /// Only the annotations, even if other preferences are invalid: errors contain annotations too.
    pub(super) fn annotations(request: &Received) -> Annotations {
        let mut prefer = Prefer::default();
        for preference in preferences(request) {
            // An invalid preference is reported separately.
            let _ = prefer.apply(&preference);
        }
        prefer.annotations
    }

    fn apply(&mut self, preference: &str) -> Result<(), Refusal> {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "return" if value == "representation" => self.representation = true,
            "return" if value == "minimal" => self.representation = false,
            "odata.maxpagesize" => {
                // Guess: the refusal of a size that is not a positive number; 5,000 is the most
                // (docs/facts/dataverse.md, 1.6).
                let size: usize = value.parse().ok().filter(|size| *size > 0).ok_or_else(|| {
                    Refusal::query(format!(
                        "The value '{value}' of the preference odata.maxpagesize is not valid."
                    ))
                })?;
                self.page_size = Some(size.min(5000));
            }
            // Echoed only if annotations are returned: a preference may be ignored (RFC 7240, 2).
            "odata.include-annotations" => {
                self.annotations = Annotations::read(preference, value);
                return Ok(());
            }
            // OData 4.0, part 1, 8.2.8.3. Guess: that it may be spelled out.
            "odata.continue-on-error" if value.is_empty() || value.eq_ignore_ascii_case("true") => {
                self.continue_on_error = true;
                return Ok(());
            }
            "odata.track-changes" => self.track_changes = true,
            "respond-async" => return Err(Refusal::unsupported("background operations")),
            _ => return Ok(()),
        }
        self.applied.push(preference.into());
        Ok(())
    }

    /// Marks the annotations as applied.
    pub(super) fn apply_annotations(&mut self) {
        if self.annotations.any() {
            self.applied.push(self.annotations.preference().into());
        }
    }

    /// Guess: one header for all preferences that took effect.
    pub(super) fn echo(&self, answer: &mut Answer) {
        if !self.applied.is_empty() {
            append(answer, "preference-applied", &self.applied.join(","));
        }
    }
}

fn preferences(request: &Received) -> Vec<String> {
    let headers = request.headers.get_all("prefer").iter();
    let headers = headers.map(|header| String::from_utf8_lossy(header.as_bytes()));
    headers
        .flat_map(|header| {
            let parts = split(&header);
            parts.iter().map(|part| part.trim().to_string()).collect::<Vec<_>>()
        })
        .collect()
}

/// Splits at commas outside quotes: a list of annotations contains commas.
fn split(header: &str) -> Vec<&str> {
    let mut quoted = false;
    header
        .split(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_do_not_split() {
        let parts = split(r#"return=representation, odata.include-annotations="a,b",x"#);
        assert_eq!(
            parts,
            ["return=representation", r#" odata.include-annotations="a,b""#, "x"]
        );
    }
}
