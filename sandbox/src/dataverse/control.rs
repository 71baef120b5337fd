//! What tests set about Dataverse while it runs.

use super::settings::{BatchDialect, BatchFailureStatus, ErrorShape, Settings};
use crate::Sandbox;
use crate::response::lock;

impl Sandbox {
    /// The status of batches that stop at their first failure, from now on.
    pub fn set_batch_failure_status(&self, status: BatchFailureStatus) {
        self.change(|settings| settings.batch_failure_status = status);
    }

    /// How answers to batches are written from now on.
    pub fn set_batch_dialect(&self, dialect: BatchDialect) {
        self.change(|settings| settings.batch_dialect = dialect);
    }

    /// How Dataverse's errors are written from now on, but for those of faults.
    pub fn set_error_shape(&self, shape: ErrorShape) {
        self.change(|settings| settings.error_shape = shape);
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.state.dataverse.settings));
    }
}
