use super::*;

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n";

/// A part with these lines in its own head.
fn part_with(head: &str, response: &str) -> String {
    format!("--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{head}\r\n{response}\r\n")
}

fn part(response: &str) -> String {
    part_with("", response)
}

fn ended(parts: &str) -> String {
    format!("{parts}--b--\r\n")
}

/// Each item's responses: Content-ID, status, body.
type Seen = Vec<Vec<(Option<String>, u16, String)>>;

fn seen(text: impl AsRef<[u8]>) -> Result<Seen, Unreadable> {
    let see = |part: &Part<'_>| {
        let body = String::from_utf8_lossy(part.response.body()).into_owned();
        (part.content_id.clone(), part.response.status().as_u16(), body)
    };
    let items = read(text.as_ref(), "b")?;
    Ok(items.iter().map(|item| item.all().iter().map(see).collect()).collect())
}

fn one(status: u16, body: &str) -> Seen {
    vec![vec![(None, status, body.to_owned())]]
}

fn malformed(text: &str) -> &'static str {
    match read(text.as_bytes(), "b") {
        Err(Unreadable::Malformed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// What Dataverse answers to a create, a change set of two, a query and a request that fails.
fn typical() -> String {
    let created = |id: u8| {
        format!(
            "HTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\
             Location: https://contoso.crm.dynamics.com/api/data/v9.2/tasks(00000000-0000-0000-0000-00000000000{id})\r\n\
             OData-EntityId: https://contoso.crm.dynamics.com/api/data/v9.2/tasks(00000000-0000-0000-0000-00000000000{id})\r\n\r\n"
        )
    };
    let in_set = |id: u8| {
        format!(
            "--changesetresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: {id}\r\n\r\n{}\r\n",
            created(id)
        )
    };
    ended(
        &[
            part(&created(9)),
            "--b\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n".to_owned(),
            in_set(1),
            in_set(2),
            "--changesetresponse_1--\r\n".to_owned(),
            part("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\r\n  \"value\": []\r\n}"),
            part("HTTP/1.1 404 Not Found\r\nREQ_ID: x\r\nContent-Type: application/json\r\n\r\n{\"error\":{}}"),
        ]
        .concat(),
    )
}

fn typical_seen(body: &str) -> Seen {
    let id = |id: &str| Some(id.to_owned());
    vec![
        vec![(None, 204, String::new())],
        vec![(id("1"), 204, String::new()), (id("2"), 204, String::new())],
        vec![(None, 200, body.to_owned())],
        vec![(None, 404, "{\"error\":{}}".to_owned())],
    ]
}

#[test]
fn a_typical_answer_is_read() {
    assert_eq!(seen(typical()).unwrap(), typical_seen("{\r\n  \"value\": []\r\n}"));
    let text = typical();
    let items = read(text.as_bytes(), "b").unwrap();
    let created = &items[0].all()[0].response;
    assert!(
        created.headers()["odata-entityid"]
            .to_str()
            .unwrap()
            .ends_with("000000000009)")
    );
}

#[test]
fn bare_line_feeds_are_line_ends() {
    let text = typical().replace("\r\n", "\n");
    assert_eq!(seen(text).unwrap(), typical_seen("{\n  \"value\": []\n}"));
}

#[test]
fn every_cut_is_noticed() {
    let text = typical();
    let whole = text.len() - "--\r\n".len();
    for end in 0..=whole {
        assert!(read(&text.as_bytes()[..end], "b").is_err(), "{end}");
    }
    // The last line end says nothing more.
    for end in text.len() - 2..=text.len() {
        assert!(read(&text.as_bytes()[..end], "b").is_ok(), "{end}");
    }
}

#[test]
fn a_status_needs_no_reason_nor_a_version() {
    for line in ["HTTP/1.1 404", "HTTP/1.1 404 ", "HTTP 404 Not Found", "HTTP/2  404"] {
        let text = ended(&part(&format!("{line}\r\n\r\ngone")));
        assert_eq!(seen(text).unwrap(), one(404, "gone"), "{line}");
    }
    for line in [
        "",
        "404 Not Found",
        "HTTP/1.1",
        "HTTP/1.1 4040",
        "HTTP/1.1 abc",
        "GET / HTTP/1.1",
    ] {
        let text = ended(&part(&format!("{line}\r\n\r\ngone")));
        assert!(malformed(&text).contains("HTTP status"), "{line}");
    }
}

#[test]
fn text_around_the_parts_is_passed_over() {
    let text = ended(&part(NO_CONTENT));
    for text in [
        format!("\r\n{text}"),
        format!("This is a message in parts.\r\n--not b\r\n{text}--b\r\nand after\r\n"),
        text.replace("\r\n\r\nHTTP", "\r\n\r\n\r\n\r\nHTTP"),
    ] {
        assert_eq!(seen(&text).unwrap(), one(204, ""), "{text}");
    }
}

#[test]
fn lines_that_look_like_a_delimiter_are_none() {
    let body = "--c\r\n--bc\r\n --b\r\nx--b\r\n--b-\r\n--b--x\r\n-b\r\n--";
    let text = ended(&part(&format!("HTTP/1.1 200 OK\r\n\r\n{body}")));
    assert_eq!(seen(text).unwrap(), one(200, body));
}

#[test]
fn a_delimiter_may_be_padded() {
    let text = ended(&part(NO_CONTENT))
        .replace("--b\r\n", "--b \t\r\n")
        .replace("--b--\r\n", "--b-- ");
    assert_eq!(seen(text).unwrap(), one(204, ""));
}

#[test]
fn boundaries_may_be_of_odd_characters() {
    for boundary in ["a b", "=_'()+,-./:=?", "--", "b--b", "\"", "é"] {
        let text = ended(&part("HTTP/1.1 200 OK\r\n\r\n--b")).replace("--b\r\nC", &format!("--{boundary}\r\nC"));
        let text = text.replace("--b--\r\n", &format!("--{boundary}--\r\n"));
        let items = read(text.as_bytes(), boundary).unwrap();
        assert_eq!(*items[0].all()[0].response.body(), b"--b", "{boundary}");
    }
}

#[test]
fn a_length_tells_a_delimiter_from_bytes_that_look_like_one() {
    let body = "PNG\0\r\n--b\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n--b--\r\n";
    let inner = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for text in [ended(&part(&inner)), ended(&part(&format!("{inner}\r\n")))] {
        assert_eq!(seen(text).unwrap(), one(200, body));
    }
    // As Microsoft's page has it in requests: the length of the whole message, in the part's own head.
    let message = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    let length = format!("Content-Length: {}\r\n", message.len());
    assert_eq!(seen(ended(&part_with(&length, &message))).unwrap(), one(200, body));
}

#[test]
fn a_length_that_is_not_true_is_passed_over() {
    for length in ["0", "3", "7", "99999999999999999999", "-1", "x"] {
        let text = ended(&part(&format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nbody"
        )));
        assert_eq!(seen(text).unwrap(), one(200, "body"), "{length}");
    }
}

#[test]
fn a_text_that_ends_in_the_delimiter_behind_a_body_is_cut() {
    let body = "1\r\n--b--\r\n2";
    let text = ended(&part(&format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )));
    let whole = text.trim_end();
    assert_eq!(seen(whole).unwrap(), one(200, body));
    for end in 0..whole.len() {
        assert_eq!(
            seen(&whole[..end]).unwrap_err(),
            Unreadable::CutOff,
            "{}",
            &whole[..end]
        );
    }
}

#[test]
fn a_text_shorter_than_a_part_announces_is_cut() {
    let text = |length: &str| {
        ended(&part(&format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n1\r\n--b--\r\n2"
        )))
    };
    for length in ["50", "4294967295"] {
        assert_eq!(seen(text(length)).unwrap_err(), Unreadable::CutOff, "{length}");
    }
    assert_eq!(seen(text("11")).unwrap(), one(200, "1\r\n--b--\r\n2"));
}

#[test]
fn a_part_is_not_in_chunks_whatever_it_says() {
    let body = "4\r\nbody\r\n0\r\n\r\n";
    let text = ended(&part(&format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    )));
    assert_eq!(seen(text).unwrap(), one(200, body));
}

#[test]
fn missing_empty_lines_are_missed_by_nobody() {
    let text = ended("--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n");
    assert_eq!(seen(text).unwrap(), one(204, ""));
    assert_eq!(
        seen(ended("--b\r\n\r\nHTTP/1.1 204\r\n")).unwrap(),
        one(204, ""),
        "without a content type"
    );
}

#[test]
fn an_answer_without_content_has_none() {
    for status in [204, 304] {
        let text = ended(&part(&format!("HTTP/1.1 {status}\r\n\r\n\r\n\r\n")));
        assert_eq!(seen(text).unwrap(), one(status, ""));
    }
}

#[test]
fn headers_are_kept_and_what_is_none_is_passed_over() {
    let text = ended(&part(
        "HTTP/1.1 200 OK\r\nx-twice: a\r\nno header\r\nX-Twice:b\r\nbad name: c\r\nETag: W/\"1\"\r\nfolded: one\r\n\t two\r\n\r\n",
    ));
    let items = read(text.as_bytes(), "b").unwrap();
    let headers = items[0].all()[0].response.headers();
    assert_eq!(headers.get_all("x-twice").iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(headers["etag"], "W/\"1\"");
    assert_eq!(headers["folded"], "one\t two");
    assert_eq!(headers.len(), 4);
}

#[test]
fn a_folded_content_type_still_names_a_boundary() {
    let text = typical().replace("multipart/mixed; boundary", "multipart/mixed;\r\n\tboundary");
    assert_eq!(seen(text).unwrap(), typical_seen("{\r\n  \"value\": []\r\n}"));
}

#[test]
fn change_sets_may_share_a_boundary_and_be_empty() {
    let set = |parts: &str| {
        format!("--b\r\nContent-Type: multipart/mixed; boundary=\"c\"\r\n\r\npreamble\r\n{parts}--c--\r\nepilogue\r\n")
    };
    let inner = part(NO_CONTENT).replace("--b", "--c");
    let text = ended(&[set(&inner), set(&inner.repeat(2)), set("")].concat());
    let counts: Vec<_> = seen(text).unwrap().iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 2, 0]);
}

#[test]
fn a_change_set_that_does_not_end_or_holds_another_is_unreadable() {
    let begin = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n";
    let inner = part(NO_CONTENT).replace("--b", "--c");
    assert_eq!(seen(ended(&format!("{begin}{inner}"))).unwrap_err(), Unreadable::CutOff);
    let nested = "--c\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n--d--\r\n--c--\r\n";
    malformed(&ended(&format!("{begin}{nested}")));
    let same = begin.replace("=c", "=b");
    assert_eq!(seen(ended(&format!("{same}--b--\r\n"))).unwrap(), [vec![]]);
    assert_eq!(seen(ended(&same)).unwrap_err(), Unreadable::CutOff);
}

#[test]
fn an_answer_may_be_empty_but_not_of_empty_parts() {
    assert!(seen("--b--").unwrap().is_empty());
    malformed(&ended("--b\r\n"));
    malformed(&ended("--b\r\n\r\n\r\n"));
    assert_eq!(seen("").unwrap_err(), Unreadable::CutOff);
}

#[test]
fn there_is_an_end_to_parts_and_headers() {
    let most = part(NO_CONTENT).repeat(MAX_REQUESTS);
    assert_eq!(seen(ended(&most)).unwrap().len(), MAX_REQUESTS);
    assert!(malformed(&ended(&(most + &part(NO_CONTENT)))).contains("more answers"));
    let empty = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n";
    assert!(malformed(&ended(&empty.repeat(MAX_REQUESTS + 1))).contains("more answers"));
    let headers = |count: usize| ended(&part(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count))));
    assert_eq!(seen(headers(MAX_HEADERS)).unwrap(), one(200, ""));
    assert!(malformed(&headers(MAX_HEADERS + 1)).contains("too many headers"));
}

/// With a reader that looks at anything twice as often as there are parts or lines, these take minutes.
#[test]
fn hostile_texts_are_read_as_fast_as_others() {
    const SIZE: usize = 4 << 20;
    let begin = "--b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    let fill = |text: &str| text.repeat(SIZE / text.len());
    for body in ["\n--b ", "\n--b--x", "--b", "\n", "\r\n--", " "] {
        let text = format!("{begin}{}", fill(body));
        assert!(seen(text).is_err(), "{body}");
    }
    // Every part announces to end where the last one does.
    let far = format!("--b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n\r\n");
    let text = format!("{}{}", far.repeat(MAX_REQUESTS), fill("\n"));
    assert_eq!(seen(text).unwrap_err(), Unreadable::CutOff);
    assert_eq!(
        seen(format!("--b\r\na: b\n{}", fill(" c\n"))).unwrap_err(),
        Unreadable::CutOff
    );
}
