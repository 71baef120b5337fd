//! Faults of a caller's input, collected per field so that all are reported together.

use crate::error::Error;

/// A fault of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field or variable.
    pub field: String,
    /// The reason, as the rest of a sentence that begins with the field.
    pub reason: String,
}

/// Collects the faults of several fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// A collection with one fault.
    pub fn one(field: &str, reason: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(field, reason);
        faults
    }

    /// Adds a fault of `field`. `reason` must not quote a secret.
    pub fn add(&mut self, field: &str, reason: impl Into<String>) {
        self.0.push(Fault {
            field: field.to_owned(),
            reason: reason.into(),
        });
    }

    /// Adds the faults of a nested value at `place`.
    pub fn nest(&mut self, place: &str, inner: Self) {
        for fault in inner.0 {
            self.add(&format!("{place}.{}", fault.field), fault.reason);
        }
    }

    /// The value of a result, or `None` after adding its error as a fault of `field`.
    pub fn keep<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|reason| self.add(field, reason)).ok()
    }

    /// The same faults, with the field `from` renamed to `to`.
    pub fn rename(mut self, from: &str, to: &str) -> Self {
        for fault in self.0.iter_mut().filter(|fault| fault.field == from) {
            to.clone_into(&mut fault.field);
        }
        self
    }

    /// The faults.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Whether there are no faults.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Converts the faults to `invalid-settings`.
    pub fn into_settings_error(self) -> Error {
        Error::InvalidSettings(self)
    }

    /// Converts the faults to `invalid-request`.
    pub fn into_request_error(self) -> Error {
        Error::InvalidRequest(self)
    }

    /// The faults on one line.
    pub fn on_one_line(&self) -> String {
        let faults: Vec<_> = self
            .0
            .iter()
            .map(|fault| format!("{} {}", fault.field, fault.reason))
            .collect();
        faults.join("; ")
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_collected() {
        let mut faults = Faults::default();
        faults.add("a", "is wrong");
        faults.nest("b[0]", Faults::one("c", "is wrong too"));
        assert_eq!(faults.keep("d", Ok(1)), Some(1));
        assert_eq!(faults.keep::<u8>("e", Err("is odd".to_owned())), None);
        assert_eq!(faults.on_one_line(), "a is wrong; b[0].c is wrong too; e is odd");
        assert_eq!(faults.rename("a", "z").iter().next().unwrap().field, "z");
    }
}
