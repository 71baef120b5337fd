//! Links and delimiters in multipart texts, whatever the pieces in which they come.

use super::*;

fn assert_rewritten(text: &str, expected: &str) {
    for size in 1..=text.len() {
        let origins = Origins {
            from: "http://gw:3000".to_owned(),
            to: "https://org.example".to_owned(),
        };
        let mut links = MultipartLinks::new(origins, "b");
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            links.feed(piece, &mut out);
        }
        links.finish(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "in pieces of {size}");
    }
}

#[test]
fn links_in_requests_point_to_the_other_origin() {
    assert_rewritten(
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
         GET http://gw:3000/api/data/v9.2/contacts?$top=1 HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n\
         --b\r\nContent-Type: multipart/mixed; boundary=\"c\"\r\n\r\n\
         --c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n\
         POST /api/data/v9.2/contacts HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n\
         {\"x@odata.bind\":\"http://gw:3000/api/data/v9.2/a(1)\",\"y\":\"http://gw:3000/x\\r\\n--b\"}\r\n\
         --c--\r\n--b--\r\n",
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
         GET https://org.example/api/data/v9.2/contacts?$top=1 HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n\
         --b\r\nContent-Type: multipart/mixed; boundary=\"c\"\r\n\r\n\
         --c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n\
         POST /api/data/v9.2/contacts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n\
         {\"x@odata.bind\":\"https://org.example/api/data/v9.2/a(1)\",\"y\":\"http://gw:3000/x\\r\\n--b\"}\r\n\
         --c--\r\n--b--\r\n",
    );
}

#[test]
fn links_in_answers_point_to_the_other_origin() {
    assert_rewritten(
        "preamble\r\n--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\
         Location: http://gw:3000/api/data/v9.2/contacts(1)\r\nOData-EntityId: http://gw:3000/c(1)\r\n\r\n\r\n\
         --b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
         {\"@odata.nextLink\":\"http://gw:3000/x\",\"text\":\"http://gw:3000/x\"}\r\n--b--",
        "preamble\r\n--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\
         Location: https://org.example/api/data/v9.2/contacts(1)\r\nOData-EntityId: https://org.example/c(1)\r\n\r\n\r\n\
         --b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
         {\"@odata.nextLink\":\"https://org.example/x\",\"text\":\"http://gw:3000/x\"}\r\n--b--",
    );
}

#[test]
fn other_texts_pass_unchanged() {
    for text in [
        "",
        "--",
        "--b",
        "--b\r\n",
        "no batch http://gw:3000/x\r\n",
        "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--",
    ] {
        assert_rewritten(text, text);
    }
}

#[test]
fn a_boundary_that_begins_like_another_is_not_taken_for_it() {
    let part =
        |body: &str| format!("--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{body}\r\n--b--");
    let inner = "--bc\r\nLocation: http://gw:3000/x\r\n";
    assert_rewritten(&part(inner), &part(inner));
}

#[test]
fn only_the_current_change_sets_boundary_is_kept() {
    let origins = Origins {
        from: "http://gw:3000".to_owned(),
        to: "https://org.example".to_owned(),
    };
    let mut links = MultipartLinks::new(origins, "b");
    for set in 0..100 {
        let part = format!("--b\r\nContent-Type: multipart/mixed; boundary=c{set}\r\n\r\n--c{set}--\r\n");
        links.feed(part.as_bytes(), &mut Vec::new());
    }
    let texts: Vec<_> = links
        .delimiters
        .iter()
        .map(|candidate| candidate.delimiter.as_bytes())
        .collect();
    assert_eq!(texts, [b"--b".as_slice(), b"--c99"]);
}
