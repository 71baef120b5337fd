//! Files and images, up and down.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use embedded_host::types::{DownloadRequest, Error, Options, OutageCause, UploadRequest};
use embedded_host::{DEFAULT_OPTIONS, Download, Network, Reply, Upload};
use sandbox::{Fault, FaultKind, Service, seed};

use crate::support::{
    Client, Requests, Tenant, answer, answered, contoso, contoso_settings, dataverse_error, json, outage,
    request_faults, token_answer, with_options,
};

const MIB: u64 = 1 << 20;
const LOCATION: &str =
    "https://contoso.crm.dynamics.com/api/data/v9.2/contacts(1)/sample_contract?sessiontoken=a%2fb%252f";

/// What stands at a place of the files of these tests.
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

    /// Writes a whole file in steps of so many bytes.
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

/// The ranges of the chunks that came, in order.
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
fn the_size_and_the_name_of_a_file_are_known_at_once() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    client.put(10, 10).unwrap();
    let download = client.download(&from(4)).unwrap();
    let info = client.instance.file_info(download).unwrap();
    assert_eq!((info.size, info.name.as_deref()), (10, Some("contract.pdf")));
    assert_eq!(client.instance.download_position(download).unwrap(), 4);
}

#[test]
fn a_name_in_letters_of_any_script_arrives() {
    let tenant = Tenant::start();
    tenant.sandbox.set_file_chunk_size(4);
    let mut client = tenant.client();
    for name in [
        "Vertrag für Zoë & Søn #1 + 50%.pdf",
        "契約.pdf",
        "100%25.txt",
        "plain name.txt",
    ] {
        for size in [0, 10] {
            let upload = client
                .upload(&UploadRequest {
                    name: name.to_owned(),
                    ..file(size)
                })
                .unwrap();
            client.write(upload, &content(0..size)).unwrap();
            client.finish(upload).unwrap();
            let row = client
                .get(&format!("contacts({})?$select=sample_contract_name", seed::contact(1)))
                .unwrap();
            assert_eq!(json(&row)["sample_contract_name"], name);
        }
    }
}

#[test]
fn the_column_changes_with_the_last_chunk_and_not_before() {
    let tenant = Tenant::start();
    tenant.sandbox.set_file_chunk_size(4);
    let mut client = tenant.client();
    client.put(3, 3).unwrap();
    let upload = client.upload(&file(8)).unwrap();
    client.write(upload, &content(0..8)).unwrap();
    assert_eq!(ranges(&tenant).last().unwrap(), "bytes 0-3/8");
    assert_eq!(client.get_file(), content(0..3));
    client.finish(upload).unwrap();
    assert_eq!(client.get_file(), content(0..8));
    let sent = ranges(&tenant).len();
    client.finish(upload).unwrap();
    assert_eq!(ranges(&tenant).len(), sent, "finished once");
    assert_eq!(fields(client.write(upload, b"x").unwrap_err()), ["bytes"]);
}

#[test]
fn more_or_fewer_bytes_than_announced_are_named_before_the_last_chunk_goes() {
    let tenant = Tenant::start();
    tenant.sandbox.set_file_chunk_size(4);
    let mut client = tenant.client();
    for size in [0, 1, 8, 10] {
        tenant.sandbox.clear_requests();
        let upload = client.upload(&file(size)).unwrap();
        let too_many = content(0..size + 1);
        let faults = request_faults(client.write(upload, &too_many).unwrap_err());
        assert_eq!(faults[0].0, "bytes");
        assert!(faults[0].1.contains("1 more"), "{faults:?}");
        assert_eq!(client.uploaded(upload), 0, "none was taken");
        if size > 0 {
            client.write(upload, &content(0..size - 1)).unwrap();
            let faults = request_faults(client.finish(upload).unwrap_err());
            assert_eq!(faults[0].0, "size");
            assert!(
                ranges(&tenant)
                    .iter()
                    .all(|range| !range.contains(&format!("-{}/", size - 1)))
            );
            client.write(upload, &content(size - 1..size)).unwrap();
        }
        client.finish(upload).unwrap();
        assert_eq!(client.get_file(), content(0..size));
    }
}

#[test]
fn a_chunk_that_fails_is_sent_again_and_is_there_once() {
    let tenant = Tenant::start();
    tenant.sandbox.set_file_chunk_size(10);
    let chunk = format!("/api/data/v9.2/{}?sessiontoken", contract());
    for carry_out in [false, true] {
        let mut client = tenant.client();
        let upload = client.upload(&file(35)).unwrap();
        client.write(upload, &content(0..3)).unwrap();

        let disconnect = || Fault::new(Service::Dataverse, FaultKind::Disconnect { carry_out }).on("PATCH", &chunk);
        tenant.sandbox.misbehave(disconnect());
        assert!(outage(client.write(upload, &content(3..12)).unwrap_err()).may_have_taken_effect);
        assert_eq!(client.uploaded(upload), 3, "the same bytes again");
        client.write(upload, &content(3..12)).unwrap();
        assert_eq!(client.uploaded(upload), 12);

        // The second of two chunks in one call.
        let passes = FaultKind::Delay(Duration::ZERO);
        tenant
            .sandbox
            .misbehave(Fault::new(Service::Dataverse, passes).on("PATCH", &chunk));
        tenant
            .sandbox
            .misbehave(Fault::status(Service::Dataverse, 400, "oops").on("PATCH", &chunk));
        let error = client.write(upload, &content(12..35)).unwrap_err();
        assert_eq!(dataverse_error(error).status, 400);
        let at = client.uploaded(upload);
        assert_eq!(at, 20, "as far as the first went");
        client.write(upload, &content(at..35)).unwrap();
        if !carry_out {
            tenant.sandbox.misbehave(disconnect());
            assert!(outage(client.finish(upload).unwrap_err()).may_have_taken_effect);
        }
        client.finish(upload).unwrap();
        assert_eq!(client.get_file(), content(0..35));
        tenant.sandbox.behave();
    }
}

#[test]
fn an_upload_goes_on_in_another_instance() {
    let tenant = Tenant::start();
    tenant.sandbox.set_file_chunk_size(10);
    let mut first = tenant.client();
    let upload = first.upload(&file(35)).unwrap();
    first.write(upload, &content(0..25)).unwrap();
    let state = first.instance.upload_state(upload).unwrap();
    drop(first);

    let mut second = tenant.client();
    let upload = second.resume(&state).unwrap();
    assert_eq!(second.uploaded(upload), 20);
    assert_eq!(second.instance.chunk_size(upload).unwrap(), 10);
    second.write(upload, &content(20..35)).unwrap();
    second.finish(upload).unwrap();
    assert_eq!(second.get_file(), content(0..35));

    for (size, until) in [(0, 0), (10, 0), (10, 10)] {
        let upload = second.upload(&file(size)).unwrap();
        second.write(upload, &content(0..until)).unwrap();
        let state = second.instance.upload_state(upload).unwrap();
        let upload = second.resume(&state).unwrap();
        second.write(upload, &content(0..size)).unwrap();
        second.finish(upload).unwrap();
        assert_eq!(second.get_file(), content(0..size));
    }
}

#[test]
fn a_state_leads_nowhere_but_to_this_environment() {
    let (mut client, requests) = contoso(|| Reply::Answer(answer(500, &[], "")));
    let state = |location: &str, size: u64, chunk: u64, sent: u64| {
        serde_json::json!({ "location": location, "name": "a", "size": size, "chunk": chunk, "sent": sent }).to_string()
    };
    assert!(client.resume(&state(LOCATION, 20, 10, 10)).is_ok());
    for state in [
        state(
            "https://evil.example/api/data/v9.2/contacts(1)/x?sessiontoken=a",
            20,
            10,
            10,
        ),
        state(
            "https://contoso.crm.dynamics.com@evil.example/api/data/v9.2/x",
            20,
            10,
            10,
        ),
        state("https://contoso.crm.dynamics.com/main.aspx", 20, 10, 10),
        state("contacts(1)/x?sessiontoken=a", 20, 10, 10),
        state(LOCATION, 20, 0, 10),
        state(LOCATION, 20, 1 << 30, 0),
        state(LOCATION, 20, 10, 15),
        state(LOCATION, 20, 10, 20),
        state(LOCATION, 20, 10, 30),
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
    ] {
        assert_eq!(fields(client.resume(&state).err().unwrap()), ["state"], "{state}");
    }
    assert!(requests.lock().unwrap().is_empty());
}

/// A client whose uploads are begun with this answer's headers; chunks are taken.
fn beginning(headers: &'static [(&'static str, &'static str)], chunk: u16) -> (Client, Requests) {
    answered(&contoso_settings(), move |request| {
        Reply::Answer(if request.uri().path().ends_with("/oauth2/v2.0/token") {
            token_answer()
        } else if request.headers().contains_key("x-ms-transfer-mode") {
            answer(200, headers, "")
        } else {
            answer(chunk, &[], "")
        })
    })
}

#[test]
fn chunks_are_as_large_as_dataverse_asks_within_reason() {
    for (size, expected) in [
        (None, 4 * MIB),
        (Some("0"), 4 * MIB),
        (Some("-1"), 4 * MIB),
        (Some("many"), 4 * MIB),
        (Some("1"), 1),
        (Some("1000"), 1000),
        (Some("8388608"), 8 * MIB),
        (Some("4294967296"), 16 * MIB),
        (Some("99999999999999999999999"), 4 * MIB),
    ] {
        let headers: Vec<_> = [("location", LOCATION)]
            .into_iter()
            .chain(size.map(|size| ("x-ms-chunk-size", size)))
            .collect();
        let (mut client, _) = beginning(headers.leak(), 206);
        let upload = client.upload(&file(100)).unwrap();
        assert_eq!(
            u64::from(client.instance.chunk_size(upload).unwrap()),
            expected,
            "{size:?}"
        );
    }
    let small = with_options(
        contoso_settings(),
        Options {
            max_request_bytes: Some(1000),
            ..DEFAULT_OPTIONS
        },
    );
    let (mut client, _) = answered(&small, |request| {
        Reply::Answer(if request.uri().path().ends_with("/oauth2/v2.0/token") {
            token_answer()
        } else {
            answer(200, &[("location", LOCATION), ("x-ms-chunk-size", "4194304")], "")
        })
    });
    let upload = client.upload(&file(5000)).unwrap();
    assert_eq!(client.instance.chunk_size(upload).unwrap(), 1000);
}

#[test]
fn chunks_go_where_the_service_says_with_the_callers_headers() {
    let (mut client, requests) = beginning(&[("location", LOCATION), ("x-ms-chunk-size", "4")], 206);
    let request = UploadRequest {
        headers: vec![("MSCRM.BypassCustomPluginExecution".to_owned(), "true".to_owned())],
        ..file(10)
    };
    let upload = client.upload(&request).unwrap();
    client.write(upload, &content(0..9)).unwrap();
    let requests = requests.lock().unwrap();
    let [_, begin, first, second] = requests.as_slice() else {
        panic!("{} requests", requests.len());
    };
    assert!(
        begin
            .uri()
            .to_string()
            .ends_with("/sample_contract?x-ms-file-name=contract.pdf")
    );
    assert_eq!((begin.method().as_str(), begin.body().len()), ("PATCH", 0));
    assert_eq!(begin.headers()["content-length"], "0");
    for (chunk, range) in [(first, "bytes 0-3/10"), (second, "bytes 4-7/10")] {
        assert_eq!(chunk.uri().to_string(), LOCATION);
        assert_eq!(chunk.method(), "PATCH");
        assert_eq!(chunk.headers()["content-range"], range);
        assert_eq!(chunk.headers()["content-length"], "4");
        assert_eq!(chunk.headers()["content-type"], "application/octet-stream");
        assert_eq!(chunk.headers()["x-ms-file-name"], "contract.pdf");
    }
    for request in [begin, first, second] {
        assert_eq!(request.headers()["mscrm.bypasscustompluginexecution"], "true");
    }
}

#[test]
fn a_session_that_is_none_gets_no_bytes() {
    for location in [
        None,
        Some("https://evil.example/api/data/v9.2/contacts(1)/sample_contract?sessiontoken=a"),
        Some("https://contoso.crm.dynamics.com/main.aspx?sessiontoken=a"),
        Some("/api/data/v9.2/contacts(1)/sample_contract?sessiontoken=a"),
        Some(""),
    ] {
        let headers: Vec<_> = location.map(|location| ("location", location)).into_iter().collect();
        let (mut client, requests) = beginning(headers.leak(), 206);
        unusable(client.upload(&file(10)).err().unwrap(), "URL for the chunks");
        assert_eq!(requests.lock().unwrap().len(), 2);
    }
}

#[test]
fn a_service_that_counts_otherwise_is_noticed() {
    const SESSION: &[(&str, &str)] = &[("location", LOCATION), ("x-ms-chunk-size", "4")];
    let (mut client, _) = beginning(SESSION, 204);
    let upload = client.upload(&file(10)).unwrap();
    unusable(client.write(upload, &content(0..5)).unwrap_err(), "not the last");
    assert_eq!(client.uploaded(upload), 0);

    let (mut client, _) = beginning(SESSION, 206);
    let upload = client.upload(&file(4)).unwrap();
    client.write(upload, &content(0..4)).unwrap();
    unusable(client.finish(upload).unwrap_err(), "the last chunk");
}

#[test]
fn what_is_no_file_is_refused_before_anything_is_sent() {
    let (mut client, requests) = beginning(&[], 206);
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
    for name in ["", " ", "a\nb", "a\0"] {
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
fn a_download_begins_at_any_byte_up_to_the_end() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    client.put(10, 10).unwrap();
    for offset in [0, 1, 9, 10] {
        let download = client.download(&from(offset)).unwrap();
        assert_eq!(client.instance.file_info(download).unwrap().size, 10);
        assert_eq!(client.instance.download_position(download).unwrap(), offset);
        let bytes = client.read(download).unwrap().unwrap_or_default();
        assert_eq!(bytes, content(offset..10));
        assert_eq!(client.read(download).unwrap(), None);
        assert_eq!(client.instance.download_position(download).unwrap(), 10);
    }
    for offset in [11, u64::MAX] {
        let faults = request_faults(client.download(&from(offset)).err().unwrap());
        assert_eq!(faults[0].0, "offset");
        assert!(faults[0].1.contains("10 bytes"), "{faults:?}");
    }
    client.put(0, 1).unwrap();
    let empty = client.download(&from(0)).unwrap();
    assert_eq!(client.instance.file_info(empty).unwrap().size, 0);
    assert_eq!(client.read(empty).unwrap(), None);
    assert_eq!(fields(client.download(&from(1)).err().unwrap()), ["offset"]);
}

#[test]
fn a_piece_that_fails_can_be_asked_for_again() {
    let tenant = Tenant::start();
    let settings = with_options(
        tenant.settings(),
        Options {
            max_answer_bytes: Some(4000),
            ..DEFAULT_OPTIONS
        },
    );
    let mut client = Client::open(&settings, Network::Machine);
    client.put(10_000, 10_000).unwrap();
    tenant.sandbox.clear_requests();
    let download = client.download(&from(0)).unwrap();
    assert_eq!(client.read(download).unwrap().unwrap().len(), 4000);
    tenant.sandbox.misbehave(Fault::status(Service::Dataverse, 500, "oops"));
    assert_eq!(dataverse_error(client.read(download).unwrap_err()).status, 500);
    assert_eq!(client.instance.download_position(download).unwrap(), 4000);
    assert_eq!(client.read(download).unwrap().unwrap(), content(4000..8000));
    client.instance.close(client.connection).unwrap();
    assert_eq!(
        client.read(download).unwrap().unwrap(),
        content(8000..10_000),
        "without the handle"
    );
    assert_eq!(client.read(download).unwrap(), None);
}

#[test]
fn a_file_that_is_not_there_is_the_services_404() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    assert_eq!(dataverse_error(client.download(&from(0)).err().unwrap()).status, 404);
}

#[test]
fn a_file_that_is_too_large_is_the_services_refusal() {
    let tenant = Tenant::start();
    tenant.sandbox.set_largest_file(10);
    let mut client = tenant.client();
    let error = dataverse_error(client.put(11, 11).unwrap_err());
    assert_eq!(error.code, "0x80044a02");
}

/// A client of a service that has a file of these tests and may lie about it.
fn serving(reply: impl Fn(u64, u64) -> http::Response<Vec<u8>> + Send + Sync + 'static) -> Client {
    let (client, _) = answered(&contoso_settings(), move |request| {
        if request.uri().path().ends_with("/oauth2/v2.0/token") {
            return Reply::Answer(token_answer());
        }
        let range = request.headers().get("range").map(|range| {
            let (first, last) = range.to_str().unwrap()[6..].split_once('-').unwrap();
            (first.parse().unwrap(), last.parse::<u64>().unwrap())
        });
        let (first, last) = range.unwrap_or((0, u64::MAX));
        Reply::Answer(reply(first, last))
    });
    client
}

fn piece(status: u16, headers: &[(&str, &str)], bytes: Vec<u8>) -> http::Response<Vec<u8>> {
    answer(status, headers, bytes)
}

#[test]
fn a_service_that_pays_no_heed_to_ranges_gives_the_whole_file() {
    let whole = |_, _| piece(200, &[("x-ms-file-size", "10")], content(0..10));
    for offset in [0, 4, 10] {
        let mut client = serving(whole);
        let download = client.download(&from(offset)).unwrap();
        assert_eq!(client.read(download).unwrap().unwrap_or_default(), content(offset..10));
        assert_eq!(client.read(download).unwrap(), None);
    }
    assert_eq!(fields(serving(whole).download(&from(11)).err().unwrap()), ["offset"]);
}

#[test]
fn a_file_that_comes_only_whole_is_asked_for_whole() {
    const ONLY_WHOLE: &str = r#"{"error":{"code":"0x80090017","message":"Downloading in multiple chunks is not supported for the files stored in the database."}}"#;
    for offset in [0, 4, 10] {
        let mut client = serving(|_, last| match last {
            u64::MAX => piece(200, &[("x-ms-file-name", "a.txt")], content(0..10)),
            _ => piece(400, &[("content-type", "application/json")], ONLY_WHOLE.into()),
        });
        let download = client.download(&from(offset)).unwrap();
        let info = client.instance.file_info(download).unwrap();
        assert_eq!((info.size, info.name.as_deref()), (10, Some("a.txt")));
        assert_eq!(client.read(download).unwrap().unwrap_or_default(), content(offset..10));
    }
}

#[test]
fn ranges_that_are_not_what_was_asked_for_are_noticed() {
    for (headers, bytes) in [
        (&[("content-range", "bytes 1-4/10")] as &'static [(&str, &str)], 4),
        (&[("content-range", "bytes 0-3/10")], 5),
        (&[("content-range", "bytes 0-3/10")], 3),
        (&[("content-range", "bytes 0-3/2")], 4),
        (&[("content-range", "bytes 0-18446744073709551615/10")], 4),
        (&[("content-range", "bytes 0-3/*")], 4),
        (&[("content-range", "nonsense")], 4),
        (&[("content-range", "bytes 0-3/10"), ("x-ms-file-size", "11")], 4),
        (&[("x-ms-file-size", "10")], 4),
        (&[("x-ms-file-size", "10")], 11),
        (&[("x-ms-file-size", "0")], 0),
        (&[], 10),
    ] {
        let mut client = serving(move |_, _| piece(206, headers, content(0..bytes)));
        let error = client.download(&from(0)).err().unwrap();
        assert_eq!(
            outage(error).cause,
            OutageCause::UnusableAnswer,
            "{headers:?}, {bytes} bytes"
        );
    }
    for headers in [
        &[("x-ms-file-size", "10")] as &'static [(&str, &str)],
        &[("content-range", "bytes 0-9/10")],
        &[("content-range", "bytes 0-9/*"), ("x-ms-file-size", "10")],
    ] {
        let mut client = serving(move |_, _| piece(206, headers, content(0..10)));
        assert_eq!(client.get_file(), content(0..10));
    }
    let mut client = serving(|_, _| piece(200, &[("x-ms-file-size", "11")], content(0..10)));
    unusable(client.download(&from(0)).err().unwrap(), "as many bytes");
}

#[test]
fn fewer_bytes_than_asked_for_are_taken_where_the_service_says_which() {
    let mut client = serving(|first, _| {
        let range = format!("bytes {first}-{first}/3");
        piece(206, &[("content-range", &range)], content(first..first + 1))
    });
    assert_eq!(client.get_file(), content(0..3));
}

#[test]
fn a_part_of_a_json_file_is_not_read_as_json() {
    let mut client = serving(|_, _| {
        piece(
            206,
            &[("content-type", "application/json"), ("x-ms-file-size", "10")],
            content(0..10),
        )
    });
    assert_eq!(client.get_file(), content(0..10));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    for (size, etag, name) in [(9, "1", "a"), (8, "2", "a"), (8, "1", "b")] {
        let calls = AtomicU64::new(0);
        let mut client = serving(move |first, _| {
            let (size, etag, name) = match calls.fetch_add(1, Ordering::SeqCst) {
                0 => (8, "1", "a"),
                _ => (size, etag, name),
            };
            let range = format!("bytes {first}-{}/{size}", first + 3);
            let headers = [
                ("content-range", range.as_str()),
                ("etag", etag),
                ("x-ms-file-name", name),
            ];
            piece(206, &headers, content(first..first + 4))
        });
        let download = client.download(&from(0)).unwrap();
        assert_eq!(client.read(download).unwrap().unwrap(), content(0..4));
        for _ in 0..2 {
            unusable(client.read(download).unwrap_err(), "has changed");
        }
    }
}

#[test]
fn an_image_is_read_as_a_thumbnail_or_in_full() {
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let kept = std::sync::Arc::clone(&asked);
    let (mut client, _) = answered(&contoso_settings(), move |request| {
        if request.uri().path().ends_with("/oauth2/v2.0/token") {
            return Reply::Answer(token_answer());
        }
        let path = request.uri().to_string();
        let is_missing = path.contains("contacts(2)");
        kept.lock().unwrap().push(path);
        Reply::Answer(match is_missing {
            true => answer(204, &[], ""),
            false => answer(206, &[("x-ms-file-size", "10")], content(0..10)),
        })
    });
    for (path, url) in [
        ("contacts(1)/entityimage", "contacts(1)/entityimage/$value"),
        (
            "contacts(1)/entityimage?size=full",
            "contacts(1)/entityimage/$value?size=full",
        ),
        (
            "contacts(1)/entityimage/$value?size=full",
            "contacts(1)/entityimage/$value?size=full",
        ),
    ] {
        let image = DownloadRequest {
            path: path.to_owned(),
            ..from(0)
        };
        let download = client.download(&image).unwrap();
        assert_eq!(client.rest(download), content(0..10));
        assert_eq!(
            asked.lock().unwrap().last().unwrap(),
            &format!("https://contoso.crm.dynamics.com/api/data/v9.2/{url}")
        );
    }
    let none = DownloadRequest {
        path: "contacts(2)/entityimage?size=full".to_owned(),
        ..from(0)
    };
    assert_eq!(dataverse_error(client.download(&none).err().unwrap()).status, 204);
}

#[test]
fn memory_does_not_grow_with_the_file() {
    const SIZE: u64 = 200 * MIB;
    const STEP: u64 = MIB;
    const MEMORY: usize = 24 << 20;
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
