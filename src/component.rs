//! The exports: each call finds its connection and waits for the room that does the work.

use std::cell::OnceCell;
use std::rc::Rc;

use wasip2::cli::environment;
use wasip2::exports::http::incoming_handler;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};
use wstd::runtime::block_on;

use crate::connection::Connection;
use crate::contract::dataverse::{ConnectionBorrow, Guest, GuestConnection};
use crate::contract::types::{AccessToken, Error, Identity};
use crate::contract::{dataverse, export, types};
use crate::gateway::{self, Gateway};
use crate::settings::Settings;
use crate::token::Tokens;
use crate::wasi::{WasiHost, incoming};

struct Component;

export!(Component with_types_in crate::contract);
wasip2::http::proxy::export!(Component);

impl Guest for Component {
    type Connection = Connection;

    fn acquire_token(connection: Option<ConnectionBorrow<'_>>) -> Result<AccessToken, Error> {
        let connection = Chosen::from(connection)?;
        block_on(connection.get().acquire_token(&WasiHost))
    }

    fn whoami(connection: Option<ConnectionBorrow<'_>>) -> Result<Identity, Error> {
        let connection = Chosen::from(connection)?;
        block_on(connection.get().whoami(&WasiHost))
    }

    fn odata_request(
        connection: Option<ConnectionBorrow<'_>>,
        request: types::Request,
    ) -> Result<types::Response, Error> {
        let connection = Chosen::from(connection)?;
        block_on(connection.get().odata_request(&WasiHost, request))
    }

    fn odata_batch(
        connection: Option<ConnectionBorrow<'_>>,
        batch: types::Batch,
    ) -> Result<Vec<types::BatchResult>, Error> {
        let connection = Chosen::from(connection)?;
        block_on(connection.get().odata_batch(&WasiHost, batch))
    }
}

impl GuestConnection for Connection {
    fn open(settings: types::Settings) -> Result<dataverse::Connection, Error> {
        let settings = Settings::from_record(settings)?;
        Ok(dataverse::Connection::new(Self::new(settings, instance_tokens())))
    }
}

impl incoming_handler::Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        block_on(async {
            let reply = match incoming::request(request) {
                Some(request) => gateway::handle(&WasiHost, request, instance_gateway, from_environment).await,
                None => gateway::unreadable(&WasiHost),
            };
            incoming::answer(reply, out).await;
        });
    }
}

thread_local! {
    static TOKENS: Rc<Tokens> = Rc::default();
    /// The connection that the environment variables describe. They do not change while an instance lives.
    static FROM_ENVIRONMENT: OnceCell<Rc<Connection>> = const { OnceCell::new() };
    static GATEWAY: OnceCell<Rc<Gateway>> = const { OnceCell::new() };
}

/// The connection of a call: the caller's, or the environment's.
enum Chosen<'a> {
    Callers(ConnectionBorrow<'a>),
    Environments(Rc<Connection>),
}

impl<'a> Chosen<'a> {
    fn from(connection: Option<ConnectionBorrow<'a>>) -> Result<Self, Error> {
        match connection {
            Some(connection) => Ok(Self::Callers(connection)),
            None => from_environment().map(Self::Environments),
        }
    }

    fn get(&self) -> &Connection {
        match self {
            Self::Callers(connection) => connection.get(),
            Self::Environments(connection) => connection,
        }
    }
}

fn from_environment() -> Result<Rc<Connection>, Error> {
    FROM_ENVIRONMENT.with(|cell| {
        if let Some(connection) = cell.get() {
            return Ok(Rc::clone(connection));
        }
        let settings = Settings::from_variables(environment::get_environment())?;
        let connection = Connection::new(settings, instance_tokens());
        Ok(Rc::clone(cell.get_or_init(|| Rc::new(connection))))
    })
}

fn instance_gateway() -> Result<Rc<Gateway>, String> {
    GATEWAY.with(|cell| {
        if let Some(gateway) = cell.get() {
            return Ok(Rc::clone(gateway));
        }
        let gateway = Gateway::from_variables(environment::get_environment())?;
        Ok(Rc::clone(cell.get_or_init(|| Rc::new(gateway))))
    })
}

fn instance_tokens() -> Rc<Tokens> {
    TOKENS.with(Rc::clone)
}
