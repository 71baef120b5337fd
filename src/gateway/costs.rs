//! Scanners of outside text take linear time: eight times the text takes about eight times as long. A quadratic scanner
//! would take 64 times as long. The bound lies between the two.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::json_links::JsonLinks;
use super::links::{Origins, replace_in_query};
use super::multipart::MultipartLinks;
use super::opened::Opened;
use super::query;
use super::rewrite::{Rewrite, Stop};
use crate::dataverse::url::{self, MAX_URL_IN_BATCH};
use crate::echo::Mask;
use crate::http::boundary::{boundary_of, clear_boundary};
use crate::http::origin::Origin;
use crate::http::{challenge, content_coding, dot_segments, prefer};
use crate::redact::redact;

const GROWTH: usize = 8;
const MOST: u32 = 24;

/// How often both are measured before the longer one counts as too long. Other load makes a run longer, never shorter.
const ROUNDS: usize = 12;
const LEAST_ROUNDS: usize = 3;

/// The processor time of this thread, which other processes do not lengthen.
#[cfg(unix)]
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

#[cfg(not(unix))]
fn now() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// Compares the time that `scan` takes for `unit` repeated up to `length` bytes, and for eight times as many.
fn assert_linear(name: &str, unit: &str, length: usize, scan: impl Fn(&str)) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let text = |length: usize| unit.repeat(length / unit.len() + 1);
    let (short_text, long_text) = (text(length), text(length * GROWTH));
    let time = |text: &str| {
        let begun = now();
        scan(black_box(text));
        now() - begun
    };
    let (mut short, mut long) = (Duration::MAX, Duration::MAX);
    for round in 1..=ROUNDS {
        // Shorter times are fast enough, and too short to measure.
        short = short.min(time(&short_text)).max(Duration::from_micros(20));
        long = long.min(time(&long_text));
        if round >= LEAST_ROUNDS && long < short * MOST {
            return;
        }
    }
    panic!("{name}, {unit:?}: {short:?} for {length} bytes, and {long:?} for {GROWTH} times as many");
}

fn origins() -> Origins {
    Origins {
        from: "https://org.example".to_owned(),
        to: "http://gw:3000".to_owned(),
    }
}

fn rewrite(mut rewrite: impl Rewrite, text: &str) {
    let mut out = Vec::new();
    for piece in text.as_bytes().chunks(4096) {
        rewrite.feed(piece, &mut out);
    }
    rewrite.finish(&mut out);
    black_box(out);
}

#[test]
fn links_cost_what_their_length_costs() {
    for unit in [
        r#"{"@odata.id":"https://org.exampl","#,
        r#""@odata.id":"\/\/\/"#,
        r#""@odata.bind":["https://org.example/x","#,
        "\\",
        "\"",
        "\"x@odata.id\": ",
        "[",
    ] {
        assert_linear("links", unit, 32 << 10, |text| rewrite(JsonLinks::new(origins()), text));
    }
    for unit in ["&$id=https://org.example", "&", "=", "%24id=%"] {
        assert_linear("links in a query", unit, 32 << 10, |text| {
            black_box(replace_in_query(&origins(), &format!("/x?{text}")));
        });
    }
}

#[test]
fn a_multipart_text_costs_what_its_length_costs() {
    let near_miss = format!("--{}x\r\n", "b".repeat(69));
    let set = "--bbb\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n";
    let message = "--bbb\r\nContent-Type: application/http\r\n\r\nGET /x HTTP/1.1\r\nAccept: x\r\n\r\n{\"@odata.id\":\"https://org\"}\r\n";
    let folded = "--bbb\r\nX: y\r\n z\r\n\tz\r\n";
    for (boundary, unit) in [
        ("b".repeat(70), near_miss.as_str()),
        ("-".repeat(70), "-"),
        ("-".repeat(70), "---\r\n"),
        ("bbb".to_owned(), set),
        ("bbb".to_owned(), message),
        ("bbb".to_owned(), folded),
        ("bbb".to_owned(), "--bbb   "),
        ("bbb".to_owned(), "\r"),
        ("bbb".to_owned(), "--bbb\r\n z"),
        ("b b b".to_owned(), "--b b "),
    ] {
        assert_linear("multipart, an answer", unit, 32 << 10, |text| {
            rewrite(MultipartLinks::new(origins(), &boundary), text);
        });
        assert_linear("multipart, a request", unit, 32 << 10, |text| {
            let opened = Rc::new(Opened::default());
            rewrite(
                MultipartLinks::of_request(origins(), &boundary, opened, Stop::default()),
                text,
            );
        });
    }
    // Such a long boundary is refused earlier, but matching is linear nevertheless.
    assert_linear("a long boundary", "b", 32 << 10, |text| {
        let links = MultipartLinks::new(origins(), &format!("{text}x"));
        rewrite(links, &format!("--{text}\r\n"));
    });
    for unit in [
        ";x=\"a;b\"",
        ";",
        "=",
        "\"",
        "\\",
        ";boundary",
        "boundary=",
        "; boundary=\"\";",
    ] {
        assert_linear("boundary", unit, 16 << 10, |text| {
            let content_type = format!("multipart/mixed{text}");
            black_box(boundary_of(&content_type));
            let _ = black_box(clear_boundary(&content_type));
        });
    }
}

#[test]
fn masking_costs_what_the_length_costs() {
    let jwt = format!("eyJ0eXAiOiJKV1Qi{}.{}", "aJ".repeat(200), "bQ".repeat(200));
    let alike = format!("{}b", "aJ".repeat(500));
    for unit in [
        "eyJ0eXAi",
        "eyJ0eXAiOiJKV1Qi",
        "J",
        "aJ",
        "a",
        "%61",
        "%",
        "\\u0061",
        "\\",
        "\"x\":\"y\",",
    ] {
        for token in [&jwt, &alike, &format!(".{jwt}")] {
            assert_linear("masking", unit, 32 << 10, |text| {
                let mut mask = Mask::new(token);
                for piece in text.as_bytes().chunks(4096) {
                    black_box(mask.feed(piece.to_vec()));
                }
                black_box(mask.finish());
            });
        }
    }
    let cut = &jwt[..jwt.len() - 1];
    assert_linear("masking of what is cut off", cut, 32 << 10, |text| {
        black_box(Mask::new(&jwt).feed(text.as_bytes().to_vec()));
    });
    for unit in ["gzip, ", "gzip;q=0.", "*;q=0,", ";", ",", "identity"] {
        assert_linear("content codings", unit, 8 << 10, |text| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(text).unwrap();
            headers.insert("accept-encoding", value.clone());
            headers.insert("content-encoding", value);
            black_box((
                content_coding::narrowed(&headers),
                content_coding::Applied::of(&headers),
            ));
        });
    }
}

#[test]
fn headers_cost_what_their_length_costs() {
    for unit in [
        "Bearer a=b,",
        "=,",
        "Bearer ",
        " ",
        ",",
        "a=\"\\\"",
        "\"",
        "Bearer\t= \"a\"\t,",
    ] {
        assert_linear("challenge", unit, 1 << 10, |text| {
            let mut headers = HeaderMap::new();
            headers.insert("www-authenticate", HeaderValue::from_str(text).unwrap());
            black_box((
                challenge::authorization_uri(&headers),
                challenge::demanded_claims(&headers),
            ));
        });
    }
    for unit in ["a=\"b,c\",", ",", "\"", "a=b;c=d, ", " "] {
        assert_linear("prefer", unit, 8 << 10, |text| {
            let mut headers = HeaderMap::new();
            headers.append("prefer", HeaderValue::from_str(text).unwrap());
            headers.append("prefer", HeaderValue::from_static("x"));
            prefer::merge(&mut headers);
            let _ = black_box(prefer::add(&mut headers, "return", "minimal"));
        });
    }
}

#[test]
fn urls_cost_what_their_length_costs() {
    for unit in [
        "$filter=x eq 'a%2527'&",
        "$filter=f(PropertyName=@p)&@p='a'&",
        "@p='a'&",
        "PropertyName=",
        "$filter=PropertyName%20%20",
        "%25",
        "&",
        "%26",
        "'",
        "$skiptoken=%2526&",
    ] {
        assert_linear("the query of a restricted caller", unit, 8 << 10, |text| {
            let _ = black_box(query::check(text));
        });
        assert_linear("the query of any caller", unit, 8 << 10, |text| {
            let _ = black_box(Opened::default().check_query(text));
        });
    }
    for unit in [
        "/a",
        "/.a",
        "%25",
        "%252e",
        ";",
        "%c3",
        "/;",
        " ",
        "%u002ea",
        "\u{2025}a",
    ] {
        assert_linear("dot segments", unit, 16 << 10, |text| {
            let _ = black_box(dot_segments::refuse(text));
        });
    }
    let environment = Origin::parse("https://org.example").unwrap();
    for unit in [
        "''",
        "[\"a\"]",
        "%27%27",
        "T00:00+01:00",
        "+",
        "%",
        "%25",
        "[",
        "a/",
        "?",
    ] {
        assert_linear("the path of a request", unit, 7 << 10, |text| {
            let _ = black_box(url::target(&environment, &format!("x?y={text}"), MAX_URL_IN_BATCH));
            let _ = black_box(url::target(&environment, text, MAX_URL_IN_BATCH));
        });
    }
}

#[test]
fn redacting_costs_what_the_length_costs() {
    let secret = "a~secret&of+this/test=".repeat(300);
    for unit in ["%", "%25", "25", "a~secret", "a~secre", "&amp;"] {
        assert_linear("redact", unit, 8 << 10, |text| {
            black_box(redact(text, &[&secret]));
        });
    }
}
