//! What the sandbox knows at the start.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use uuid::Uuid;

use crate::certificate::{self, Identity};
use crate::{Privileges, Verb};

/// What the sandbox knows at the start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 picks a free one. Loopback unless somebody decides otherwise.
    pub listen: SocketAddr,
    /// The one tenant, a GUID.
    pub tenant_id: String,
    /// A domain name that stands for the tenant in URLs.
    pub tenant_domain: Option<String>,
    /// The applications registered in the tenant.
    pub applications: Vec<Application>,
    /// What the environment says about itself.
    pub organization: Organization,
    /// The environment's users that are no application's.
    pub users: Vec<User>,
    /// How long an access token is good for (facts: entra 3, 3599 s).
    pub token_lifetime: Duration,
    /// `refresh_in` of a granted token. None unless somebody decides otherwise: Entra ID gives it only to clients that
    /// it knows (facts: entra 2.1).
    pub refresh_in: Option<Duration>,
    /// How far an assertion's times may be off. Guess: five minutes, the usual tolerance of Microsoft's own validators.
    pub assertion_clock_skew: Duration,
    /// Whether a `jti` is good once only.
    ///
    /// Guess: nothing documented says that Entra ID checks it, and MSAL for Python and for Node send one assertion
    /// several times (facts: entra 1.2). The strict reading is the default; switch it off for such clients.
    pub refuse_replayed_assertions: bool,
    /// Rows on a page when the request names no size (facts: dataverse 1.6, 5,000).
    pub default_page_size: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tenant_id: "10000000-0000-4000-8000-000000000001".into(),
            tenant_domain: None,
            applications: Vec::new(),
            organization: Organization::default(),
            users: Vec::new(),
            token_lifetime: Duration::from_secs(3599),
            refresh_in: None,
            assertion_clock_skew: Duration::from_secs(300),
            refuse_replayed_assertions: true,
            default_page_size: 5000,
        }
    }
}

/// An application registration as it is at the start; [`crate::Sandbox`] has methods for what changes.
#[derive(Clone)]
pub struct Application {
    /// The application (client) id, a GUID.
    pub client_id: String,
    /// Its client secrets.
    pub secrets: Vec<String>,
    /// Its certificates, DER.
    pub certificates: Vec<Vec<u8>>,
    /// Its user in the Dataverse environment. Without one every call is refused with 403 and 0x80072560.
    pub user: Option<User>,
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("client_id", &self.client_id)
            .field("secrets", &self.secrets.len())
            .field("certificates", &self.certificates.len())
            .field("user", &self.user)
            .finish()
    }
}

/// What an environment says about itself, but for its organization's id, which stands with its users.
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

/// A Dataverse user: one that stands for an application, or a person.
#[derive(Clone, Debug)]
pub struct User {
    /// `systemuserid`, a GUID.
    pub user_id: String,
    /// The business unit, a GUID.
    pub business_unit_id: String,
    /// The organization, a GUID.
    pub organization_id: String,
    /// `azureactivedirectoryobjectid`, a GUID: who it is in Entra ID.
    pub entra_object_id: String,
    /// `fullname`.
    pub name: String,
    /// `domainname`.
    pub domain_name: String,
    /// Whether the user may do anything at all.
    pub enabled: bool,
    /// The security roles, which are names alone: what they add up to stands in `privileges`.
    pub roles: Vec<Role>,
    /// What the user's security roles add up to.
    pub privileges: Privileges,
}

impl User {
    /// An application's user with fixed ids.
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

    /// A person with ids of her own, in the same business unit.
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
    /// `_roletemplateid_value`, a GUID: what the role was made from, the same in every environment.
    pub template_id: Option<String>,
}

impl Role {
    /// A role of somebody's own, with an id made from its name.
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

    /// The role that may do everything, made from a template with the same id everywhere, as Microsoft's own clients
    /// know it. What it may do has to be said in [`User::privileges`] all the same.
    pub fn system_administrator() -> Role {
        Role {
            template_id: Some("627090ff-40a3-4053-8790-584edc5be201".into()),
            ..Role::new("System Administrator")
        }
    }

    /// The role that may change the environment itself, likewise.
    pub fn system_customizer() -> Role {
        Role {
            template_id: Some("119f245c-3cc8-4b62-b31c-d1a046ced15d".into()),
            ..Role::new("System Customizer")
        }
    }
}

/// A ready-made tenant with one application, and what its client needs to sign in.
#[derive(Clone)]
pub struct Demo {
    /// Start the sandbox with this.
    pub config: Config,
    /// The certificate registered for the application, with its key.
    pub identity: Identity,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: String,
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demo")
            .field("config", &self.config)
            .field("identity", &self.identity)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// One tenant and one application with a new certificate and a new secret. Its user has every privilege on
    /// contacts, reads accounts, leads, users, roles, business units and organizations, and has nothing on
    /// opportunities.
    pub fn demo() -> anyhow::Result<Demo> {
        let identity = certificate::generate("sandbox")?;
        let client_id = "30000000-0000-4000-8000-000000000001".to_string();
        let client_secret = format!("sandbox~{}", Uuid::new_v4().simple());
        let privileges = Privileges::none()
            .allow("contacts", &Verb::ALL)
            .allow("accounts", &[Verb::Read])
            .allow("leads", &[Verb::Read])
            .allow("systemusers", &[Verb::Read])
            .allow("roles", &[Verb::Read])
            .allow("businessunits", &[Verb::Read])
            .allow("organizations", &[Verb::Read]);
        let config = Config {
            tenant_domain: Some("sandbox.onmicrosoft.com".into()),
            applications: vec![Application {
                client_id: client_id.clone(),
                secrets: vec![client_secret.clone()],
                certificates: vec![identity.certificate_der.clone()],
                user: Some(User::new(privileges)),
            }],
            ..Config::default()
        };
        Ok(Demo {
            config,
            identity,
            client_id,
            client_secret,
        })
    }
}
