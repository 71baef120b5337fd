//! What is expected, and what was found.

use super::verbs::Verb;
use crate::credential::Used;

/// What an application should be able to do, or should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The entity set, such as `contacts`.
    pub entity_set: String,
    /// What is done to its rows.
    pub verb: Verb,
    /// Whether that should be allowed.
    pub allowed: bool,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// What all lines come to.
    pub verdict: Verdict,
    /// One for each check.
    pub lines: Vec<Line>,
    /// What is known now.
    pub facts: Facts,
    /// What is allowed and what is not, where that could be told.
    pub observed: Vec<Expectation>,
    /// What is allowed, as a value for `GATEWAY_ALLOW`.
    pub gateway_allow: String,
}

/// What all lines come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every check passed.
    Passed,
    /// A check failed.
    Failed,
    /// No check failed, and one could not be made.
    Unknown,
}

/// One check.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What was checked.
    pub check: String,
    /// What should be.
    pub expected: Option<String>,
    /// What is.
    pub found: String,
    /// Whether the two agree.
    pub outcome: Outcome,
    /// What to do.
    pub advice: Option<String>,
}

/// What one check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed,
    /// It cannot be told.
    Unknown,
    /// There is nothing that it should be.
    Note,
}

/// What is known after the checks.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The tenant that issued the token.
    pub tenant: String,
    /// The application.
    pub client_id: String,
    /// What the token is for.
    pub audience: String,
    /// In seconds.
    pub token_expires_in: u32,
    /// The credential that got the token.
    pub credential: Used,
    /// The whole days until it ends.
    pub credential_days_left: Option<u64>,
    /// The application user.
    pub user_id: Option<String>,
    /// Its name.
    pub user_name: Option<String>,
    /// Whether it is enabled.
    pub enabled: Option<bool>,
    /// Its business unit.
    pub business_unit_id: Option<String>,
    /// The name of that.
    pub business_unit_name: Option<String>,
    /// Its security roles.
    pub roles: Option<Vec<String>>,
    /// The environment's organization.
    pub organization_id: Option<String>,
    /// The name of that.
    pub organization_name: Option<String>,
    /// What kind of environment it is.
    pub organization_kind: Option<String>,
}
