//! One request in processing.

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::members::Members;
use super::prefer::Prefer;
use super::references::References;
use super::settings::Settings;
use crate::request::Received;
use crate::response::{Answer, answer};
use crate::schema::Table;
use crate::user::User;

/// The context of a handler.
pub(super) struct Call<'a> {
    pub(super) request: &'a Received,
    /// The acting user: the caller, or the impersonated user.
    pub(super) user: &'a User,
    pub(super) members: &'a Members,
    pub(super) prefer: Prefer,
    pub(super) origin: &'a str,
    /// `http://127.0.0.1:PORT/api/data/v9.2`
    pub(super) root: String,
    pub(super) now: i64,
    pub(super) page_size: usize,
    pub(super) settings: &'a Settings,
    pub(super) references: &'a References,
}

impl Call<'_> {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name)
    }

    pub(super) fn row_url(&self, table: &Table, id: Uuid) -> String {
        format!("{}/{}({id})", self.root, table.entity_set)
    }

    pub(super) fn json(&self, status: StatusCode, body: &Value) -> Answer {
        let mut answer = answer(status, "application/json; odata.metadata=minimal", body.to_string());
        self.prefer.echo(&mut answer);
        answer
    }
}
