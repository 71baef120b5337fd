//! The exports: each call finds its connection and waits for the room that does the work.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use wasip2::cli::environment;
use wasip2::exports::http::incoming_handler;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};
use wstd::runtime::block_on;

use crate::contract::dataverse::{ConnectionBorrow, Guest, GuestConnection, GuestDownload, GuestPages, GuestUpload};
use crate::contract::types::{AccessToken, Error, Identity};
use crate::contract::{dataverse, export, types, validation};
use crate::dataverse::client::Connection;
use crate::dataverse::exchange::Headers;
use crate::dataverse::files::download::Download;
use crate::dataverse::files::upload::Upload;
use crate::dataverse::pages::Pages;
use crate::entra::Tokens;
use crate::gateway::{self, Gateway};
use crate::settings::Settings;
use crate::wasi::{WasiHost, incoming};

struct Component;

export!(Component with_types_in crate::contract);
wasip2::http::proxy::export!(Component);

impl Guest for Component {
    type Connection = Rc<Connection>;
    type Pages = RefCell<Pages>;
    type Download = RefCell<Download>;
    type Upload = RefCell<Upload>;

    fn acquire_token(connection: Option<ConnectionBorrow<'_>>) -> Result<AccessToken, Error> {
        block_on(chosen(connection)?.acquire_token(&WasiHost))
    }

    fn whoami(connection: Option<ConnectionBorrow<'_>>) -> Result<Identity, Error> {
        block_on(chosen(connection)?.whoami(&WasiHost))
    }

    fn odata_request(
        connection: Option<ConnectionBorrow<'_>>,
        request: types::Request,
    ) -> Result<types::Response, Error> {
        block_on(chosen(connection)?.odata_request(&WasiHost, request))
    }

    fn odata_pages(
        connection: Option<ConnectionBorrow<'_>>,
        request: types::Request,
    ) -> Result<dataverse::Pages, Error> {
        let pages = Pages::of_request(chosen(connection)?, request)?;
        Ok(dataverse::Pages::new(RefCell::new(pages)))
    }

    fn fetch_xml(
        connection: Option<ConnectionBorrow<'_>>,
        query: types::FetchQuery,
    ) -> Result<dataverse::Pages, Error> {
        let pages = Pages::of_fetch(chosen(connection)?, query)?;
        Ok(dataverse::Pages::new(RefCell::new(pages)))
    }

    fn download_file(
        connection: Option<ConnectionBorrow<'_>>,
        file: types::DownloadRequest,
    ) -> Result<dataverse::Download, Error> {
        let download = block_on(Download::begin(chosen(connection)?, &WasiHost, file))?;
        Ok(dataverse::Download::new(RefCell::new(download)))
    }

    fn upload_file(
        connection: Option<ConnectionBorrow<'_>>,
        file: types::UploadRequest,
    ) -> Result<dataverse::Upload, Error> {
        let upload = block_on(Upload::begin(chosen(connection)?, &WasiHost, file))?;
        Ok(dataverse::Upload::new(RefCell::new(upload)))
    }

    fn resume_upload(
        connection: Option<ConnectionBorrow<'_>>,
        state: String,
        headers: Headers,
    ) -> Result<dataverse::Upload, Error> {
        let upload = Upload::resume(chosen(connection)?, &state, headers)?;
        Ok(dataverse::Upload::new(RefCell::new(upload)))
    }

    fn odata_batch(
        connection: Option<ConnectionBorrow<'_>>,
        batch: types::Batch,
    ) -> Result<Vec<types::BatchResult>, Error> {
        block_on(chosen(connection)?.odata_batch(&WasiHost, batch))
    }
}

impl validation::Guest for Component {
    fn validate(
        connection: Option<ConnectionBorrow<'_>>,
        expectations: Vec<validation::Expectation>,
    ) -> Result<validation::Report, Error> {
        block_on(crate::validation::validate(
            &*chosen(connection)?,
            &WasiHost,
            expectations,
        ))
    }
}

impl GuestConnection for Rc<Connection> {
    fn open(settings: types::Settings) -> Result<dataverse::Connection, Error> {
        let settings = Settings::from_record(settings)?;
        let connection = Connection::new(settings, instance_tokens());
        Ok(dataverse::Connection::new(Rc::new(connection)))
    }
}

impl GuestPages for RefCell<Pages> {
    fn next(&self) -> Result<Option<types::Response>, Error> {
        block_on(self.borrow_mut().next(&WasiHost))
    }

    fn delta_link(&self) -> Option<String> {
        self.borrow().delta_link()
    }
}

impl GuestDownload for RefCell<Download> {
    fn info(&self) -> types::FileInfo {
        self.borrow().info()
    }

    fn position(&self) -> u64 {
        self.borrow().position()
    }

    fn read(&self) -> Result<Option<Vec<u8>>, Error> {
        block_on(self.borrow_mut().read(&WasiHost))
    }
}

impl GuestUpload for RefCell<Upload> {
    fn chunk_size(&self) -> u32 {
        self.borrow().chunk_size()
    }

    fn position(&self) -> u64 {
        self.borrow().position()
    }

    fn write(&self, bytes: Vec<u8>) -> Result<(), Error> {
        block_on(self.borrow_mut().write(&WasiHost, bytes))
    }

    fn finish(&self) -> Result<(), Error> {
        block_on(self.borrow_mut().finish(&WasiHost))
    }

    fn state(&self) -> String {
        self.borrow().state()
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
    /// The connection that the environment variables describe, or what is wrong with them, which may have taken a password's whole
    /// work to find out. They do not change while an instance lives.
    static FROM_ENVIRONMENT: OnceCell<Result<Rc<Connection>, Error>> = const { OnceCell::new() };
    static GATEWAY: OnceCell<Rc<Gateway>> = const { OnceCell::new() };
}

/// The connection of a call: the caller's, or the environment's. What it makes may outlive the caller's handle.
fn chosen(connection: Option<ConnectionBorrow<'_>>) -> Result<Rc<Connection>, Error> {
    match connection {
        Some(connection) => Ok(Rc::clone(connection.get::<Rc<Connection>>())),
        None => from_environment(),
    }
}

fn from_environment() -> Result<Rc<Connection>, Error> {
    FROM_ENVIRONMENT.with(|cell| {
        let read = || {
            let settings = Settings::from_variables(environment::get_environment())?;
            Ok(Rc::new(Connection::new(settings, instance_tokens())))
        };
        cell.get_or_init(read).clone()
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
