//! The tables: a small part of the real ones, columns named as there.

use super::refusal::Refusal;

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
    pub(super) blobs: &'static [Blob],
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
        TABLES.iter().find(|table| table.entity_set == entity_set)
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

pub(super) static TABLES: &[Table] = &[
    Table {
        entity_set: "accounts",
        logical_name: "account",
        schema_name: "Account",
        primary_id: "accountid",
        columns: &[
            column("accountid", Kind::Guid),
            column("name", Kind::Text(160)),
            column("accountnumber", Kind::Text(20)),
            column("telephone1", Kind::Text(50)),
            column("websiteurl", Kind::Text(200)),
            column("address1_city", Kind::Text(80)),
            column("numberofemployees", Kind::Integer),
            column("revenue", Kind::Decimal),
            column("creditonhold", Kind::Boolean),
            column("statecode", Kind::Integer),
            column("statuscode", Kind::Integer),
            read_only("_primarycontactid_value", Kind::Guid),
            read_only("_parentaccountid_value", Kind::Guid),
            read_only("createdon", Kind::DateTime),
            read_only("modifiedon", Kind::DateTime),
        ],
        lookups: &[
            lookup("primarycontactid", "_primarycontactid_value", "contacts"),
            lookup("parentaccountid", "_parentaccountid_value", "accounts"),
        ],
        collections: &[
            rows("contact_customer_accounts", "contacts", "parentcustomerid_account"),
            rows("opportunity_customer_accounts", "opportunities", "customerid_account"),
            foreign("Account_Tasks"),
        ],
        blobs: &[],
    },
    Table {
        entity_set: "contacts",
        logical_name: "contact",
        schema_name: "Contact",
        primary_id: "contactid",
        columns: &[
            column("contactid", Kind::Guid),
            column("firstname", Kind::Text(50)),
            column("lastname", Kind::Text(50)),
            read_only("fullname", Kind::Text(160)),
            column("jobtitle", Kind::Text(100)),
            column("emailaddress1", Kind::Text(100)),
            column("telephone1", Kind::Text(50)),
            column("mobilephone", Kind::Text(50)),
            column("address1_city", Kind::Text(80)),
            column("description", Kind::Text(1_048_576)),
            column("birthdate", Kind::DateTime),
            column("numberofchildren", Kind::Integer),
            column("annualincome", Kind::Decimal),
            column("donotemail", Kind::Boolean),
            column("statecode", Kind::Integer),
            column("statuscode", Kind::Integer),
            read_only("_parentcustomerid_value", Kind::Guid),
            // The file's id and its name; the content is below `/sample_contract/$value`.
            read_only("sample_contract", Kind::Guid),
            read_only("sample_contract_name", Kind::Text(256)),
            column("entityimage", Kind::Binary),
            read_only("entityimageid", Kind::Guid),
            read_only("entityimage_url", Kind::Text(200)),
            read_only("createdon", Kind::DateTime),
            read_only("modifiedon", Kind::DateTime),
        ],
        lookups: &[
            lookup("parentcustomerid_account", "_parentcustomerid_value", "accounts"),
            lookup("parentcustomerid_contact", "_parentcustomerid_value", "contacts"),
        ],
        collections: &[
            rows("account_primary_contact", "accounts", "primarycontactid"),
            rows("contact_customer_contacts", "contacts", "parentcustomerid_contact"),
            foreign("Contact_Tasks"),
        ],
        blobs: &[
            // Real tables have a file column only where somebody added it: this is the sandbox's own.
            Blob {
                column: "sample_contract",
                id_column: "sample_contract",
                image: false,
            },
            Blob {
                column: "entityimage",
                id_column: "entityimageid",
                image: true,
            },
        ],
    },
    Table {
        entity_set: "leads",
        logical_name: "lead",
        schema_name: "Lead",
        primary_id: "leadid",
        columns: &[
            column("leadid", Kind::Guid),
            column("subject", Kind::Text(300)),
            column("firstname", Kind::Text(50)),
            column("lastname", Kind::Text(50)),
            read_only("fullname", Kind::Text(160)),
            column("companyname", Kind::Text(100)),
            column("emailaddress1", Kind::Text(100)),
            column("estimatedamount", Kind::Decimal),
            column("estimatedclosedate", Kind::DateTime),
            column("donotemail", Kind::Boolean),
            column("statecode", Kind::Integer),
            column("statuscode", Kind::Integer),
            read_only("_parentaccountid_value", Kind::Guid),
            read_only("_parentcontactid_value", Kind::Guid),
            read_only("createdon", Kind::DateTime),
            read_only("modifiedon", Kind::DateTime),
        ],
        lookups: &[
            lookup("parentaccountid", "_parentaccountid_value", "accounts"),
            lookup("parentcontactid", "_parentcontactid_value", "contacts"),
        ],
        collections: &[foreign("Lead_Tasks")],
        blobs: &[],
    },
    Table {
        entity_set: "opportunities",
        logical_name: "opportunity",
        schema_name: "Opportunity",
        primary_id: "opportunityid",
        columns: &[
            column("opportunityid", Kind::Guid),
            column("name", Kind::Text(300)),
            column("description", Kind::Text(2000)),
            column("estimatedvalue", Kind::Decimal),
            column("estimatedclosedate", Kind::DateTime),
            column("closeprobability", Kind::Integer),
            column("isrevenuesystemcalculated", Kind::Boolean),
            column("statecode", Kind::Integer),
            column("statuscode", Kind::Integer),
            read_only("_customerid_value", Kind::Guid),
            read_only("_parentaccountid_value", Kind::Guid),
            read_only("_parentcontactid_value", Kind::Guid),
            read_only("createdon", Kind::DateTime),
            read_only("modifiedon", Kind::DateTime),
        ],
        lookups: &[
            lookup("customerid_account", "_customerid_value", "accounts"),
            lookup("customerid_contact", "_customerid_value", "contacts"),
            lookup("parentaccountid", "_parentaccountid_value", "accounts"),
            lookup("parentcontactid", "_parentcontactid_value", "contacts"),
        ],
        collections: &[foreign("Opportunity_Tasks")],
        blobs: &[],
    },
];

/// Entity sets that every environment has and the sandbox has not: refused with 501, not with a 404 that would be wrong.
pub(super) const OTHER_ENTITY_SETS: &[&str] = &[
    "systemusers",
    "businessunits",
    "organizations",
    "teams",
    "roles",
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
