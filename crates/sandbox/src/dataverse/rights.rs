//! Checks a user's privileges (docs/facts/dataverse.md, 1.8, 0x80040220: 403).

use http::StatusCode;

use super::refusal::Refusal;
use crate::privileges::{Verb, id, name};
use crate::schema::Table;
use crate::user::User;

/// A user without the privilege gets no information about the row.
pub(super) fn demand(user: &User, table: &Table, verb: Verb) -> Result<(), Refusal> {
    if user.privileges.permits(table.entity_set, verb) {
        return Ok(());
    }
    Err(denied(user, table, verb))
}

/// Requires a privilege that belongs to no table.
pub(super) fn demand_named(user: &User, privilege: &str) -> Result<(), Refusal> {
    if user.privileges.permits_named(privilege) {
        return Ok(());
    }
    Err(missing(user, privilege))
}

pub(super) fn denied(user: &User, table: &Table, verb: Verb) -> Refusal {
    missing(user, &name(verb, table))
}

fn missing(user: &User, privilege: &str) -> Refusal {
    let text = format!(
        "Principal user (Id={}, type=8) is missing {privilege} privilege (Id={})",
        user.user_id,
        id(privilege)
    );
    Refusal::new(StatusCode::FORBIDDEN, "0x80040220", text)
}
