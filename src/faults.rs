//! What is wrong with what a caller gave, field by field, so that all of it is told at once.

use crate::error::Error;

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field, or the variable.
    pub field: String,
    /// What is wrong with it, as the rest of a sentence that begins with the field.
    pub reason: String,
}

/// Collects the faults of several fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// One fault.
    pub fn one(field: &str, reason: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(field, reason);
        faults
    }

    /// Notes that `field` is wrong. `reason` must not quote a secret.
    pub fn add(&mut self, field: &str, reason: impl Into<String>) {
        self.0.push(Fault {
            field: field.to_owned(),
            reason: reason.into(),
        });
    }

    /// Notes what is wrong within `place`.
    pub fn nest(&mut self, place: &str, inner: Self) {
        for fault in inner.0 {
            self.add(&format!("{place}.{}", fault.field), fault.reason);
        }
    }

    /// The value in a result, or nothing and its reason noted under `field`.
    pub fn keep<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|reason| self.add(field, reason)).ok()
    }

    /// The same faults, those of the field `from` told of the field `to`.
    pub fn rename(mut self, from: &str, to: &str) -> Self {
        for fault in self.0.iter_mut().filter(|fault| fault.field == from) {
            to.clone_into(&mut fault.field);
        }
        self
    }

    /// What is wrong.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the error that asks for other settings.
    pub fn into_settings_error(self) -> Error {
        Error::InvalidSettings(self)
    }

    /// As the error that asks for another request.
    pub fn into_request_error(self) -> Error {
        Error::InvalidRequest(self)
    }

    /// On one line.
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
