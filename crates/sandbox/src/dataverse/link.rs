//! Links in requests, and the rows that they refer to.

use uuid::Uuid;

use super::call::Call;
use super::path;
use super::references::referenced;
use super::refusal::Refusal;
use super::target::Target;
use crate::schema::Table;

/// Whether the URL contains a host.
pub(super) fn leaves(url: &str) -> bool {
    let scheme = url.split(['/', '?', '(']).next().unwrap_or_default();
    scheme.contains(':') || url.starts_with("//")
}

impl Call<'_> {
    /// `None` if the link does not refer to a row of this service, but to another origin, a collection or
    /// nothing.
    pub(super) fn linked(&self, link: &str) -> Result<Option<(&'static Table, Uuid)>, Refusal> {
        let link = match link.starts_with('$') {
            true => referenced(link, self.references)?,
            false => link,
        };
        let path = if leaves(link) {
            let path = link.strip_prefix(self.origin).and_then(path::version);
            path.map(|(_, path)| path)
        } else {
            // docs/facts/dataverse.md, 1.5: `/set(id)` is relative to the service's root.
            let path = path::version(link).map(|(_, path)| path);
            path.or_else(|| Some(link.strip_prefix('/').unwrap_or(link)))
        };
        Ok(match path.map(|path| path::target(path, &self.root)) {
            Some(Ok(Target::Row(table, id))) => Some((table, id)),
            _ => None,
        })
    }
}
