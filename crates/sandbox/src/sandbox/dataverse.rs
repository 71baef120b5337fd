//! What tests set about Dataverse while it runs.

use super::Sandbox;
use crate::dataverse::journal::CommittedWrite;
use crate::dataverse::settings::{BatchDialect, BatchFailureStatus, ErrorShape, Settings};
use crate::privileges::Privileges;
use crate::user::{Organization, User};

impl Sandbox {
    /// The status of batches that stop at their first failure, from now on.
    pub fn set_batch_failure_status(&self, status: BatchFailureStatus) {
        self.set(|settings| settings.batch_failure_status = status);
    }

    /// How answers to batches are written from now on.
    pub fn set_batch_dialect(&self, dialect: BatchDialect) {
        self.set(|settings| settings.batch_dialect = dialect);
    }

    /// How Dataverse's errors are written from now on, but for those of faults.
    pub fn set_error_shape(&self, shape: ErrorShape) {
        self.set(|settings| settings.error_shape = shape);
    }

    /// The size of a chunk that uploads are told from now on, in bytes; at least one. A chunk may not be larger.
    pub fn set_file_chunk_size(&self, bytes: u64) {
        self.set(|settings| settings.chunk_size = bytes.max(1));
    }

    /// The largest file from now on, in bytes: a larger one is refused with 0x80044a02. Images have at most 30 MB.
    pub fn set_largest_file(&self, bytes: u64) {
        self.set(|settings| settings.largest_file = bytes);
    }

    /// Whether a chunk of an upload that comes again is refused. It is not documented; by default it is accepted.
    pub fn refuse_repeated_chunks(&self, refuse: bool) {
        self.set(|settings| settings.refuse_repeated_chunks = refuse);
    }

    /// Every write that took effect so far, in order; of very many only the last 100,000.
    pub fn committed_writes(&self) -> Vec<CommittedWrite> {
        self.state.dataverse.committed_writes()
    }

    /// Forgets the writes that took effect so far.
    pub fn clear_committed_writes(&self) {
        self.state.dataverse.forget_writes();
    }

    /// All the data as JSON, always in the same order: equal bytes are equal data, the rows' versions included.
    pub fn snapshot(&self) -> Vec<u8> {
        self.state.dataverse.snapshot().to_string().into_bytes()
    }

    /// The user of an application, as it is now.
    pub fn user(&self, client_id: &str) -> Option<User> {
        self.state.dataverse.user(client_id)
    }

    /// Gives a registered application another user, or none, so that it is not a member of the organization.
    pub fn set_user(&self, client_id: &str, user: Option<User>) {
        self.state.dataverse.change_user(client_id, |place| *place = user);
    }

    /// What an application's user may do from now on.
    pub fn set_privileges(&self, client_id: &str, privileges: Privileges) {
        self.state.dataverse.change_user(client_id, |user| {
            if let Some(user) = user {
                user.privileges = privileges;
            }
        });
    }

    /// What the environment says about itself from now on.
    pub fn set_organization(&self, organization: Organization) {
        self.state.dataverse.set_organization(organization);
    }

    /// From now on Dataverse takes only tokens that were requested with these claims: a JSON object whose
    /// `access_token` names them, as in `{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}`. The others
    /// get 401, with `insufficient_claims` and this JSON in base64 where the client declared the capability `CP1`.
    /// `None` ends it. Fails if the JSON has no such object.
    pub fn demand_claims(&self, json: Option<&str>) -> anyhow::Result<()> {
        self.state.dataverse.challenge().demand(json)
    }

    /// From now on this is the `WWW-Authenticate` of every 401 of Dataverse, true or not; `None` ends it.
    pub fn set_challenge(&self, instead: Option<String>) {
        self.state.dataverse.challenge().set_instead(instead);
    }

    fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.state.dataverse.set(change);
    }
}
