//! The acting user's permissions on a table and on its rows.

use http::StatusCode;

use super::call::Call;
use super::query::Query;
use super::refusal::Refusal;
use super::rights;
use super::store::Row;
use crate::privileges::{Depth, Verb};
use crate::schema::Table;

impl Call<'_> {
    pub(super) fn demand(&self, table: &Table, verb: Verb) -> Result<(), Refusal> {
        rights::demand(self.user, table, verb)
    }

    /// Whether the privilege covers the row. All rows are in one business unit, so only the least depth
    /// makes a difference: a user's own rows are those that the user created.
    pub(super) fn reaches(&self, table: &Table, verb: Verb, row: &Row) -> bool {
        match self.user.privileges.depth(table.entity_set, verb) {
            Some(Depth::Basic) => row.owner.as_ref() == Some(&self.user.user_id),
            Some(_) => true,
            None => false,
        }
    }

    /// Reading through a lookup also requires the privilege to read the other table.
    pub(super) fn demand_expanded(&self, query: &Query) -> Result<(), Refusal> {
        query
            .expand
            .iter()
            .try_for_each(|expand| self.demand(expand.target, Verb::Read))
    }

    /// docs/facts/dataverse.md, 1.8, 0x80048306. A missing row reveals nothing.
    pub(super) fn demand_row(&self, table: &Table, verb: Verb, row: Option<&Row>) -> Result<(), Refusal> {
        let Some(row) = row.filter(|row| !self.reaches(table, verb, row)) else {
            return Ok(());
        };
        // Guess: how much of the reported text to include.
        let text = format!(
            "SecLib::AccessCheckEx failed. Returned hr = -2147187962, ObjectID: {}, CallingUser: {}. AccessRights: {}",
            row.id,
            self.user.user_id,
            right(verb)
        );
        Err(Refusal::new(StatusCode::FORBIDDEN, "0x80048306", text))
    }

    /// Change tracking requires organization depth
    /// (<https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems>:
    /// "a privilege check error"). Guess: which.
    pub(super) fn demand_all(&self, table: &Table, verb: Verb) -> Result<(), Refusal> {
        if self.user.privileges.depth(table.entity_set, verb) == Some(Depth::Global) {
            return Ok(());
        }
        Err(rights::denied(self.user, table, verb))
    }
}

fn right(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "CreateAccess",
        Verb::Read => "ReadAccess",
        Verb::Write => "WriteAccess",
        Verb::Delete => "DeleteAccess",
    }
}
