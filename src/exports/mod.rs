//! The exports: each call selects its connection and runs the core's function. Only this module and
//! `error.rs` convert between the contract's records and the core's types.

mod busy;
mod records;

use std::rc::Rc;

use wasip2::cli::environment;
use wasip2::exports::http::incoming_handler;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};
use wstd::runtime::block_on;

use crate::contract::dataverse::{ConnectionBorrow, Guest, GuestConnection, GuestDownload, GuestPages, GuestUpload};
use crate::contract::types::{self, AccessToken, Identity};
use crate::contract::{dataverse, export, validation};
use crate::dataverse::batch::Batch;
use crate::dataverse::client::Connection;
use crate::dataverse::files::download::Download;
use crate::dataverse::files::upload::Upload;
use crate::dataverse::pages::Pages;
use crate::deadline::Timed;
use crate::error::Error;
use crate::from_variables::FromVariables;
use crate::settings::Settings;
use crate::wasi::{WasiHost, incoming};
use busy::Busy;

struct Component;

export!(Component with_types_in crate::contract);
wasip2::http::proxy::export!(Component);

/// Headers in the form of the contract.
type Headers = Vec<(String, String)>;

impl Guest for Component {
    type Connection = Rc<Connection>;
    type Pages = Busy<Pages>;
    type Download = Busy<Download>;
    type Upload = Busy<Upload>;

    fn acquire_token(connection: Option<ConnectionBorrow<'_>>) -> Result<AccessToken, types::Error> {
        let connection = chosen(connection)?;
        let token = block_on(connection.acquire_token(&call_of(&connection)))?;
        Ok(records::access_token(token))
    }

    fn whoami(connection: Option<ConnectionBorrow<'_>>) -> Result<Identity, types::Error> {
        let connection = chosen(connection)?;
        let identity = block_on(connection.whoami(&call_of(&connection)))?;
        Ok(records::identity(identity))
    }

    fn odata_request(
        connection: Option<ConnectionBorrow<'_>>,
        request: types::Request,
    ) -> Result<types::Response, types::Error> {
        let connection = chosen(connection)?;
        let exchange = block_on(connection.request(&call_of(&connection), records::draft(request)))?;
        Ok(records::response(exchange.answer, exchange.attempts))
    }

    fn odata_pages(
        connection: Option<ConnectionBorrow<'_>>,
        request: types::Request,
    ) -> Result<dataverse::Pages, types::Error> {
        let connection = chosen(connection)?;
        let call = call_of(&connection);
        let pages = Pages::of_request(connection, &call, records::draft(request))?;
        Ok(dataverse::Pages::new(Busy::new("pages", pages)))
    }

    fn fetch_xml(
        connection: Option<ConnectionBorrow<'_>>,
        query: types::FetchQuery,
    ) -> Result<dataverse::Pages, types::Error> {
        let connection = chosen(connection)?;
        let call = call_of(&connection);
        let pages = Pages::of_fetch(connection, &call, records::fetch_query(query))?;
        Ok(dataverse::Pages::new(Busy::new("pages", pages)))
    }

    fn download_file(
        connection: Option<ConnectionBorrow<'_>>,
        file: types::DownloadRequest,
    ) -> Result<dataverse::Download, types::Error> {
        let connection = chosen(connection)?;
        let call = call_of(&connection);
        let download = block_on(Download::begin(connection, &call, records::download(file)))?;
        Ok(dataverse::Download::new(Busy::new("download", download)))
    }

    fn upload_file(
        connection: Option<ConnectionBorrow<'_>>,
        file: types::UploadRequest,
    ) -> Result<dataverse::Upload, types::Error> {
        let connection = chosen(connection)?;
        let call = call_of(&connection);
        let upload = block_on(Upload::begin(connection, &call, records::upload(file)))?;
        Ok(dataverse::Upload::new(Busy::new("upload", upload)))
    }

    fn resume_upload(
        connection: Option<ConnectionBorrow<'_>>,
        state: String,
        headers: Headers,
    ) -> Result<dataverse::Upload, types::Error> {
        let connection = chosen(connection)?;
        let call = call_of(&connection);
        let upload = Upload::resume(connection, &call, &state, headers)?;
        Ok(dataverse::Upload::new(Busy::new("upload", upload)))
    }

    fn odata_batch(
        connection: Option<ConnectionBorrow<'_>>,
        batch: types::Batch,
    ) -> Result<Vec<types::BatchResult>, types::Error> {
        let connection = chosen(connection)?;
        let types::Batch {
            items,
            continue_on_error,
        } = batch;
        let items = items.into_iter().map(records::batch_item).collect();
        let call = call_of(&connection);
        let batch = Batch::new(&call, connection.settings(), items, continue_on_error)?;
        let (results, attempts) = block_on(connection.batch(&call, &batch))?;
        let results = results.into_iter();
        Ok(results.map(|result| records::batch_result(result, attempts)).collect())
    }
}

impl validation::Guest for Component {
    fn validate(
        connection: Option<ConnectionBorrow<'_>>,
        expectations: Vec<validation::Expectation>,
    ) -> Result<validation::Report, types::Error> {
        let expectations = expectations.into_iter().map(records::expectation).collect();
        let connection = chosen(connection)?;
        let report = block_on(crate::validation::validate(
            &connection,
            &call_of(&connection),
            expectations,
        ))?;
        Ok(records::report(report))
    }
}

impl GuestConnection for Rc<Connection> {
    fn open(settings: types::Settings) -> Result<dataverse::Connection, types::Error> {
        let settings = Settings::new(records::settings(settings))?;
        let connection = Connection::new(settings, variables().instance());
        Ok(dataverse::Connection::new(Rc::new(connection)))
    }
}

impl GuestPages for Busy<Pages> {
    fn next(&self) -> Result<Option<types::Response>, types::Error> {
        let page = self.with(|pages| {
            let call = call_of(pages.connection());
            block_on(pages.next(&call))
        })??;
        Ok(page.map(|page| records::response(page.answer, page.attempts)))
    }

    fn delta_link(&self) -> Option<String> {
        self.view()
    }
}

impl GuestDownload for Busy<Download> {
    fn info(&self) -> types::FileInfo {
        let (info, _) = self.view();
        records::file_info(info)
    }

    fn position(&self) -> u64 {
        let (_, position) = self.view();
        position
    }

    fn read(&self) -> Result<Option<Vec<u8>>, types::Error> {
        Ok(self.with(|download| {
            let call = call_of(download.connection());
            block_on(download.read(&call))
        })??)
    }
}

impl GuestUpload for Busy<Upload> {
    fn chunk_size(&self) -> u32 {
        self.view().chunk_size
    }

    fn position(&self) -> u64 {
        self.view().position
    }

    fn write(&self, bytes: Vec<u8>) -> Result<(), types::Error> {
        Ok(self.with(|upload| {
            let call = call_of(upload.connection());
            block_on(upload.write(&call, bytes))
        })??)
    }

    fn finish(&self) -> Result<(), types::Error> {
        Ok(self.with(|upload| {
            let call = call_of(upload.connection());
            block_on(upload.finish(&call))
        })??)
    }

    fn state(&self) -> String {
        self.view().state
    }
}

impl incoming_handler::Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        block_on(async {
            let reply = variables().answer(&WasiHost, incoming::request(request)).await;
            incoming::answer(reply, out).await;
        });
    }
}

thread_local! {
    static FROM_VARIABLES: Rc<FromVariables> = Rc::new(FromVariables::new(environment::get_environment));
}

fn variables() -> Rc<FromVariables> {
    FROM_VARIABLES.with(Rc::clone)
}

/// The connection of a call: the caller's, or the one from the environment variables. It may be used longer
/// than the caller keeps its handle.
fn chosen(connection: Option<ConnectionBorrow<'_>>) -> Result<Rc<Connection>, Error> {
    match connection {
        Some(connection) => Ok(Rc::clone(connection.get::<Rc<Connection>>())),
        None => variables().connection(),
    }
}

/// The host as a call of a connection sees it, which begins now.
fn call_of(connection: &Connection) -> Timed<'static, WasiHost> {
    let settings = connection.settings();
    let call = Timed::begin(&WasiHost);
    call.limit(settings.call_timeout, settings.names.call_timeout_ms);
    call
}
