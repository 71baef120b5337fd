//! What a request is about: what a path below `/api/data/` can lead to.

use uuid::Uuid;

use super::refusal::Refusal;
use crate::schema::{Blob, Collection, Lookup, ManyToMany, Navigation, Table};

pub(super) enum Target {
    ServiceDocument,
    WhoAmI,
    CurrentOrganization,
    UserPrivileges(&'static Table, Uuid),
    Batch,
    Collection(&'static Table),
    Row(&'static Table, Uuid),
    /// The rows behind a many-to-many navigation property.
    Related(&'static Table, Uuid, &'static ManyToMany),
    Reference(Reference),
    File(FileColumn),
}

impl Target {
    /// The entity set that a write to it changes, and the id of the row where the path names one.
    pub(super) fn row(&self) -> Option<(&'static str, Option<String>)> {
        let (table, id) = match self {
            Target::ServiceDocument
            | Target::WhoAmI
            | Target::CurrentOrganization
            | Target::UserPrivileges(..)
            | Target::Batch => return None,
            Target::Collection(table) => (table, None),
            Target::Row(table, id) | Target::Related(table, id, _) => (table, Some(*id)),
            Target::Reference(reference) => (&reference.table, Some(reference.id)),
            Target::File(column) => (&column.table, Some(column.id)),
        };
        Some((table.entity_set, id.map(|id| id.to_string())))
    }
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

/// The table that a lookup leads to.
pub(super) fn row_table(lookup: &Lookup) -> Result<&'static Table, Refusal> {
    lookup.table().ok_or_else(|| Refusal::no_such_segment(lookup.target))
}

/// The table of a collection's rows and the lookup in it.
pub(super) fn row_lookup(collection: &Collection) -> Result<(&'static Table, &'static Lookup), Refusal> {
    let rows = collection.rows();
    rows.ok_or_else(|| Refusal::unsupported(format_args!("the rows of '{}'", collection.name)))
}
