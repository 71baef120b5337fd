//! Checks before production: the application's identity, the environment, and that the application's
//! permissions match the expectations. Changes no data.

mod environment;
mod expectations;
mod identity;
mod lines;
mod member;
mod privileges;
mod probe;
mod report;
mod requests;
mod verbs;

use crate::dataverse::client::Connection;
use crate::error::Error;
use crate::host::Host;
use expectations::ToCheck;
use lines::Lines;
use privileges::Privileges;
use requests::Requests;

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

/// Checks only the connection and its permissions on the given tables, of which there may be none. Does not
/// read the application user, its roles and privileges, or details of the environment.
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

/// How much is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Everything,
    /// Only the connection and the given tables.
    Tables,
}

async fn run(connection: &Connection, host: &impl Host, wanted: Vec<ToCheck>, extent: Extent) -> Result<Report, Error> {
    let connection = connection.as_one_call(host);
    let mut lines = Lines::default();

    let token = connection.acquire_token(host).await?;
    let mut facts = identity::token(&connection, token, host.now(), &mut lines);
    let requests = Requests::new(&connection, host);
    let mut privileges = Privileges::default();
    match member::whoami(&connection, host, &mut lines).await? {
        Some(identity) => {
            facts.user_id = Some(identity.user_id.clone());
            facts.business_unit_id = Some(identity.business_unit_id);
            facts.organization_id = Some(identity.organization_id);
            if extent == Extent::Everything {
                identity::user(&requests, &identity.user_id, &mut facts, &mut lines).await;
                environment::check(&requests, &mut facts, &mut lines).await;
                privileges = Privileges::read(&requests, &identity.user_id, &mut lines).await;
            } else {
                environment::organization(&requests, &facts, &mut lines);
            }
        }
        None => requests.stop("the environment does not accept this application"),
    }
    let mut observed = Vec::new();
    for wanted in wanted {
        let ToCheck { set, verb, allowed } = wanted;
        let found = privileges.agree(probe::probe(&requests, &set, verb).await, &set, verb);
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
