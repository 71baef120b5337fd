//! The expected content of a worker's rows.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Result, bail, ensure};

/// The expected content of a worker's rows.
#[derive(Default)]
pub struct Rows {
    /// The first name of each row, by id.
    known: BTreeMap<String, String>,
    /// The file of each row that has one, by the row's id.
    files: BTreeMap<String, File>,
    /// Rows that a caller changed before it disconnected: the first name before, and after. They are not
    /// changed again.
    left: BTreeMap<String, (String, String)>,
    /// First names of rows that a caller created before it disconnected.
    left_new: Vec<String>,
}

/// A file, identified by its mark and its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub mark: String,
    pub length: usize,
}

impl File {
    pub fn content(&self) -> Vec<u8> {
        self.mark.bytes().cycle().take(self.length).collect()
    }
}

impl Rows {
    pub fn ids(&self) -> Vec<String> {
        self.known.keys().cloned().collect()
    }

    pub fn file(&self, id: &str) -> Option<&File> {
        self.files.get(id)
    }

    /// Records the known state of a row: it exists with this first name, or does not exist.
    pub fn set(&mut self, id: &str, first_name: Option<String>) {
        match first_name {
            Some(first_name) => {
                self.known.insert(id.to_owned(), first_name);
            }
            None => {
                self.known.remove(id);
                self.files.remove(id);
            }
        }
    }

    pub fn set_file(&mut self, id: &str, file: File) {
        self.files.insert(id.to_owned(), file);
    }

    /// Records a change whose caller disconnected.
    pub fn leave(&mut self, id: &str, after: &str) {
        if let Some(before) = self.known.remove(id) {
            self.files.remove(id);
            self.left.insert(id.to_owned(), (before, after.to_owned()));
        }
    }

    /// Records a creation whose caller disconnected.
    pub fn leave_new(&mut self, first_name: &str) {
        self.left_new.push(first_name.to_owned());
    }

    /// Checks the content of a row.
    pub fn compare(&self, id: &str, found: Option<&String>) -> Result<()> {
        let known = self.known.get(id);
        ensure!(known == found, "{id} has {found:?}, and not {known:?}");
        Ok(())
    }

    /// Checks that exactly these rows exist, after all calls have ended. `carried_out` are the marks of the
    /// writes that took effect.
    pub fn compare_all(&self, found: &BTreeMap<String, String>, carried_out: &HashSet<String>) -> Result<()> {
        let mut found = found.clone();
        for (id, (before, after)) in &self.left {
            let expected = if carried_out.contains(after) { after } else { before };
            let row = found.remove(id);
            ensure!(row.as_ref() == Some(expected), "{id} has {row:?}, and not {expected}");
        }
        for mark in &self.left_new {
            let ids: Vec<_> = found.iter().filter(|(_, name)| *name == mark).collect();
            match (ids.as_slice(), carried_out.contains(mark)) {
                ([], false) => {}
                ([(id, _)], true) => {
                    let id = (*id).clone();
                    found.remove(&id);
                }
                (rows, done) => bail!("{} rows have {mark}, whose write was carried out: {done}", rows.len()),
            }
        }
        ensure!(found == self.known, "found {found:?}, and not {:?}", self.known);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::Rows;

    fn found(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
        rows.iter()
            .map(|(id, name)| ((*id).to_owned(), (*name).to_owned()))
            .collect()
    }

    #[test]
    fn exactly_the_rows_that_were_told_are_there() {
        let mut rows = Rows::default();
        rows.set("1", Some("a".to_owned()));
        rows.set("2", Some("b".to_owned()));
        rows.set("2", None);
        let none = HashSet::new();
        assert!(rows.compare_all(&found(&[("1", "a")]), &none).is_ok());
        assert!(rows.compare_all(&found(&[]), &none).is_err());
        assert!(rows.compare_all(&found(&[("1", "b")]), &none).is_err());
        assert!(rows.compare_all(&found(&[("1", "a"), ("2", "b")]), &none).is_err());
    }

    #[test]
    fn what_callers_left_is_there_if_it_was_carried_out() {
        let mut rows = Rows::default();
        rows.set("1", Some("a".to_owned()));
        rows.leave("1", "b");
        rows.leave_new("c");
        let (none, both) = (HashSet::new(), HashSet::from(["b".to_owned(), "c".to_owned()]));
        assert!(rows.compare_all(&found(&[("1", "a")]), &none).is_ok());
        assert!(rows.compare_all(&found(&[("1", "b"), ("2", "c")]), &both).is_ok());
        assert!(rows.compare_all(&found(&[("1", "b")]), &none).is_err());
        assert!(rows.compare_all(&found(&[("1", "a"), ("2", "c")]), &none).is_err());
        assert!(rows.compare_all(&found(&[("1", "b")]), &both).is_err());
        assert!(
            rows.compare_all(&found(&[("1", "b"), ("2", "c"), ("3", "c")]), &both)
                .is_err()
        );
    }
}
