use proptest::prelude::*;

use super::*;

/// As Entra ID's are, in short.
const TOKEN: &str = "eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJodHRwcz_vL2NvbnRvc28-Y3JtIn0.c2ln_bmF0-dXJl";

/// The text masked in pieces that end at these places.
fn masked(token: &str, text: &[u8], ends: &[usize]) -> Vec<u8> {
    let mut mask = Mask::new(token);
    let mut out = Vec::new();
    let mut begun = 0;
    for end in ends.iter().copied().chain([text.len()]) {
        let end = end.clamp(begun, text.len());
        out.append(&mut mask.feed(text[begun..end].to_vec()));
        begun = end;
    }
    out.append(&mut mask.finish());
    out
}

fn assert_masked(token: &str, text: &str, expected: &str) {
    for end in 0..=text.len() {
        let out = masked(token, text.as_bytes(), &[end]);
        assert_eq!(String::from_utf8_lossy(&out), expected, "cut at {end}");
    }
    for size in 1..=text.len() {
        let ends: Vec<_> = (1..text.len() / size + 1).map(|piece| piece * size).collect();
        let out = masked(token, text.as_bytes(), &ends);
        assert_eq!(String::from_utf8_lossy(&out), expected, "in pieces of {size}");
    }
}

fn stars(text: &str) -> String {
    "*".repeat(text.len())
}

/// All but the letters and digits.
fn percent_encoded(token: &str, digits: fn(u32) -> String) -> String {
    let encode = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_string()
        } else {
            digits(u32::from(c))
        }
    };
    token.chars().map(encode).collect()
}

fn upper(c: u32) -> String {
    format!("%{c:02X}")
}

#[test]
fn a_token_is_masked_wherever_the_text_is_cut() {
    let text = format!("you sent \"Bearer {TOKEN}\", {TOKEN}{TOKEN}eyJ0");
    let expected = text.replace(TOKEN, &stars(TOKEN));
    assert_masked(TOKEN, &text, &expected);
}

#[test]
fn a_token_is_masked_however_it_is_encoded() {
    for spelled in [
        percent_encoded(TOKEN, upper),
        percent_encoded(TOKEN, |c| format!("%{c:02x}")),
        TOKEN
            .replace('.', "\\u002e")
            .replace('-', "\\u002D")
            .replace('_', "%5F"),
        TOKEN.replacen('.', "%2E", 1),
        TOKEN.replace("hdW", "\\u0068%64\\u0057"),
    ] {
        assert_ne!(spelled, TOKEN);
        assert_masked(TOKEN, &format!("a{spelled}b"), &format!("a{}b", stars(&spelled)));
    }
    let opaque = "abc/def+ghi=~%2Fx\\y";
    for spelled in [opaque.to_owned(), "abc\\/def%2Bghi%3D%7E%2Fx\\u005cy".to_owned()] {
        assert_masked(opaque, &format!("({spelled})"), &format!("({})", stars(&spelled)));
    }
    assert_masked(".a", "..a%2ea\\u002Eab.", ".*************b.");
}

#[test]
fn what_is_not_the_token_is_left_alone() {
    for text in [
        "",
        "eyJ0",
        "eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJo",
        "eyJ0eXAiOiJKV1Qi%2",
        "eyJ0eXAiOiJKV1Qi\\u00",
        "eyJ0eXAiOiJKV1Qi%zz\\u00zz\\u12\\n",
        "%65yJ0eXAiOiJKV1Qi",
    ] {
        assert_masked(TOKEN, text, text);
    }
    assert_masked("", "any text", "any text");
}

#[test]
fn most_of_a_token_is_masked_too() {
    for left_out in [1, 3, 30] {
        let part = &TOKEN[..TOKEN.len() - left_out];
        assert_masked(TOKEN, &format!("<{part}>"), &format!("<{}>", stars(part)));
        assert_masked(TOKEN, &format!("<{part}"), &format!("<{}", stars(part)));
        let both = format!("{part}{TOKEN}");
        assert_masked(TOKEN, &both, &stars(&both));
    }
    let half = &TOKEN[..30];
    assert_masked(TOKEN, half, half);
}

#[test]
fn a_token_that_begins_like_itself_is_found() {
    assert_masked("aab", "aaab", "a***");
    assert_masked("abab.abac", "abab.abab.abac", "abab.*********");
    assert_masked(
        "aaaaaaaa.aaaaaaaab",
        "aaaaaaaa%2eaaaaaaaa%2eaaaaaaaab",
        &format!("aaaaaaaa%2e{}", "*".repeat(20)),
    );
}

#[test]
fn headers_keep_their_lengths() {
    let mut headers = HeaderMap::new();
    let value = format!("https://org.example/?token={}&x=é", percent_encoded(TOKEN, upper));
    headers.insert("location", HeaderValue::from_bytes(value.as_bytes()).unwrap());
    headers.append("x", HeaderValue::from_static("one"));
    headers.append("x", HeaderValue::from_static("two.token"));
    headers.append("x", HeaderValue::from_str(TOKEN).unwrap());
    mask_headers(&mut headers, [TOKEN, "two.token", ""]);
    assert_eq!(headers["location"].len(), value.len());
    assert!(
        headers["location"]
            .as_bytes()
            .starts_with(b"https://org.example/?token=*****")
    );
    let values: Vec<_> = headers
        .get_all("x")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert_eq!(values, ["one", "*********", &stars(TOKEN)]);
}

/// Finds by trying each place.
fn plainly(token: &str, text: &str) -> String {
    text.replace(token, &stars(token))
}

proptest! {
    /// Of a few letters, so that tokens and texts are alike.
    #[test]
    fn any_split_gives_the_same(
        token in "[ab.]{1,12}",
        text in proptest::collection::vec(prop_oneof!["[ab.]{0,6}", Just("%2e".to_owned()), Just("\\u0061".to_owned()), Just("%".to_owned())], 0..12),
        ends in proptest::collection::vec(0_usize..80, 0..6),
    ) {
        let text = text.concat();
        let whole = masked(&token, text.as_bytes(), &[]);
        let mut ends = ends;
        ends.sort_unstable();
        prop_assert_eq!(&masked(&token, text.as_bytes(), &ends), &whole);
        prop_assert_eq!(whole.len(), text.len());
        let every: Vec<_> = (1..text.len()).collect();
        prop_assert_eq!(&masked(&token, text.as_bytes(), &every), &whole);
    }

    /// What stands there as it is, is gone.
    #[test]
    fn no_token_is_left(token in "[ab.]{1,12}", text in "[ab.]{0,60}") {
        let whole = String::from_utf8(masked(&token, text.as_bytes(), &[])).unwrap();
        prop_assert!(!whole.contains(&token));
        // The first is found first, so that both agree.
        prop_assert_eq!(whole, plainly(&token, &text));
    }
}
