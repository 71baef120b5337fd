//! Additional steps of the gateway's callers: they upload and download files, and disconnect early.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use embedded_host::client::{self, Leaving};

use super::face::{Call, Method};
use super::gateway::{Http, ROOT};
use super::ledger::Told;
use super::rows::File;
use super::worker::Worker;

/// The maximum length of a file.
const LONGEST: u64 = 200_000;

impl Worker<Http> {
    /// Uploads a file, in one request or in chunks.
    pub fn upload(&mut self) -> Result<()> {
        let Some(id) = self.any_row() else {
            return self.post();
        };
        let file = self.new_file()?;
        let (what, told) = if self.random.below(2) == 0 {
            ("upload", self.upload_whole(&id, &file)?)
        } else {
            ("upload in chunks", self.upload_chunks(&id, &file)?)
        };
        self.note(&file.mark, what, false, told, 1);
        match told {
            Told::NotDone => Ok(()),
            Told::Done => {
                self.done.uploads += 1;
                self.rows.set_file(&id, file);
                Ok(())
            }
            Told::Uncertain => {
                if self.find_file(&id)?.is_some_and(|found| found == file.content()) {
                    self.rows.set_file(&id, file);
                }
                self.compare_file(&id)
            }
        }
    }

    /// Reads a file, which must be the last one uploaded.
    pub fn download(&mut self) -> Result<()> {
        match self.any_row() {
            Some(id) => self.compare_file(&id),
            None => self.post(),
        }
    }

    /// Disconnects during a read or a write.
    pub fn leave(&mut self) -> Result<()> {
        let at = match self.random.below(3) {
            0 => Leaving::InBody(0),
            1 => Leaving::BeforeAnswer,
            // Enough to see the status.
            _ => Leaving::InAnswer(20 + self.below(300)?),
        };
        let after = Duration::from_millis(self.random.below(40));
        self.done.left += 1;
        match (self.random.below(5), self.any_row()) {
            (0, Some(id)) => self.leave_read(&id, at, after),
            (1, Some(id)) => self.leave_upload(&id, after),
            (2 | 3, Some(id)) => self.leave_change(&id, at, after),
            _ => self.leave_create(at, after),
        }
    }

    fn leave_read(&mut self, id: &str, at: Leaving, after: Duration) -> Result<()> {
        let path = if self.random.below(2) == 0 {
            "contacts".to_owned()
        } else {
            file_path(id) + "/$value"
        };
        let request = self.face.call("GET", &format!("{ROOT}{path}"));
        self.face.leave(&request, at, after).map(drop)
    }

    fn leave_upload(&mut self, id: &str, after: Duration) -> Result<()> {
        let file = self.new_file()?;
        let part = self.below(u64::try_from(file.length)?)?;
        let request = self.upload_request(id, &file);
        let told = self.face.leave(&request, Leaving::InBody(part), after)?;
        self.note(&file.mark, "upload that is cut off", false, told, 1);
        Ok(())
    }

    fn leave_create(&mut self, at: Leaving, after: Duration) -> Result<()> {
        let new = self.new_row();
        let call = self.create(&new);
        let told = self.leave_call(&call, at, after)?;
        self.note(&call.mark, "POST whose caller leaves", false, told, 1);
        if told != Told::NotDone {
            self.rows.leave_new(&new.mark);
        }
        Ok(())
    }

    fn leave_change(&mut self, id: &str, at: Leaving, after: Duration) -> Result<()> {
        let new = self.new_row();
        let call = Call {
            method: Method::Patch,
            path: format!("contacts({id})"),
            ..self.create(&new)
        };
        let told = self.leave_call(&call, at, after)?;
        self.note(&call.mark, "PATCH whose caller leaves", false, told, 1);
        match told {
            Told::NotDone => {}
            Told::Done => self.rows.set(id, Some(new.mark)),
            // It may still take effect.
            Told::Uncertain => self.rows.leave(id, &new.mark),
        }
        Ok(())
    }

    fn leave_call(&mut self, call: &Call, at: Leaving, after: Duration) -> Result<Told> {
        let length = call.body.as_ref().map_or(0, String::len);
        let at = match at {
            Leaving::InBody(_) => Leaving::InBody(self.below(u64::try_from(length)?)?),
            at => at,
        };
        self.face.leave(&self.face.request(call), at, after)
    }

    fn upload_whole(&mut self, id: &str, file: &File) -> Result<Told> {
        let request = self.upload_request(id, file);
        Ok(match self.face.ask(&request)? {
            Ok(_) => Told::Done,
            Err(failure) => failure.told()?,
        })
    }

    fn upload_request(&self, id: &str, file: &File) -> client::Call {
        self.face
            .call("PATCH", &format!("{ROOT}{}", file_path(id)))
            .header("content-type", "application/octet-stream")
            .header("x-ms-file-name", "soak.txt")
            .header("x-ms-client-request-id", &file.mark)
            .body(file.content())
    }

    /// Only the last chunk takes effect.
    fn upload_chunks(&mut self, id: &str, file: &File) -> Result<Told> {
        let begin = self
            .face
            .call("PATCH", &format!("{ROOT}{}", file_path(id)))
            .header("x-ms-file-name", "soak.txt")
            .header("x-ms-transfer-mode", "chunked")
            .body("");
        let begun = match self.face.ask(&begin)? {
            Ok(reply) => reply,
            Err(failure) => {
                failure.told()?;
                return Ok(Told::NotDone);
            }
        };
        let location = begun.header("location").context("an upload without an address")?;
        let path = location
            .strip_prefix(&self.face.origin)
            .with_context(|| format!("an upload points to {location}, not to the gateway"))?;
        let size = begun.header("x-ms-chunk-size").context("an upload without chunks")?;
        let size: usize = size.parse()?;
        let content = file.content();
        let mut first = 0;
        for chunk in content.chunks(size) {
            let end = first + chunk.len();
            let range = format!("bytes {first}-{}/{}", end - 1, file.length);
            let request = self
                .face
                .call("PATCH", path)
                .header("content-type", "application/octet-stream")
                .header("content-range", &range)
                .header("x-ms-client-request-id", &file.mark)
                .body(chunk);
            if let Err(failure) = self.face.ask(&request)? {
                let told = failure.told()?;
                return Ok(if end < file.length { Told::NotDone } else { told });
            }
            first = end;
        }
        Ok(Told::Done)
    }

    fn compare_file(&mut self, id: &str) -> Result<()> {
        let found = self.find_file(id)?;
        let known = self.rows.file(id).map(File::content);
        ensure!(
            found == known,
            "the file of {id} has {:?} bytes, and not {:?}",
            found.map(|file| file.len()),
            known.map(|file| file.len())
        );
        self.done.reads.0 += 1;
        Ok(())
    }

    fn find_file(&mut self, id: &str) -> Result<Option<Vec<u8>>> {
        let call = self.get(file_path(id) + "/$value");
        Ok(self.answered(&call)?.map(|answer| answer.body))
    }

    fn new_file(&mut self) -> Result<File> {
        Ok(File {
            mark: self.mark(),
            length: 1 + self.below(LONGEST)?,
        })
    }

    fn below(&mut self, end: u64) -> Result<usize> {
        Ok(usize::try_from(self.random.below(end))?)
    }
}

fn file_path(id: &str) -> String {
    format!("contacts({id})/sample_contract")
}
