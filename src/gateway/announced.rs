//! Bodies that have to be as long as their message says. Hosts notice most that are not, but not all: Wasmtime 49 can end the body
//! of a WASI 0.3 component early as if it were whole.

use crate::host::{Body, Cause, Failure};

/// A body, and how many more bytes of it were announced.
pub(crate) struct Announced<B> {
    source: B,
    left: Option<u64>,
}

impl<B> Announced<B> {
    /// `length` is `None` where nothing was announced.
    pub(crate) fn new(source: B, length: Option<u64>) -> Self {
        Self { source, left: length }
    }
}

impl<B: Body> Body for Announced<B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let chunk = self.source.chunk().await?;
        let Some(left) = &mut self.left else {
            return Ok(chunk);
        };
        match &chunk {
            Some(bytes) => {
                let length = bytes.len() as u64;
                *left = left.checked_sub(length).ok_or_else(|| broken("longer"))?;
            }
            None if *left > 0 => return Err(broken("shorter")),
            None => {}
        }
        Ok(chunk)
    }
}

fn broken(than: &str) -> Failure {
    Failure::new(Cause::CutOff, format!("the body is {than} than its Content-Length"))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::rc::Rc;

    use http::{Method, Request, StatusCode};
    use pollster::block_on;

    use crate::dataverse::client::Connection;
    use crate::gateway::{Gateway, handle};
    use crate::host::Body;
    use crate::host::fake::FakeHost;
    use crate::settings::tests::contoso;

    const KEY: &str = "the-key-of-these-tests";
    const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#;

    /// Relays a request; the status, and the body as far as it came and whether it ended.
    fn relay(host: &FakeHost, method: Method, announced: &str, chunks: &[&'static str]) -> (StatusCode, String, bool) {
        let request = Request::builder()
            .method(method)
            .uri("http://gateway/api/data/v9.2/contacts")
            .header("x-api-key", KEY)
            .header("content-type", "application/octet-stream")
            .header("content-length", announced)
            .body(VecDeque::from(chunks.to_vec()))
            .unwrap();
        let variables = vec![("GATEWAY_KEY".to_owned(), KEY.to_owned())];
        let gateway = Rc::new(Gateway::from_variables(variables).unwrap());
        let connection = Rc::new(Connection::new(contoso(), Rc::default()));
        block_on(async {
            let reply = handle(host, request, || Ok(gateway), || Ok(connection)).await;
            let status = reply.status();
            let (mut body, mut text) = (reply.into_body(), String::new());
            loop {
                match body.chunk().await {
                    Ok(Some(chunk)) => text += std::str::from_utf8(&chunk).unwrap(),
                    Ok(None) => return (status, text, true),
                    Err(_) => return (status, text, false),
                }
            }
        })
    }

    #[test]
    fn a_request_that_is_not_as_long_as_announced_is_not_sent_whole() {
        for (announced, is_whole) in [("5", false), ("6", true), ("7", false)] {
            let host = FakeHost::new([(200, [TOKEN].as_slice()), (204, &[])]);
            let (status, text, _) = relay(&host, Method::PATCH, announced, &["abc", "def"]);
            assert_eq!(
                status == StatusCode::NO_CONTENT,
                is_whole,
                "{announced}: {status} {text}"
            );
            assert_eq!(host.sent.borrow().len(), if is_whole { 2 } else { 1 }, "{announced}");
        }
    }

    #[test]
    fn an_answer_that_is_not_as_long_as_announced_breaks() {
        // The second is rewritten, so its length is not passed on.
        for content_type in ["application/octet-stream", "application/json"] {
            for (announced, is_whole) in [("5", false), ("6", true), ("7", false)] {
                let host = FakeHost::answering(move |uri| {
                    let is_token = uri.path().ends_with("/token");
                    let chunks = if is_token { vec![TOKEN] } else { vec!["[1", ",23]"] };
                    let mut answer = http::Response::builder().header("content-type", content_type);
                    if !is_token {
                        answer = answer.header("content-length", announced);
                    }
                    answer.body(chunks).unwrap()
                });
                let (status, text, ended) = relay(&host, Method::GET, "0", &[]);
                assert_eq!(
                    (status, ended),
                    (StatusCode::OK, is_whole),
                    "{content_type} {announced}: {text}"
                );
            }
        }
    }

    #[test]
    fn an_answer_without_a_body_may_announce_one() {
        for (method, status) in [(Method::HEAD, StatusCode::OK), (Method::GET, StatusCode::NOT_MODIFIED)] {
            let host = FakeHost::answering(move |uri| {
                let is_token = uri.path().ends_with("/token");
                let mut answer = http::Response::builder().header("content-type", "application/json");
                if !is_token {
                    answer = answer.status(status).header("content-length", "5");
                }
                answer.body(if is_token { vec![TOKEN] } else { vec![] }).unwrap()
            });
            let (seen, _, ended) = relay(&host, method, "0", &[]);
            assert_eq!((seen, ended), (status, true));
        }
    }
}
