//! One HTTP exchange with Dataverse: one request, or a batch of them.

use std::sync::Mutex;

use super::file::Uploads;
use super::members::Members;
use super::prefer::Prefer;
use super::refusal::Refusal;
use super::settings::Settings;
use crate::request::Received;
use crate::response::Answer;
use crate::shared::Shared;
use crate::user::User;

/// The context shared by the requests of one HTTP exchange.
pub(super) struct Visit<'a> {
    pub(super) shared: &'a Shared,
    pub(super) members: &'a Members,
    /// The token's user.
    pub(super) caller: &'a User,
    pub(super) settings: &'a Settings,
    pub(super) page_size: usize,
    pub(super) uploads: &'a Mutex<Uploads>,
}

impl Visit<'_> {
    pub(super) fn origin(&self) -> &str {
        &self.shared.origin
    }

    pub(super) fn refused(&self, request: &Received, refusal: Refusal) -> Answer {
        refusal.shaped(self.settings.error_shape, &Prefer::annotations(request))
    }
}
