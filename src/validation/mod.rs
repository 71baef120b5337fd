//! The checks before production: who the application is, which environment it reaches, and that it may do what it should and
//! nothing else. Changes no data.

mod asking;
mod environment;
mod expectations;
mod identity;
mod lines;
mod member;
mod privileges;
mod probe;
mod report;
mod verbs;

use crate::dataverse::client::Connection;
use crate::error::Error;
use crate::host::Host;
use asking::Asking;
use expectations::ToCheck;
use lines::Lines;
use privileges::Privileges;

pub(crate) use report::{Expectation, Facts, Line, Outcome, Report, Verdict};
pub(crate) use verbs::Verb;

/// Checks a connection.
///
/// # Errors
/// As `validate` in `wit/validation.wit`.
pub(crate) async fn validate(
    connection: &Connection,
    host: &impl Host,
    expectations: Vec<Expectation>,
) -> Result<Report, Error> {
    run(
        connection,
        host,
        expectations::wanted(expectations)?,
        Extent::Everything,
    )
    .await
}

/// Checks whether the connection works and what it may do to these tables, none or more, and reads nothing else: not the
/// application user, its roles and its privileges, and not what the environment is.
///
/// # Errors
/// As [`validate`].
pub(crate) async fn validate_tables(
    connection: &Connection,
    host: &impl Host,
    expectations: Vec<Expectation>,
) -> Result<Report, Error> {
    let wanted = if expectations.is_empty() {
        Vec::new()
    } else {
        expectations::wanted(expectations)?
    };
    run(connection, host, wanted, Extent::Tables).await
}

/// How much is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Everything,
    /// Only what is wanted.
    Tables,
}

async fn run(connection: &Connection, host: &impl Host, wanted: Vec<ToCheck>, extent: Extent) -> Result<Report, Error> {
    let connection = connection.as_one_call(host);
    let mut lines = Lines::default();

    let token = connection.acquire_token(host).await?;
    let mut facts = identity::token(&connection, token, host.now(), &mut lines);
    let asking = Asking::new(&connection, host);
    let mut privileges = Privileges::default();
    match member::whoami(&connection, host, &mut lines).await? {
        Some(identity) => {
            facts.user_id = Some(identity.user_id.clone());
            facts.business_unit_id = Some(identity.business_unit_id);
            facts.organization_id = Some(identity.organization_id);
            if extent == Extent::Everything {
                identity::user(&asking, &identity.user_id, &mut facts, &mut lines).await;
                environment::check(&asking, &mut facts, &mut lines).await;
                privileges = Privileges::read(&asking, &identity.user_id, &mut lines).await;
            } else {
                environment::organization(&asking, &facts, &mut lines);
            }
        }
        None => asking.stop("the environment does not let this application in"),
    }
    let mut observed = Vec::new();
    for wanted in wanted {
        let ToCheck { set, verb, allowed } = wanted;
        let found = privileges.agree(probe::probe(&asking, &set, verb).await, &set, verb);
        if let Some(allowed) = found.is_allowed() {
            observed.push(Expectation {
                entity_set: set.clone(),
                verb,
                allowed,
            });
        }
        lines.expectation(&set, verb, allowed, found);
    }
    Ok(Report {
        verdict: lines.verdict(),
        lines: lines.into_lines(),
        facts,
        gateway_allow: expectations::gateway_allow(&observed),
        observed,
    })
}
