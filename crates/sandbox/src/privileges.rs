//! Privileges on tables.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::schema::Table;

/// An operation on the rows of a table.
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
    /// All verbs.
    pub const ALL: [Verb; 4] = [Verb::Create, Verb::Read, Verb::Write, Verb::Delete];
}

/// The depth of a privilege (<https://learn.microsoft.com/power-platform/admin/wp-security-cds>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The user's own rows.
    Basic,
    /// The rows of the user's business unit.
    Local,
    /// Also the rows of child business units.
    Deep,
    /// All rows of the organization.
    Global,
}

/// Privileges per entity set and verb, and privileges that belong to no table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    tables: BTreeMap<String, BTreeMap<Verb, Depth>>,
    others: BTreeSet<String>,
}

impl Privileges {
    /// No privilege at all.
    pub fn none() -> Privileges {
        Privileges::default()
    }

    /// Every privilege on every table of the sandbox, but no privileges without a table.
    pub fn all() -> Privileges {
        Table::all().fold(Privileges::none(), |privileges, table| {
            privileges.allow(table.entity_set, &Verb::ALL)
        })
    }

    /// Adds privileges on an entity set such as `contacts`, at the depth of the whole organization.
    pub fn allow(self, entity_set: &str, verbs: &[Verb]) -> Privileges {
        self.allow_at(entity_set, verbs, Depth::Global)
    }

    /// Adds privileges on an entity set. Of two depths the greater counts.
    pub fn allow_at(mut self, entity_set: &str, verbs: &[Verb], depth: Depth) -> Privileges {
        let table = self.tables.entry(entity_set.into()).or_default();
        for verb in verbs {
            let there = table.entry(*verb).or_insert(depth);
            *there = depth.max(*there);
        }
        self
    }

    /// Adds a privilege that belongs to no table, such as `prvActOnBehalfOfAnotherUser`.
    pub fn allow_named(mut self, privilege: &str) -> Privileges {
        self.others.insert(privilege.into());
        self
    }

    /// Whether the privilege is present, at any depth.
    pub fn permits(&self, entity_set: &str, verb: Verb) -> bool {
        self.depth(entity_set, verb).is_some()
    }

    /// The depth of the privilege, if it is present.
    pub fn depth(&self, entity_set: &str, verb: Verb) -> Option<Depth> {
        self.tables.get(entity_set)?.get(&verb).copied()
    }

    /// The intersection of both.
    pub(crate) fn and(&self, other: &Privileges) -> Privileges {
        let tables = self.tables.iter().map(|(set, verbs)| {
            let both = verbs.iter().filter_map(|(verb, depth)| {
                let other = other.depth(set, *verb)?;
                Some((*verb, other.min(*depth)))
            });
            (set.clone(), both.collect())
        });
        Privileges {
            tables: tables.collect(),
            others: self.others.intersection(&other.others).cloned().collect(),
        }
    }

    /// Names, ids and depths. A privilege without a table has organization depth.
    pub(crate) fn named(&self) -> Vec<(String, Uuid, Depth)> {
        let tables = self
            .tables
            .iter()
            .filter_map(|(set, verbs)| Some((Table::of(set)?, verbs)));
        let of_tables = tables.flat_map(|(table, verbs)| {
            let privilege = |(verb, depth): (&Verb, &Depth)| (name(*verb, table), *depth);
            verbs.iter().map(privilege).collect::<Vec<_>>()
        });
        let others = self.others.iter().map(|name| (name.clone(), Depth::Global));
        of_tables
            .chain(others)
            .map(|(name, depth)| (name.clone(), id(&name), depth))
            .collect()
    }

    /// Whether a privilege without a table is present.
    pub(crate) fn permits_named(&self, privilege: &str) -> bool {
        self.others.contains(privilege)
    }
}

/// As in `prvReadContact`.
pub(crate) fn name(verb: Verb, table: &Table) -> String {
    format!("prv{verb:?}{}", table.schema_name)
}

/// Guess: the privilege's id, derived from its name so that it is stable.
pub(crate) fn id(privilege: &str) -> Uuid {
    let number = privilege
        .bytes()
        .fold(0_u128, |sum, byte| sum.wrapping_mul(257).wrapping_add(byte.into()));
    Uuid::from_u128(number)
}
