//! The expectations and the report of a validation run.

use super::verbs::Verb;
use crate::credential::Used;

/// A permission that an application should or should not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The entity set, such as `contacts`.
    pub entity_set: String,
    /// The operation on its rows.
    pub verb: Verb,
    /// Whether it should be allowed.
    pub allowed: bool,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The overall result.
    pub verdict: Verdict,
    /// One line for each check.
    pub lines: Vec<Line>,
    /// What is known about the caller and the environment.
    pub facts: Facts,
    /// The permissions that could be determined, allowed or not.
    pub observed: Vec<Expectation>,
    /// The allowed permissions, as a value for `GATEWAY_ALLOW`.
    pub gateway_allow: String,
}

/// The overall result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every check passed.
    Passed,
    /// A check failed.
    Failed,
    /// No check failed, but at least one could not be made.
    Unknown,
}

/// One check.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What was checked.
    pub check: String,
    /// The expected value.
    pub expected: Option<String>,
    /// The actual value.
    pub found: String,
    /// Whether they match.
    pub outcome: Outcome,
    /// What to do.
    pub advice: Option<String>,
}

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The check passed.
    Passed,
    /// The check failed.
    Failed,
    /// The result could not be determined.
    Unknown,
    /// Information without an expectation.
    Note,
}

/// What is known about the caller and the environment after the checks.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The tenant that issued the token.
    pub tenant: String,
    /// The application.
    pub client_id: String,
    /// The audience of the token.
    pub audience: String,
    /// The remaining lifetime of the token, in seconds.
    pub token_expires_in: u32,
    /// The credential that obtained the token.
    pub credential: Used,
    /// The full days until the credential expires.
    pub credential_days_left: Option<u64>,
    /// The id of the application user.
    pub user_id: Option<String>,
    /// Its name.
    pub user_name: Option<String>,
    /// Whether it is enabled.
    pub enabled: Option<bool>,
    /// The id of its business unit.
    pub business_unit_id: Option<String>,
    /// Its name.
    pub business_unit_name: Option<String>,
    /// Its security roles.
    pub roles: Option<Vec<String>>,
    /// The id of the environment's organization.
    pub organization_id: Option<String>,
    /// Its name.
    pub organization_name: Option<String>,
    /// The kind of the environment.
    pub organization_kind: Option<String>,
}
