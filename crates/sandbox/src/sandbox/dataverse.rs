//! The controls of Dataverse, for tests.

use super::Sandbox;
use crate::dataverse::journal::CommittedWrite;
use crate::dataverse::settings::{BatchDialect, BatchFailureStatus, ErrorShape, Settings};
use crate::privileges::Privileges;
use crate::user::{Organization, User};

impl Sandbox {
    /// Sets the status of batches that stop at their first failure.
    pub fn set_batch_failure_status(&self, status: BatchFailureStatus) {
        self.set(|settings| settings.batch_failure_status = status);
    }

    /// Sets the format of answers to batches.
    pub fn set_batch_dialect(&self, dialect: BatchDialect) {
        self.set(|settings| settings.batch_dialect = dialect);
    }

    /// Sets the format of Dataverse's errors, except those of faults.
    pub fn set_error_shape(&self, shape: ErrorShape) {
        self.set(|settings| settings.error_shape = shape);
    }

    /// Sets the chunk size for new uploads, in bytes; at least one. Larger chunks are refused.
    pub fn set_file_chunk_size(&self, bytes: u64) {
        self.set(|settings| settings.chunk_size = bytes.max(1));
    }

    /// Sets the maximum file size, in bytes: a larger file is refused with 0x80044a02. Images are limited
    /// to 30 MB.
    pub fn set_largest_file(&self, bytes: u64) {
        self.set(|settings| settings.largest_file = bytes);
    }

    /// Sets whether a repeated chunk of an upload is refused. This is not documented; by default it is
    /// accepted.
    pub fn refuse_repeated_chunks(&self, refuse: bool) {
        self.set(|settings| settings.refuse_repeated_chunks = refuse);
    }

    /// The writes that took effect so far, in order; only the last 100,000.
    pub fn committed_writes(&self) -> Vec<CommittedWrite> {
        self.state.dataverse.committed_writes()
    }

    /// Forgets the writes that took effect so far.
    pub fn clear_committed_writes(&self) {
        self.state.dataverse.forget_writes();
    }

    /// All data as JSON, always in the same order: equal bytes mean equal data, including the rows'
    /// versions.
    pub fn snapshot(&self) -> Vec<u8> {
        self.state.dataverse.snapshot().to_string().into_bytes()
    }

    /// The current user of an application.
    pub fn user(&self, client_id: &str) -> Option<User> {
        self.state.dataverse.user(client_id)
    }

    /// Replaces or removes the user of a registered application. Without one, it is not a member of the
    /// organization.
    pub fn set_user(&self, client_id: &str, user: Option<User>) {
        self.state.dataverse.change_user(client_id, |place| *place = user);
    }

    /// Sets the privileges of an application's user.
    pub fn set_privileges(&self, client_id: &str, privileges: Privileges) {
        self.state.dataverse.change_user(client_id, |user| {
            if let Some(user) = user {
                user.privileges = privileges;
            }
        });
    }

    /// Sets the environment's metadata.
    pub fn set_organization(&self, organization: Organization) {
        self.state.dataverse.set_organization(organization);
    }

    /// From now on, Dataverse accepts only tokens that were requested with these claims: a JSON object
    /// whose `access_token` contains them, as in
    /// `{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}`. The others get 401, with
    /// `insufficient_claims` and this JSON in base64 if the client declared the capability `CP1`. `None`
    /// ends this. Fails if the JSON has no such object.
    pub fn demand_claims(&self, json: Option<&str>) -> anyhow::Result<()> {
        self.state.dataverse.challenge().demand(json)
    }

    /// From now on, this is the `WWW-Authenticate` of every 401 of Dataverse, correct or not; `None` ends
    /// this.
    pub fn set_challenge(&self, instead: Option<String>) {
        self.state.dataverse.challenge().set_instead(instead);
    }

    fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.state.dataverse.set(change);
    }
}
