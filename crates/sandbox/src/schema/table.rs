//! The definition of a table.

/// A table.
pub(crate) struct Table {
    pub(crate) entity_set: &'static str,
    pub(crate) logical_name: &'static str,
    /// The name used in privileges: `prvReadAccount`.
    pub(crate) schema_name: &'static str,
    pub(crate) primary_id: &'static str,
    pub(crate) columns: &'static [Column],
    pub(crate) lookups: &'static [Lookup],
    pub(crate) collections: &'static [Collection],
    pub(crate) many_to_many: &'static [ManyToMany],
    pub(crate) blobs: &'static [Blob],
    /// Read-only for requests.
    pub(crate) system: bool,
}

/// A collection-valued navigation property whose links belong to neither row.
pub(crate) struct ManyToMany {
    pub(crate) name: &'static str,
    /// The entity set of its target rows.
    pub(crate) target: &'static str,
}

/// A column whose content is a separate file.
pub(crate) struct Blob {
    pub(crate) column: &'static str,
    /// The column with the id of the content.
    pub(crate) id_column: &'static str,
    pub(crate) image: bool,
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) read_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text(usize),
    Integer,
    Decimal,
    Boolean,
    DateTime,
    Guid,
    /// Base64 in JSON; omitted unless it is requested by name
    /// (<https://learn.microsoft.com/power-apps/developer/data-platform/image-column-data>).
    Binary,
}

impl Kind {
    pub(crate) fn edm(self) -> &'static str {
        match self {
            Kind::Text(_) => "Edm.String",
            Kind::Integer => "Edm.Int32",
            Kind::Decimal => "Edm.Decimal",
            Kind::Boolean => "Edm.Boolean",
            Kind::DateTime => "Edm.DateTimeOffset",
            Kind::Guid => "Edm.Guid",
            Kind::Binary => "Edm.Binary",
        }
    }
}

/// A single-valued navigation property and the column with its value.
pub(crate) struct Lookup {
    pub(crate) name: &'static str,
    pub(crate) column: &'static str,
    /// The entity set of its target rows.
    pub(crate) target: &'static str,
}

/// A collection-valued navigation property: the rows whose lookup refers to this row.
pub(crate) struct Collection {
    pub(crate) name: &'static str,
    /// Their entity set and the lookup. `None` if the sandbox has no such table.
    pub(super) rows: Option<(&'static str, &'static str)>,
}

#[derive(Clone, Copy)]
pub(crate) enum Navigation {
    Lookup(&'static Lookup),
    Collection(&'static Collection),
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn blob(&self, column: &str) -> Option<&'static Blob> {
        self.blobs.iter().find(|blob| blob.column == column)
    }

    pub(crate) fn collection(&self, name: &str) -> Option<&'static Collection> {
        self.collections.iter().find(|collection| collection.name == name)
    }

    pub(crate) fn many_to_many(&self, name: &str) -> Option<&'static ManyToMany> {
        self.many_to_many.iter().find(|many| many.name == name)
    }

    pub(crate) fn lookup(&self, name: &str) -> Option<&'static Lookup> {
        self.lookups.iter().find(|lookup| lookup.name == name)
    }
}

pub(super) const fn column(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        read_only: false,
    }
}

pub(super) const fn read_only(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        read_only: true,
    }
}

pub(super) const fn lookup(name: &'static str, column: &'static str, target: &'static str) -> Lookup {
    Lookup { name, column, target }
}

pub(super) const fn rows(name: &'static str, entity_set: &'static str, lookup: &'static str) -> Collection {
    Collection {
        name,
        rows: Some((entity_set, lookup)),
    }
}

pub(super) const fn foreign(name: &'static str) -> Collection {
    Collection { name, rows: None }
}
