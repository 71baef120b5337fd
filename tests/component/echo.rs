//! A token that Dataverse's answer repeats, in what the contract's functions return.

use std::sync::atomic::{AtomicUsize, Ordering};

use embedded_host::Reply;
use embedded_host::types::Method;

use crate::batch::{alone, done, send};
use crate::support::{TOKEN, answer, answered, contoso, contoso_settings, dataverse_error, json_answer, request};

const STARS: &str = "********************";

#[test]
fn rows_and_headers_come_without_it() {
    let encoded = TOKEN.replace('.', "%2e");
    let (mut client, _) = contoso(move || {
        let body = format!(r#"{{"value":[{{"lastname":"Bearer {TOKEN}"}}]}}"#);
        let mut answer = json_answer(200, &body);
        for (name, value) in [
            ("x-echo", format!("Bearer {TOKEN}")),
            ("location", format!("https://x.example/{encoded}")),
        ] {
            answer.headers_mut().insert(name, value.parse().unwrap());
        }
        Reply::Answer(answer)
    });
    let response = client.get("contacts").unwrap();
    assert_eq!(
        String::from_utf8_lossy(&response.body),
        format!(r#"{{"value":[{{"lastname":"Bearer {STARS}"}}]}}"#)
    );
    assert!(
        response
            .headers
            .contains(&("x-echo".to_owned(), format!("Bearer {STARS}")))
    );
    assert!(!format!("{response:?}").contains("this-test"), "{response:?}");
}

#[test]
fn parts_of_a_batch_come_without_it() {
    let (mut client, _) = contoso(|| {
        let part = format!(
            "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Echo: {TOKEN}\r\n\
             \r\n{{\"value\":\"{TOKEN}\"}}\r\n--b--\r\n"
        );
        Reply::Answer(answer(200, &[("content-type", "multipart/mixed; boundary=b")], part))
    });
    let results = send(&mut client, vec![alone(request(Method::Get, "contacts"))], false).unwrap();
    let response = done(&results[0]);
    assert_eq!(
        String::from_utf8_lossy(&response.body),
        format!("{{\"value\":\"{STARS}\"}}")
    );
    assert!(!format!("{response:?}").contains(TOKEN), "{response:?}");
}

#[test]
fn errors_come_without_that_of_an_earlier_attempt() {
    let asked = AtomicUsize::new(0);
    let (mut client, _) = answered(&contoso_settings(), move |request| {
        let at = asked.fetch_add(1, Ordering::SeqCst);
        if request.uri().path().contains("/oauth2/") {
            let token = if at == 0 { "the-first.token.of-all" } else { TOKEN };
            let body = format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{token}"}}"#);
            return Reply::Answer(json_answer(200, &body));
        }
        if at == 1 {
            return Reply::Answer(answer(401, &[], ""));
        }
        let body = format!(r#"{{"error":{{"code":"0x1","message":"not the-first.token.of-all, nor {TOKEN}"}}}}"#);
        Reply::Answer(json_answer(403, &body))
    });
    client.token().unwrap();
    let error = dataverse_error(client.get("contacts").unwrap_err());
    assert_eq!(error.message, format!("not {}, nor {STARS}", "*".repeat(22)));
}
