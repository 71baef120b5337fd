//! The initial state of the sandbox.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use uuid::Uuid;

use crate::certificate::{self, Identity};
use crate::privileges::{Privileges, Verb};
use crate::user::{Organization, User};

/// The initial state of the sandbox.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 picks a free one. Loopback by default.
    pub listen: SocketAddr,
    /// Whether to serve over TLS, with a certificate from a certification authority that is made at the start.
    pub tls: bool,
    /// The origin in audiences, links and challenges, where clients reach the sandbox through a proxy. By default that of
    /// the listener.
    pub origin: Option<String>,
    /// The one tenant, a GUID.
    pub tenant_id: String,
    /// A domain name of the tenant for use in URLs.
    pub tenant_domain: Option<String>,
    /// The applications registered in the tenant.
    pub applications: Vec<Application>,
    /// The environment's metadata.
    pub organization: Organization,
    /// The environment's users without an application.
    pub users: Vec<User>,
    /// How long an access token is valid (docs/facts/entra.md, 3, 3599 s).
    pub token_lifetime: Duration,
    /// `refresh_in` of a granted token. None by default: Entra ID gives it only to clients that it knows
    /// (docs/facts/entra.md, 2.1).
    pub refresh_in: Option<Duration>,
    /// The tolerance for an assertion's times. Guess: five minutes, the usual tolerance of Microsoft's own
    /// validators.
    pub assertion_clock_skew: Duration,
    /// Whether a `jti` is accepted only once.
    ///
    /// Guess: it is not documented that Entra ID checks it. MSAL for Python and for Node send an assertion
    /// again until it expires (docs/facts/entra.md, 1.2), so the default is no. The strict reading suits
    /// clients that promise a new assertion for each request.
    pub refuse_replayed_assertions: bool,
    /// The page size if the request contains none (docs/facts/dataverse.md, 1.6, 5,000).
    pub default_page_size: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: false,
            origin: None,
            tenant_id: "10000000-0000-4000-8000-000000000001".into(),
            tenant_domain: None,
            applications: Vec::new(),
            organization: Organization::default(),
            users: Vec::new(),
            token_lifetime: Duration::from_secs(3599),
            refresh_in: None,
            assertion_clock_skew: Duration::from_secs(300),
            refuse_replayed_assertions: false,
            default_page_size: 5000,
        }
    }
}

/// The initial application registration; [`crate::Sandbox`] has methods to change it.
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

/// A predefined tenant with one application, and its client's credentials.
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
    /// One tenant and one application with a new certificate and a new secret. Its user has every privilege
    /// on contacts, reads accounts, leads, users, roles, business units and organizations, and has no
    /// privileges on opportunities.
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
