//! Files and images, up and down.

mod download;
mod upload;

use embedded_host::types::{DownloadRequest, Error, OutageCause, UploadRequest};
use embedded_host::{Download, Reply, Upload};
use sandbox::seed;

use crate::support::{Client, Tenant, contoso, json_answer, outage, request_faults};

const MIB: u64 = 1 << 20;

/// The content of a range of the files of these tests.
fn content(range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(|at| (at % 251) as u8).collect()
}

fn contract() -> String {
    format!("contacts({})/sample_contract", seed::contact(1))
}

fn file(size: u64) -> UploadRequest {
    UploadRequest {
        path: contract(),
        name: "contract.pdf".to_owned(),
        size,
        headers: Vec::new(),
    }
}

fn from(offset: u64) -> DownloadRequest {
    DownloadRequest {
        path: contract(),
        offset,
        headers: Vec::new(),
    }
}

impl Client {
    fn upload(&mut self, file: &UploadRequest) -> Result<Upload, Error> {
        self.instance.upload_file(Some(self.connection), file).unwrap()
    }

    fn resume(&mut self, state: &str) -> Result<Upload, Error> {
        self.instance.resume_upload(Some(self.connection), state, &[]).unwrap()
    }

    fn write(&mut self, upload: Upload, bytes: &[u8]) -> Result<(), Error> {
        self.instance.write_file(upload, bytes).unwrap()
    }

    fn finish(&mut self, upload: Upload) -> Result<(), Error> {
        self.instance.finish_file(upload).unwrap()
    }

    fn uploaded(&mut self, upload: Upload) -> u64 {
        self.instance.upload_position(upload).unwrap()
    }

    /// Writes a complete file in steps of this many bytes.
    fn put(&mut self, size: u64, step: u64) -> Result<(), Error> {
        let upload = self.upload(&file(size))?;
        let mut at = 0;
        while at < size {
            let end = (at + step).min(size);
            self.write(upload, &content(at..end))?;
            at = end;
        }
        self.finish(upload)
    }

    fn download(&mut self, file: &DownloadRequest) -> Result<Download, Error> {
        self.instance.download_file(Some(self.connection), file).unwrap()
    }

    fn read(&mut self, download: Download) -> Result<Option<Vec<u8>>, Error> {
        self.instance.read_file(download).unwrap()
    }

    fn rest(&mut self, download: Download) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(bytes) = self.read(download).unwrap() {
            assert!(!bytes.is_empty());
            all.extend(bytes);
        }
        assert_eq!(self.read(download).unwrap(), None);
        all
    }

    fn get_file(&mut self) -> Vec<u8> {
        let download = self.download(&from(0)).unwrap();
        self.rest(download)
    }
}

fn fields(error: Error) -> Vec<String> {
    request_faults(error).into_iter().map(|(field, _)| field).collect()
}

fn unusable(error: Error, part: &str) {
    let outage = outage(error);
    assert_eq!(outage.cause, OutageCause::UnusableAnswer, "{}", outage.detail);
    assert!(outage.detail.contains(part), "{}", outage.detail);
}

/// The ranges of the received chunks, in order.
fn ranges(tenant: &Tenant) -> Vec<String> {
    let requests = tenant.sandbox.requests();
    let ranges = requests.iter().filter_map(|request| request.header("content-range"));
    ranges.map(str::to_owned).collect()
}

#[test]
fn a_file_of_any_size_goes_up_in_chunks_and_comes_down_again() {
    let tenant = Tenant::start();
    tenant.sandbox.set_file_chunk_size(100);
    let mut client = tenant.client();
    for size in [0, 1, 99, 100, 101, 199, 200, 201, 300, 1000] {
        for step in [1000, 100, 64] {
            tenant.sandbox.clear_requests();
            client.put(size, step).unwrap();
            let expected: Vec<_> = (0..size)
                .step_by(100)
                .map(|at| format!("bytes {at}-{}/{size}", (at + 100).min(size) - 1))
                .collect();
            assert_eq!(ranges(&tenant), expected, "{size} in steps of {step}");
            assert_eq!(client.get_file(), content(0..size), "{size} in steps of {step}");
        }
    }
}

#[test]
fn what_is_no_file_is_refused_before_anything_is_sent() {
    let (mut client, requests) = contoso(|| Reply::Answer(json_answer(200, "{}")));
    for path in [
        "",
        "contacts",
        "contacts(1)",
        "contacts(1)/",
        "contacts/sample_contract",
        "contacts(1)/sample_contract?x=1",
        "contacts(1)/sample_contract/$value",
        "https://evil.example/api/data/v9.2/contacts(1)/sample_contract",
        "../contacts(1)/sample_contract",
    ] {
        let request = UploadRequest {
            path: path.to_owned(),
            ..file(1)
        };
        assert_eq!(fields(client.upload(&request).err().unwrap()), ["path"], "{path}");
    }
    let long = "x".repeat(40_000);
    for name in ["", " ", "a\nb", "a\0", &long] {
        let request = UploadRequest {
            name: name.to_owned(),
            ..file(1)
        };
        assert_eq!(fields(client.upload(&request).err().unwrap()), ["name"], "{name:?}");
    }
    let ours = UploadRequest {
        headers: vec![("Content-Range".to_owned(), "bytes 0-1/2".to_owned())],
        ..file(1)
    };
    assert_eq!(fields(client.upload(&ours).err().unwrap()), ["headers.content-range"]);
    let ours = DownloadRequest {
        headers: vec![("range".to_owned(), "bytes=0-1".to_owned())],
        ..from(0)
    };
    assert_eq!(fields(client.download(&ours).err().unwrap()), ["headers.range"]);
    assert!(requests.lock().unwrap().is_empty());
}

#[test]
fn memory_does_not_grow_with_the_file() {
    const SIZE: u64 = 200 * MIB;
    const STEP: u64 = MIB;
    const MEMORY: usize = 16 << 20;
    let tenant = Tenant::start();
    tenant.sandbox.set_largest_file(SIZE);
    let mut client = tenant.client();
    let upload = client.upload(&file(SIZE)).unwrap();
    for at in (0..SIZE).step_by(STEP as usize) {
        client.write(upload, &content(at..at + STEP)).unwrap();
    }
    client.finish(upload).unwrap();
    let up = client.instance.peak_memory();
    assert!(up <= MEMORY, "{up} bytes");

    let download = client.download(&from(0)).unwrap();
    let mut at = 0;
    while let Some(bytes) = client.read(download).unwrap() {
        let end = at + bytes.len() as u64;
        assert!(bytes == content(at..end), "from {at} on");
        at = end;
    }
    assert_eq!(at, SIZE);
    let down = client.instance.peak_memory();
    assert!(down <= MEMORY, "{down} bytes");
}

#[test]
fn an_image_goes_up_as_a_file_does() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot a real picture, but only the signature is checked";
    let tenant = Tenant::start();
    tenant.sandbox.set_file_chunk_size(20);
    let mut client = tenant.client();
    let path = format!("contacts({})/entityimage", seed::contact(1));
    let upload = client
        .upload(&UploadRequest {
            path: path.clone(),
            name: "me.png".to_owned(),
            ..file(PNG.len() as u64)
        })
        .unwrap();
    client.write(upload, PNG).unwrap();
    client.finish(upload).unwrap();
    let mut read = |path: String| {
        let download = client.download(&DownloadRequest { path, ..from(0) }).unwrap();
        client.rest(download)
    };
    assert_eq!(read(format!("{path}?size=full")), PNG);
    assert!(read(path).starts_with(b"GIF89a"), "the sandbox's thumbnail");
}
