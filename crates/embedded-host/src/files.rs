//! Files, in pieces.

use anyhow::Result;
use wasmtime::component::ResourceAny;

use crate::types::{DownloadRequest, Error, FileInfo, UploadRequest};
use crate::{Connection, Instance};

/// A file that is being read, in an [`Instance`].
#[derive(Clone, Copy)]
pub struct Download(ResourceAny);

/// A file that is being written, in an [`Instance`].
#[derive(Clone, Copy)]
pub struct Upload(ResourceAny);

impl Instance {
    /// `download-file`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn download_file(
        &mut self,
        connection: Option<Connection>,
        file: &DownloadRequest,
    ) -> Result<Result<Download, Error>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        let download = dataverse.call_download_file(&mut self.store, connection, file)?;
        Ok(download.map(Download))
    }

    /// `download.info`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn file_info(&mut self, download: Download) -> Result<FileInfo> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.download().call_info(&mut self.store, download.0)?)
    }

    /// `download.position`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn download_position(&mut self, download: Download) -> Result<u64> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.download().call_position(&mut self.store, download.0)?)
    }

    /// `download.read`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn read_file(&mut self, download: Download) -> Result<Result<Option<Vec<u8>>, Error>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.download().call_read(&mut self.store, download.0)?)
    }

    /// `upload-file`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn upload_file(
        &mut self,
        connection: Option<Connection>,
        file: &UploadRequest,
    ) -> Result<Result<Upload, Error>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        let upload = dataverse.call_upload_file(&mut self.store, connection, file)?;
        Ok(upload.map(Upload))
    }

    /// `resume-upload`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn resume_upload(
        &mut self,
        connection: Option<Connection>,
        state: &str,
        headers: &[(String, String)],
    ) -> Result<Result<Upload, Error>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        let upload = dataverse.call_resume_upload(&mut self.store, connection, state, headers)?;
        Ok(upload.map(Upload))
    }

    /// `upload.chunk-size`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn chunk_size(&mut self, upload: Upload) -> Result<u32> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.upload().call_chunk_size(&mut self.store, upload.0)?)
    }

    /// `upload.position`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn upload_position(&mut self, upload: Upload) -> Result<u64> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.upload().call_position(&mut self.store, upload.0)?)
    }

    /// `upload.write`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn write_file(&mut self, upload: Upload, bytes: &[u8]) -> Result<Result<(), Error>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.upload().call_write(&mut self.store, upload.0, bytes)?)
    }

    /// `upload.finish`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn finish_file(&mut self, upload: Upload) -> Result<Result<(), Error>> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.upload().call_finish(&mut self.store, upload.0)?)
    }

    /// `upload.state`.
    ///
    /// # Errors
    /// If the component traps.
    pub fn upload_state(&mut self, upload: Upload) -> Result<String> {
        let dataverse = self.service.raia_dynamics365_dataverse();
        Ok(dataverse.upload().call_state(&mut self.store, upload.0)?)
    }
}
