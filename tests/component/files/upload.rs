//! Uploads: chunks, sessions, and misbehaving services.

use std::time::Duration;

use embedded_host::types::{Options, UploadRequest};
use embedded_host::{DEFAULT_OPTIONS, Reply};
use sandbox::{Fault, FaultKind, Service, seed};

use super::{MIB, content, contract, fields, file, ranges, unusable};
use crate::support::{
    Client, Requests, Tenant, answer, answered, contoso, contoso_settings, dataverse_error, json, outage,
    request_faults, token_answer, with_options,
};

const LOCATION: &str =
    "https://contoso.crm.dynamics.com/api/data/v9.2/contacts(1)/sample_contract?sessiontoken=a%2fb%252f";

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
        format!("dynamics365-upload-1 {sent} {size} {chunk} {location} a b")
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
        state(LOCATION, 0, 5, 5),
        state(LOCATION, 20, 10, 10).replace(" a b", " "),
        state(LOCATION, 20, 10, 10).replace("upload-1", "upload-2"),
        state(LOCATION, 20, 10, 10) + "\n",
        state(LOCATION, 20, 10, 10).replace(" 20 ", " -20 "),
        String::new(),
        "x".to_owned(),
    ] {
        assert_eq!(fields(client.resume(&state).err().unwrap()), ["state"], "{state}");
    }
    assert!(requests.lock().unwrap().is_empty());
}

/// A client whose uploads get this answer's headers at the start; chunks are accepted.
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
    let state = client.instance.upload_state(upload).unwrap();
    assert!(client.resume(&state).is_ok());
    let larger = client.resume(&state.replace(" 1000 ", " 1001 ")).err().unwrap();
    assert_eq!(fields(larger), ["state"]);
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
fn a_file_that_is_too_large_is_the_services_refusal() {
    let tenant = Tenant::start();
    tenant.sandbox.set_largest_file(10);
    let mut client = tenant.client();
    let error = dataverse_error(client.put(11, 11).unwrap_err());
    assert_eq!(error.code, "0x80044a02");
}
