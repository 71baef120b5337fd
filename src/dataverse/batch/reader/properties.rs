//! Whatever a server may write is read as it was meant, and whatever else may come makes nothing worse than an error.

use proptest::prelude::*;

use super::*;

/// A response as a server may write it.
#[derive(Clone, Debug)]
struct Written {
    content_id: Option<u8>,
    status: u16,
    body: Vec<u8>,
    with_length: bool,
}

fn written() -> impl Strategy<Value = Written> {
    let pieces = prop::sample::select(vec![
        "--b",
        "--c",
        "--",
        "\r\n",
        "\n",
        "\r",
        "{}",
        "HTTP/1.1 200\r\n",
        "\0",
        "x",
        " ",
    ]);
    let body = prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat().into_bytes());
    let status = prop::sample::select(vec![200_u16, 201, 400, 404, 412, 429, 500]);
    (prop::option::of(any::<u8>()), status, body, any::<bool>()).prop_map(|(content_id, status, body, with_length)| {
        // Without a length, a body must not hold a delimiter, for which a server's random boundary sees; nor can one tell whose
        // a carriage return at its end is.
        let with_length = with_length || String::from_utf8_lossy(&body).contains("--") || body.ends_with(b"\r");
        Written {
            content_id,
            status,
            body,
            with_length,
        }
    })
}

fn write(text: &mut Vec<u8>, boundary: &str, line_end: &str, response: &Written) {
    let id = response.content_id.map(|id| format!("Content-ID: {id}{line_end}"));
    let length = response
        .with_length
        .then(|| format!("Content-Length: {}{line_end}", response.body.len()));
    let head = format!(
        "--{boundary}{line_end}Content-Type: application/http{line_end}{}{line_end}HTTP/1.1 {} Reason{line_end}{}{line_end}",
        id.unwrap_or_default(),
        response.status,
        length.unwrap_or_default()
    );
    text.extend(head.into_bytes());
    text.extend(&response.body);
    text.extend(line_end.as_bytes());
}

/// The text of an answer; items of several responses, or of none, are change sets.
fn write_all(items: &[Vec<Written>], line_end: &str) -> Vec<u8> {
    let mut text = Vec::new();
    for item in items {
        if let [response] = item.as_slice() {
            write(&mut text, "b", line_end, response);
        } else {
            let head = format!("--b{line_end}Content-Type: multipart/mixed; boundary=c{line_end}{line_end}");
            text.extend(head.into_bytes());
            for response in item {
                write(&mut text, "c", line_end, response);
            }
            text.extend(format!("--c--{line_end}").into_bytes());
        }
    }
    text.extend(b"--b--");
    text
}

fn items() -> impl Strategy<Value = Vec<Vec<Written>>> {
    prop::collection::vec(prop::collection::vec(written(), 0..4), 0..6)
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["\r\n", "\n"])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(items in items(), line_end in line_end()) {
        let text = write_all(&items, line_end);
        let read = read(&text, "b").unwrap();
        prop_assert_eq!(read.len(), items.len());
        for (item, written) in read.iter().zip(&items) {
            prop_assert_eq!(item.all().len(), written.len());
            for (part, written) in item.all().iter().zip(written) {
                prop_assert_eq!(part.response.status().as_u16(), written.status);
                prop_assert_eq!(*part.response.body(), written.body.as_slice());
                let id = written.content_id.map(|id| id.to_string());
                prop_assert_eq!(&part.content_id, &id);
            }
        }
    }

    #[test]
    fn nothing_that_comes_makes_it_panic(
        items in items(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, prop::collection::vec(any::<u8>(), 0..4)), 0..8),
    ) {
        let mut text = write_all(&items, "\r\n");
        for (at, removed, inserted) in changes {
            let start = at.index(text.len() + 1);
            let end = (start + removed).min(text.len());
            text.splice(start..end, inserted);
        }
        if let Ok(items) = read(&text, "b") {
            let bytes: usize = items.iter().flat_map(Item::all).map(|part| part.response.body().len()).sum();
            prop_assert!(bytes <= text.len());
        }
    }

    #[test]
    fn nor_does_noise(text in prop::collection::vec(prop::sample::select(b"--bc\r\n: HTP/1.204Content-ype;=\"\0".to_vec()), 0..200)) {
        let _ = read(&text, "b");
    }
}
