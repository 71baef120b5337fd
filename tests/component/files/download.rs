//! Downloads: ranges, and services that return wrong ranges.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use embedded_host::types::{DownloadRequest, Options, OutageCause};
use embedded_host::{DEFAULT_OPTIONS, Network, Reply};
use sandbox::{Fault, Service};

use super::{content, fields, from, unusable};
use crate::support::{
    Client, Tenant, answer, answered, contoso_settings, dataverse_error, outage, request_faults, token_answer,
    with_options,
};

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

/// A client of a service that has a file of these tests and may misreport it.
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

#[test]
fn a_service_that_pays_no_heed_to_ranges_gives_the_whole_file() {
    let whole = |_, _| answer(200, &[("x-ms-file-size", "10")], content(0..10));
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
            u64::MAX => answer(200, &[("x-ms-file-name", "a.txt")], content(0..10)),
            _ => answer(400, &[("content-type", "application/json")], ONLY_WHOLE),
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
        let mut client = serving(move |_, _| answer(206, headers, content(0..bytes)));
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
        let mut client = serving(move |_, _| answer(206, headers, content(0..10)));
        assert_eq!(client.get_file(), content(0..10));
    }
    let mut client = serving(|_, _| answer(200, &[("x-ms-file-size", "11")], content(0..10)));
    unusable(client.download(&from(0)).err().unwrap(), "as many bytes");
}

#[test]
fn fewer_bytes_than_asked_for_are_taken_where_the_service_says_which() {
    let mut client = serving(|first, _| {
        let range = format!("bytes {first}-{first}/3");
        answer(206, &[("content-range", &range)], content(first..first + 1))
    });
    assert_eq!(client.get_file(), content(0..3));
}

#[test]
fn a_part_of_a_json_file_is_not_read_as_json() {
    let mut client = serving(|_, _| {
        answer(
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
            answer(206, &headers, content(first..first + 4))
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
