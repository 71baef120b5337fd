//! The users of the environment, and its metadata.

use uuid::Uuid;

use crate::privileges::Privileges;

/// An environment's metadata, except the organization's id, which each user has.
#[derive(Clone, Debug)]
pub struct Organization {
    /// `FriendlyName`, and the name of the business unit.
    pub friendly_name: String,
    /// `UniqueName`, and the organization's `name`.
    pub unique_name: String,
    /// `UrlName`: the first label of the environment's host.
    pub url_name: String,
    /// `EnvironmentId`.
    pub environment_id: String,
    /// `Geo`, such as `EMEA`.
    pub geo: String,
    /// `OrganizationType`: `Customer` is production, `CustomerTest` a sandbox, `Developer`, `Trial` and so on.
    pub organization_type: String,
}

impl Default for Organization {
    fn default() -> Self {
        Organization {
            friendly_name: "Sandbox".into(),
            unique_name: "unq5eed0000".into(),
            url_name: "sandbox".into(),
            environment_id: "40000000-0000-4000-8000-000000000001".into(),
            geo: "EMEA".into(),
            organization_type: "CustomerTest".into(),
        }
    }
}

/// A Dataverse user: an application user or a person.
#[derive(Clone, Debug)]
pub struct User {
    /// `systemuserid`, a GUID.
    pub user_id: String,
    /// The business unit, a GUID.
    pub business_unit_id: String,
    /// The organization, a GUID.
    pub organization_id: String,
    /// `azureactivedirectoryobjectid`, a GUID: the object id in Entra ID.
    pub entra_object_id: String,
    /// `fullname`.
    pub name: String,
    /// `domainname`.
    pub domain_name: String,
    /// Whether the user is enabled.
    pub enabled: bool,
    /// The names of the security roles. Their privileges are in `privileges`.
    pub roles: Vec<Role>,
    /// The privileges of all security roles together.
    pub privileges: Privileges,
}

impl User {
    /// An application user with fixed ids.
    pub fn new(privileges: Privileges) -> User {
        User {
            user_id: "20000000-0000-4000-8000-000000000001".into(),
            business_unit_id: "20000000-0000-4000-8000-000000000002".into(),
            organization_id: "20000000-0000-4000-8000-000000000003".into(),
            entra_object_id: "20000000-0000-4000-8000-000000000004".into(),
            name: "Sandbox Application".into(),
            domain_name: "sandbox-application@sandbox.example".into(),
            enabled: true,
            roles: vec![Role::new("Integration")],
            privileges,
        }
    }

    /// A person with unique ids, in the same business unit.
    pub fn person(name: &str, privileges: Privileges) -> User {
        User {
            user_id: Uuid::new_v4().to_string(),
            entra_object_id: Uuid::new_v4().to_string(),
            name: name.into(),
            domain_name: format!("{}@sandbox.example", name.to_lowercase().replace(' ', ".")),
            roles: Vec::new(),
            ..User::new(privileges)
        }
    }
}

/// A security role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// `roleid`, a GUID.
    pub role_id: String,
    /// `name`.
    pub name: String,
    /// `_roletemplateid_value`, a GUID: the role's template, the same in every environment.
    pub template_id: Option<String>,
}

impl Role {
    /// A custom role, with an id derived from its name.
    pub fn new(name: &str) -> Role {
        let number = name
            .bytes()
            .fold(0x2001_u128, |sum, byte| sum.wrapping_mul(257).wrapping_add(byte.into()));
        Role {
            role_id: Uuid::from_u128(number).to_string(),
            name: name.into(),
            template_id: None,
        }
    }

    /// The role with all privileges, made from a template with the same id everywhere, which Microsoft's
    /// own clients use. Its privileges must be set in [`User::privileges`] nevertheless.
    pub fn system_administrator() -> Role {
        Role {
            template_id: Some("627090ff-40a3-4053-8790-584edc5be201".into()),
            ..Role::new("System Administrator")
        }
    }

    /// The role that may customize the environment, also made from a template.
    pub fn system_customizer() -> Role {
        Role {
            template_id: Some("119f245c-3cc8-4b62-b31c-d1a046ced15d".into()),
            ..Role::new("System Customizer")
        }
    }
}
