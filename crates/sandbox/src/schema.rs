//! The tables: a small part of the real ones, columns named as there.

mod business;
mod system;

use crate::dataverse::Refusal;

/// A table.
pub(super) struct Table {
    pub(super) entity_set: &'static str,
    pub(super) logical_name: &'static str,
    /// As in the names of privileges: `prvReadAccount`.
    pub(super) schema_name: &'static str,
    pub(super) primary_id: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) lookups: &'static [Lookup],
    pub(super) collections: &'static [Collection],
    pub(super) many_to_many: &'static [ManyToMany],
    pub(super) blobs: &'static [Blob],
    /// Read by requests and never written.
    pub(super) system: bool,
}

/// A collection-valued navigation property whose links belong to neither row.
pub(super) struct ManyToMany {
    pub(super) name: &'static str,
    /// The entity set of the rows it leads to.
    pub(super) target: &'static str,
}

/// A column whose content is a file of its own.
pub(super) struct Blob {
    pub(super) column: &'static str,
    /// The column with the id of the content.
    pub(super) id_column: &'static str,
    pub(super) image: bool,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) read_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text(usize),
    Integer,
    Decimal,
    Boolean,
    DateTime,
    Guid,
    /// Base64 in JSON; left out unless it is asked for by name (DOC image-column-data).
    Binary,
}

impl Kind {
    pub(super) fn edm(self) -> &'static str {
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
pub(super) struct Lookup {
    pub(super) name: &'static str,
    pub(super) column: &'static str,
    /// The entity set of the rows it leads to.
    pub(super) target: &'static str,
}

/// A collection-valued navigation property: the rows whose lookup leads to the row at hand.
pub(super) struct Collection {
    pub(super) name: &'static str,
    /// Their entity set and the lookup. `None` where the sandbox has no such table.
    rows: Option<(&'static str, &'static str)>,
}

#[derive(Clone, Copy)]
pub(super) enum Navigation {
    Lookup(&'static Lookup),
    Collection(&'static Collection),
}

impl Lookup {
    pub(super) fn table(&self) -> Result<&'static Table, Refusal> {
        Table::of(self.target).ok_or_else(|| Refusal::no_such_segment(self.target))
    }
}

impl Collection {
    pub(super) fn rows(&self) -> Result<(&'static Table, &'static Lookup), Refusal> {
        self.rows
            .and_then(|(set, lookup)| {
                let table = Table::of(set)?;
                Some((table, table.lookup(lookup)?))
            })
            .ok_or_else(|| Refusal::unsupported(format_args!("the rows of '{}'", self.name)))
    }
}

impl Table {
    pub(super) fn of(entity_set: &str) -> Option<&'static Table> {
        Table::all().find(|table| table.entity_set == entity_set)
    }

    pub(super) fn all() -> impl Iterator<Item = &'static Table> {
        business::TABLES.iter().chain(system::TABLES)
    }

    pub(super) fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn blob(&self, column: &str) -> Option<&'static Blob> {
        self.blobs.iter().find(|blob| blob.column == column)
    }

    pub(super) fn collection(&self, name: &str) -> Option<&'static Collection> {
        self.collections.iter().find(|collection| collection.name == name)
    }

    pub(super) fn many_to_many(&self, name: &str) -> Option<&'static ManyToMany> {
        self.many_to_many.iter().find(|many| many.name == name)
    }

    pub(super) fn lookup(&self, name: &str) -> Option<&'static Lookup> {
        self.lookups.iter().find(|lookup| lookup.name == name)
    }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        read_only: false,
    }
}

const fn read_only(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        read_only: true,
    }
}

const fn lookup(name: &'static str, column: &'static str, target: &'static str) -> Lookup {
    Lookup { name, column, target }
}

const fn rows(name: &'static str, entity_set: &'static str, lookup: &'static str) -> Collection {
    Collection {
        name,
        rows: Some((entity_set, lookup)),
    }
}

const fn foreign(name: &'static str) -> Collection {
    Collection { name, rows: None }
}

/// Entity sets that every environment has and the sandbox has not: refused with 501, not with a 404 that would be wrong.
pub(super) const OTHER_ENTITY_SETS: &[&str] = &[
    "teams",
    "privileges",
    "tasks",
    "emails",
    "phonecalls",
    "appointments",
    "letters",
    "annotations",
    "activitypointers",
    "activityparties",
    "solutions",
    "publishers",
    "workflows",
    "savedqueries",
    "userqueries",
    "webresourceset",
    "plugintypes",
    "sdkmessages",
    "asyncoperations",
    "transactioncurrencies",
    "customeraddresses",
    "queues",
    "queueitems",
    "incidents",
    "products",
    "quotes",
    "salesorders",
    "invoices",
    "pricelevels",
    "competitors",
    "campaigns",
    "lists",
    "knowledgearticles",
    "entities",
    "connections",
    "connectionroles",
    "EntityDefinitions",
    "RelationshipDefinitions",
    "GlobalOptionSetDefinitions",
    "ManagedPropertyDefinitions",
];
