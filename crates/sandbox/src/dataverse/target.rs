//! The target of a request: everything that a path below `/api/data/` can address.

use uuid::Uuid;

use super::refusal::Refusal;
use crate::schema::{Blob, Collection, Column, Lookup, ManyToMany, Navigation, Table};

pub(super) enum Target {
    ServiceDocument,
    WhoAmI,
    CurrentOrganization,
    UserPrivileges(&'static Table, Uuid),
    Batch,
    Collection(&'static Table),
    /// The number of rows in an entity set.
    Count(&'static Table),
    Row(&'static Table, Uuid),
    /// The rows of a many-to-many navigation property.
    Related(&'static Table, Uuid, &'static ManyToMany),
    /// The number of rows of a navigation property.
    CountRelated(&'static Table, Uuid, Related),
    /// The row that a lookup refers to.
    Linked(&'static Table, Uuid, &'static Lookup),
    Property(Property),
    Reference(Reference),
    File(FileColumn),
}

impl Target {
    /// The entity set that a write changes, and the id of the row if the path contains one.
    pub(super) fn row(&self) -> Option<(&'static str, Option<String>)> {
        let (table, id) = match self {
            Target::ServiceDocument
            | Target::WhoAmI
            | Target::CurrentOrganization
            | Target::UserPrivileges(..)
            | Target::Batch => return None,
            Target::Collection(table) | Target::Count(table) => (table, None),
            Target::Row(table, id)
            | Target::Related(table, id, _)
            | Target::CountRelated(table, id, _)
            | Target::Linked(table, id, _) => (table, Some(*id)),
            Target::Property(property) => (&property.table, Some(property.id)),
            Target::Reference(reference) => (&reference.table, Some(reference.id)),
            Target::File(column) => (&column.table, Some(column.id)),
        };
        Some((table.entity_set, id.map(|id| id.to_string())))
    }
}

/// `set(id)/column`, or `set(id)/column/$value`, of a column whose value is in its row.
pub(super) struct Property {
    pub(super) table: &'static Table,
    pub(super) id: Uuid,
    pub(super) column: &'static Column,
    pub(super) value: bool,
}

/// A navigation property with several rows.
pub(super) enum Related {
    Collection(&'static Collection),
    ManyToMany(&'static ManyToMany),
}

/// `set(id)/nav/$ref`, or `set(id)/nav(other)/$ref`.
pub(super) struct Reference {
    pub(super) table: &'static Table,
    pub(super) id: Uuid,
    pub(super) navigation: Navigation,
    pub(super) other: Option<Uuid>,
}

/// `set(id)/column`, or `set(id)/column/$value`.
pub(super) struct FileColumn {
    pub(super) table: &'static Table,
    pub(super) id: Uuid,
    pub(super) blob: &'static Blob,
    pub(super) value: bool,
}

/// The table that a lookup refers to.
pub(super) fn row_table(lookup: &Lookup) -> Result<&'static Table, Refusal> {
    lookup.table().ok_or_else(|| Refusal::no_such_segment(lookup.target))
}

/// The table of a collection's rows and the lookup in it.
pub(super) fn row_lookup(collection: &Collection) -> Result<(&'static Table, &'static Lookup), Refusal> {
    let rows = collection.rows();
    rows.ok_or_else(|| Refusal::unsupported(format_args!("the rows of '{}'", collection.name)))
}
