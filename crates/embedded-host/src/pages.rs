//! Queries, page by page.

use anyhow::Result;
use wasmtime::component::ResourceAny;

use crate::types::{Error, FetchQuery, Request, Response};
use crate::{Connection, Instance};

/// The pages of a query, in an [`Instance`].
#[derive(Clone, Copy)]
pub struct Pages(ResourceAny);

impl Instance {
    /// `odata-pages`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn odata_pages(&mut self, connection: Option<Connection>, request: &Request) -> Result<Result<Pages, Error>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse
            .call_odata_pages(&mut self.store, connection, request)?
            .map(Pages))
    }

    /// `fetch-xml`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn fetch_xml(&mut self, connection: Option<Connection>, query: &FetchQuery) -> Result<Result<Pages, Error>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.call_fetch_xml(&mut self.store, connection, query)?.map(Pages))
    }

    /// `pages.next`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn next_page(&mut self, pages: Pages) -> Result<Result<Option<Response>, Error>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.pages().call_next(&mut self.store, pages.0)?)
    }

    /// `pages.delta-link`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn delta_link(&mut self, pages: Pages) -> Result<Option<String>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.pages().call_delta_link(&mut self.store, pages.0)?)
    }
}
