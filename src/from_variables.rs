//! What an instance makes of its environment variables, and keeps: they do not change during its life.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use http::{Request, Response};

use crate::dataverse::client::{Connection, Instance};
use crate::error::Error;
use crate::gateway::{self, Gateway};
use crate::host::{Body, Host};
use crate::settings::Settings;

/// The connection that the variables describe, and the gateway before it. Each is made when it is first needed.
pub struct FromVariables {
    read: fn() -> Vec<(String, String)>,
    /// What was read and nobody has needed yet.
    unused: RefCell<Option<Vec<(String, String)>>>,
    instance: Rc<Instance>,
    /// Faults are cached too, because finding them may include deriving a key from a password.
    connection: OnceCell<Result<Rc<Connection>, Error>>,
    gateway: OnceCell<Result<Rc<Gateway>, String>>,
}

impl FromVariables {
    /// Of the variables that `read` returns.
    pub fn new(read: fn() -> Vec<(String, String)>) -> Self {
        Self {
            read,
            unused: RefCell::new(None),
            instance: Rc::default(),
            connection: OnceCell::new(),
            gateway: OnceCell::new(),
        }
    }

    /// What connections of this instance share.
    pub(crate) fn instance(&self) -> Rc<Instance> {
        Rc::clone(&self.instance)
    }

    /// The connection.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(crate) fn connection(&self) -> Result<Rc<Connection>, Error> {
        let read = || {
            let settings = Settings::from_variables(self.variables(|name| !is_gateways(name)))?;
            Ok(Rc::new(Connection::new(settings, self.instance())))
        };
        self.connection.get_or_init(read).clone()
    }

    fn gateway(&self) -> Result<Rc<Gateway>, String> {
        let read = || Gateway::from_variables(self.variables(is_gateways)).map(Rc::new);
        self.gateway.get_or_init(read).clone()
    }

    /// The environment is read once: some hosts ask a vault for it each time.
    fn variables(&self, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let mut unused = self.unused.borrow_mut();
        let unused = unused.get_or_insert_with(self.read);
        unused.extract_if(.., |(name, _)| wanted(name)).collect()
    }

    /// Answers a request to the gateway; `None` is one whose line or headers cannot be read.
    pub async fn answer<'h, H: Host, B: Body>(
        &self,
        host: &'h H,
        request: Option<Request<B>>,
    ) -> Response<impl Body + use<'h, H, B>> {
        match request {
            Some(request) => gateway::handle(host, request, || self.gateway(), || self.connection()).await,
            None => gateway::unreadable(host),
        }
    }
}

fn is_gateways(name: &str) -> bool {
    name.starts_with("GATEWAY_")
}
