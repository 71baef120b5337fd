//! The tables: a small subset of the real tables, with the same column names.

mod business;
mod others;
mod system;
mod table;

pub(crate) use others::{OTHER_ENTITY_SETS, OTHER_OPERATIONS};
pub(crate) use table::{Blob, Collection, Column, Kind, Lookup, ManyToMany, Navigation, Table};

impl Table {
    pub(crate) fn of(entity_set: &str) -> Option<&'static Table> {
        Table::all().find(|table| table.entity_set == entity_set)
    }

    pub(crate) fn all() -> impl Iterator<Item = &'static Table> {
        business::TABLES.iter().chain(system::TABLES)
    }
}

impl Lookup {
    /// `None` would be an error in the schema itself.
    pub(crate) fn table(&self) -> Option<&'static Table> {
        Table::of(self.target)
    }
}

impl Collection {
    /// The table of the rows and the lookup in it; `None` if the sandbox has no such table.
    pub(crate) fn rows(&self) -> Option<(&'static Table, &'static Lookup)> {
        let (set, lookup) = self.rows?;
        let table = Table::of(set)?;
        Some((table, table.lookup(lookup)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_tables_that_are_there() {
        for table in Table::all() {
            for lookup in table.lookups {
                assert!(lookup.table().is_some(), "{}.{}", table.logical_name, lookup.name);
                assert!(
                    table.column(lookup.column).is_some(),
                    "{}.{}",
                    table.logical_name,
                    lookup.column
                );
            }
            for collection in table.collections {
                let named = collection.rows.is_some();
                assert_eq!(
                    collection.rows().is_some(),
                    named,
                    "{}.{}",
                    table.logical_name,
                    collection.name
                );
            }
            for many in table.many_to_many {
                assert!(Table::of(many.target).is_some(), "{}.{}", table.logical_name, many.name);
            }
        }
    }
}
