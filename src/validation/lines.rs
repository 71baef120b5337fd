//! The report's lines and its verdict.

use super::probe::Found;
use super::report::{Line, Outcome, Verdict};
use super::verbs::Verb;
use crate::dataverse::advice::ADMIN;

/// The lines collected so far.
#[derive(Default)]
pub(super) struct Lines(Vec<Line>);

/// The result of a check.
pub(super) struct Finding {
    pub outcome: Outcome,
    pub found: String,
    pub advice: Option<String>,
}

impl Finding {
    pub(super) fn of(holds: bool, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            outcome: if holds { Outcome::Passed } else { Outcome::Failed },
            found: found.into(),
            advice: (!holds).then(|| advice.into()),
        }
    }

    pub(super) fn unknown(found: impl Into<String>, advice: Option<&str>) -> Self {
        Self {
            outcome: Outcome::Unknown,
            found: found.into(),
            advice: advice.map(str::to_owned),
        }
    }

    pub(super) fn note(found: impl Into<String>, advice: Option<String>) -> Self {
        Self {
            outcome: Outcome::Note,
            found: found.into(),
            advice,
        }
    }
}

impl Lines {
    pub(super) fn add(&mut self, check: impl Into<String>, expected: Option<String>, finding: Finding) {
        self.0.push(Line {
            check: check.into(),
            expected,
            found: finding.found,
            outcome: finding.outcome,
            advice: finding.advice,
        });
    }

    /// Adds the line for one permission. `allowed` is the expectation; `None`: no expectation.
    pub(super) fn expectation(&mut self, set: &str, verb: Verb, allowed: Option<bool>, found: Found) {
        let verb = verb.name();
        let finding = match found {
            Found::Changed(what) => Finding::of(
                false,
                format!("allowed, but Dataverse carried out a request that should have failed: {what}"),
                format!("data has changed: check the table {set}"),
            ),
            Found::Unknown(why) => Finding::unknown(why, None),
            Found::Allowed(privilege) => {
                let privilege = privilege.map(|privilege| format!(" ({privilege})")).unwrap_or_default();
                let advice = format!(
                    "the application user may {verb} rows of {set}: remove the privilege from its security role ({ADMIN}, \
                     Security roles)"
                );
                judged(allowed, true, format!("allowed{privilege}"), Some(advice))
            }
            Found::Denied { why, advice } => judged(allowed, false, format!("not allowed ({why})"), advice),
        };
        let expected = allowed.map(|allowed| if allowed { "allowed" } else { "not allowed" });
        self.add(format!("{verb} {set}"), expected.map(str::to_owned), finding);
    }

    pub(super) fn verdict(&self) -> Verdict {
        let any = |outcome| self.0.iter().any(|line| line.outcome == outcome);
        if any(Outcome::Failed) {
            Verdict::Failed
        } else if any(Outcome::Unknown) {
            Verdict::Unknown
        } else {
            Verdict::Passed
        }
    }

    pub(super) fn into_lines(self) -> Vec<Line> {
        self.0
    }
}

fn judged(expected: Option<bool>, is: bool, found: String, advice: Option<String>) -> Finding {
    let outcome = match expected {
        None => Outcome::Note,
        Some(expected) if expected == is => Outcome::Passed,
        Some(_) => Outcome::Failed,
    };
    Finding {
        outcome,
        found,
        advice: advice.filter(|_| outcome == Outcome::Failed),
    }
}
