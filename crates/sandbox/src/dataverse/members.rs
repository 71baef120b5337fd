//! The environment's users, and impersonation.

use std::borrow::Cow;

use http::StatusCode;
use uuid::Uuid;

use super::refusal::Refusal;
use super::rights;
use crate::config::Config;
use crate::guid::guid;
use crate::request::Received;
use crate::user::{Organization, User};

#[derive(Clone)]
pub(super) struct Members {
    /// By client id. An application may be registered in Entra ID and have no user here.
    applications: Vec<(String, Option<User>)>,
    people: Vec<User>,
    organization: Organization,
    tenant_id: String,
}

impl Members {
    pub(super) fn new(config: &Config) -> Members {
        Members {
            applications: config
                .applications
                .iter()
                .map(|app| (app.client_id.clone(), app.user.clone()))
                .collect(),
            people: config.users.clone(),
            organization: config.organization.clone(),
            tenant_id: config.tenant_id.clone(),
        }
    }

    /// All users, those of applications with the client id.
    pub(super) fn with_client_ids(&self) -> impl Iterator<Item = (Option<&str>, &User)> {
        let applications = self.applications.iter();
        let applications = applications.filter_map(|(id, user)| Some((Some(id.as_str()), user.as_ref()?)));
        applications.chain(self.people.iter().map(|user| (None, user)))
    }

    fn all(&self) -> impl Iterator<Item = &User> {
        self.with_client_ids().map(|(_, user)| user)
    }

    pub(super) fn user(&self, id: Uuid) -> Option<&User> {
        self.all().find(|user| guid(&user.user_id) == Some(id))
    }

    pub(super) fn organization(&self) -> &Organization {
        &self.organization
    }

    pub(super) fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    pub(super) fn set_organization(&mut self, organization: Organization) {
        self.organization = organization;
    }

    /// The user of a registered application.
    pub(super) fn application(&self, client_id: &str) -> Option<&Option<User>> {
        let found = self.applications.iter().find(|(id, _)| id == client_id);
        found.map(|(_, user)| user)
    }

    pub(super) fn application_mut(&mut self, client_id: &str) -> Option<&mut Option<User>> {
        let found = self.applications.iter_mut().find(|(id, _)| id == client_id);
        found.map(|(_, user)| user)
    }

    /// The application's user.
    pub(super) fn caller(&self, client_id: &str) -> Result<&User, Refusal> {
        let found = self.applications.iter().find(|(id, _)| id == client_id);
        let user = found.and_then(|(_, user)| user.as_ref()).ok_or_else(no_member)?;
        enabled(user)?;
        Ok(user)
    }

    /// The caller, or the impersonated user (docs/facts/dataverse.md, 1.3;
    /// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/impersonate-another-user-web-api>).
    /// Guess: `CallerObjectId`, the preferred header, takes precedence.
    pub(super) fn acting<'a>(&self, caller: &'a User, request: &Received) -> Result<Cow<'a, User>, Refusal> {
        let other = if let Some(id) = request.header("callerobjectid") {
            let other = self.all().find(|user| user.entra_object_id.eq_ignore_ascii_case(id));
            // Guess: the same as for a user that exists in Entra ID but not in the environment.
            other.ok_or_else(no_member)?
        } else if let Some(id) = request.header("mscrmcallerid") {
            let other = self.all().find(|user| user.user_id.eq_ignore_ascii_case(id));
            // Guess: the same as for a missing row.
            other.ok_or_else(|| {
                let message = format!("systemuser With Id = {id} Does Not Exist");
                Refusal::new(StatusCode::NOT_FOUND, "0x80040217", message)
            })?
        } else {
            return Ok(Cow::Borrowed(caller));
        };
        // Reported to the same page's authors: a caller that names itself is not impersonating and needs no
        // privilege.
        if other.user_id == caller.user_id {
            return Ok(Cow::Borrowed(caller));
        }
        // https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors:
        // `CannotActOnBehalfOfAnotherUser` is a 403. Guess: code and text, those of any privilege.
        rights::demand_named(caller, "prvActOnBehalfOfAnotherUser")?;
        enabled(other)?;
        Ok(Cow::Owned(User {
            privileges: caller.privileges.and(&other.privileges),
            ..other.clone()
        }))
    }
}

/// docs/facts/dataverse.md, 1.1: registered in Entra ID, but without a user here.
fn no_member() -> Refusal {
    let message = "The user is not a member of the organization.";
    Refusal::new(StatusCode::FORBIDDEN, "0x80072560", message)
}

/// docs/facts/dataverse.md, 1.8, 0x80040225. Guess: the status.
fn enabled(user: &User) -> Result<(), Refusal> {
    if user.enabled {
        return Ok(());
    }
    let message = format!(
        "The specified user(Id = {}) is disabled. Consider enabling this user.",
        user.user_id
    );
    Err(Refusal::new(StatusCode::FORBIDDEN, "0x80040225", message))
}
