//! Who may do what to which table.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use uuid::Uuid;

use super::refusal::Refusal;
use super::schema::{TABLES, Table};

/// What a user does to rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Adds a row.
    Create,
    /// Reads rows.
    Read,
    /// Changes a row.
    Write,
    /// Removes a row.
    Delete,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 4] = [Verb::Create, Verb::Read, Verb::Write, Verb::Delete];
}

/// Privileges per entity set and verb, at the depth of the whole organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges(BTreeMap<String, BTreeSet<Verb>>);

impl Privileges {
    /// No privilege at all.
    pub fn none() -> Privileges {
        Privileges::default()
    }

    /// Every privilege on every table of the sandbox.
    pub fn all() -> Privileges {
        TABLES.iter().fold(Privileges::none(), |privileges, table| {
            privileges.allow(table.entity_set, &Verb::ALL)
        })
    }

    /// Adds privileges on an entity set such as `contacts`.
    pub fn allow(mut self, entity_set: &str, verbs: &[Verb]) -> Privileges {
        self.0.entry(entity_set.into()).or_default().extend(verbs);
        self
    }

    /// Whether the privilege is there.
    pub fn permits(&self, entity_set: &str, verb: Verb) -> bool {
        self.0.get(entity_set).is_some_and(|verbs| verbs.contains(&verb))
    }

    /// facts: dataverse 1.8, 0x80040220: 403. A user without a privilege learns nothing about the row.
    pub(super) fn demand(&self, user_id: &str, table: &Table, verb: Verb) -> Result<(), Refusal> {
        if self.permits(table.entity_set, verb) {
            return Ok(());
        }
        let privilege = format!("prv{verb:?}{}", table.schema_name);
        // Guess: the privilege's id, made from its name so that it stays the same.
        let number = privilege
            .bytes()
            .fold(0_u128, |sum, byte| sum.wrapping_mul(257).wrapping_add(byte.into()));
        let id = Uuid::from_u128(number);
        let text = format!("Principal user (Id={user_id}, type=8) is missing {privilege} privilege (Id={id})");
        Err(Refusal::new(StatusCode::FORBIDDEN, "0x80040220", text))
    }
}
