//! What an instance makes of its environment variables, and keeps: they do not change while it lives.

use std::cell::OnceCell;
use std::rc::Rc;

use http::Request;

use crate::dataverse::client::{Connection, Instance};
use crate::error::Error;
use crate::gateway::{self, Gateway, Reply};
use crate::host::{Body, Host};
use crate::settings::Settings;

/// The connection that the variables describe, and the gateway before it. Each is made when it is first needed.
pub struct FromVariables {
    read: fn() -> Vec<(String, String)>,
    instance: Rc<Instance>,
    /// Or what is wrong with the settings, which may have taken a password's whole work to find out.
    connection: OnceCell<Result<Rc<Connection>, Error>>,
    gateway: OnceCell<Rc<Gateway>>,
}

impl FromVariables {
    /// Of the variables that `read` returns.
    pub fn new(read: fn() -> Vec<(String, String)>) -> Self {
        Self {
            read,
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
            let settings = Settings::from_variables((self.read)())?;
            Ok(Rc::new(Connection::new(settings, self.instance())))
        };
        self.connection.get_or_init(read).clone()
    }

    fn gateway(&self) -> Result<Rc<Gateway>, String> {
        if let Some(gateway) = self.gateway.get() {
            return Ok(Rc::clone(gateway));
        }
        let gateway = Gateway::from_variables((self.read)())?;
        Ok(Rc::clone(self.gateway.get_or_init(|| Rc::new(gateway))))
    }

    /// Answers a request to the gateway; `None` is one whose line or headers cannot be read.
    pub async fn answer<H: Host, B: Body>(&self, host: &H, request: Option<Request<B>>) -> Reply<H> {
        match request {
            Some(request) => gateway::handle(host, request, || self.gateway(), || self.connection()).await,
            None => gateway::unreadable(host),
        }
    }
}
