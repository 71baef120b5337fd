//! The tables about the environment itself.

use uuid::Uuid;

use super::row::Row;
use super::{BEGINNING, Store, SystemRows};
use crate::schema::{ManyToMany, Table};

impl Store {
    /// Updates the tables about the environment itself. An unchanged row keeps its version.
    pub(in crate::dataverse) fn set_system(&mut self, (mut rows, user_roles): (SystemRows, Vec<(Uuid, Uuid)>)) {
        self.user_roles = user_roles;
        for table in Table::all().filter(|table| table.system) {
            let ids: Vec<Uuid> = self.rows(table).map(|row| row.id).collect();
            for id in ids {
                let Some(values) = rows.remove(&(table.entity_set, id)) else {
                    self.delete(table, id);
                    continue;
                };
                let same = |row: &Row| values.iter().all(|(name, value)| row.value(name) == value);
                if !self.row(table, id).is_some_and(same) {
                    self.update(table, id, values, BEGINNING);
                }
            }
        }
        for ((set, id), values) in rows {
            if let Some(table) = Table::of(set) {
                self.insert(table, id, values, None, BEGINNING);
            }
        }
    }

    /// The rows of a many-to-many navigation property. The only one is a user's roles.
    pub(in crate::dataverse) fn related(&self, many: &ManyToMany, id: Uuid) -> Vec<&Row> {
        let roles = self.user_roles.iter().filter(|(user, _)| *user == id);
        let table = Table::of(many.target);
        roles.filter_map(|(_, role)| self.row(table?, *role)).collect()
    }
}
