//! Reading a whole body, with a limit; and sending one that may be needed again.

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, Request, Response, StatusCode};

use super::content_coding::{Applied, IDENTITY};
use super::decoded::{Decoded, forget_coding};
use super::length;
use crate::host::{Body, Cause, Failure, Host, Timeouts};

/// Sends a request and reads the whole answer, up to `max_bytes` of body. One that is compressed, though that is not asked for, is
/// decoded, or left as it is where that is not possible: `stranger` says so then.
///
/// # Errors
/// A [`Failure`] when no answer begins, when it breaks off, or when it is too large.
pub(crate) async fn exchange<B: Body>(
    host: &impl Host,
    request: Request<Option<B>>,
    timeouts: &Timeouts,
    max_bytes: u32,
) -> Result<Response<Vec<u8>>, Failure> {
    let mut request = request;
    request.headers_mut().insert(ACCEPT_ENCODING, IDENTITY);
    let answer = host.send(request, timeouts).await?;
    let (mut head, body) = answer.into_parts();
    let mut body = match Applied::of(&head.headers) {
        Applied::Known(coding) => {
            forget_coding(&mut head.headers);
            Decoded::new(body, coding)
        }
        Applied::Plain | Applied::Unknown(_) => Decoded::Plain(body),
    };
    read_whole(&mut body, head.status, &head.headers, max_bytes)
        .await
        .map_err(|failure| Failure {
            status: Some(head.status.as_u16()),
            // There is an answer, so there was a request.
            sent: true,
            ..failure
        })
        .map(|bytes| Response::from_parts(head, bytes))
}

/// Reads the body of an answer with this status and these headers, up to `max_bytes`.
///
/// # Errors
/// A [`Failure`] when it breaks off, or when it is too large.
pub(crate) async fn read_whole(
    body: &mut impl Body,
    status: StatusCode,
    headers: &HeaderMap,
    max_bytes: u32,
) -> Result<Vec<u8>, Failure> {
    let max_bytes = u64::from(max_bytes);
    let announced = length::announced(status, headers);
    if announced.is_some_and(|length| length > max_bytes) {
        return Err(too_large(max_bytes));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await? {
        if (bytes.len() as u64).saturating_add(chunk.len() as u64) > max_bytes {
            return Err(too_large(max_bytes));
        }
        // Running out of memory would end the instance.
        bytes.try_reserve(chunk.len()).map_err(|_| too_large(max_bytes))?;
        bytes.extend_from_slice(&chunk);
    }
    // Hosts notice most short bodies; one that does not must not turn half an answer into a whole one.
    if announced.is_some_and(|length| length != bytes.len() as u64) {
        return Err(Failure::new(Cause::CutOff, "the answer is not as long as it announced"));
    }
    Ok(bytes)
}

fn too_large(max_bytes: u64) -> Failure {
    Failure::new(
        Cause::AnswerTooLarge,
        format!(
            "the answer is larger than the {max_bytes} bytes that the settings allow, or than memory: ask for less at a time"
        ),
    )
}

/// The body of a request that may be sent more than once.
pub(crate) enum Payload<'a, B> {
    /// None at all, which is not an empty one.
    None,
    /// All there, so that it can be sent again.
    Held(&'a [u8]),
    /// Streamed; `None` once it has been sent.
    Flowing(Option<B>),
}

impl<B: Body> Payload<'_, B> {
    /// Sends a request with it. A body that is streamed is gone then.
    ///
    /// # Errors
    /// A [`Failure`] when no answer begins, or when the body breaks off.
    pub(crate) async fn send<H: Host>(
        &mut self,
        host: &H,
        head: Request<()>,
        timeouts: &Timeouts,
    ) -> Result<Response<H::Body>, Failure> {
        match self {
            Self::None => host.send(head.map(|()| None::<&[u8]>), timeouts).await,
            Self::Held(bytes) => host.send(head.map(|()| Some(*bytes)), timeouts).await,
            Self::Flowing(body) => match body.take() {
                Some(body) => host.send(head.map(|()| Some(body)), timeouts).await,
                None => Err(Failure::not_sent(
                    Cause::CutOff,
                    "the request's body has been sent already",
                )),
            },
        }
    }

    /// Whether it can be sent once more.
    pub(crate) fn is_left(&self) -> bool {
        !matches!(self, Self::Flowing(None))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pollster::block_on;

    use super::*;
    use crate::host::fake::FakeHost;

    const TIMEOUTS: Timeouts = Timeouts {
        connect: Duration::ZERO,
        first_byte: Duration::ZERO,
        between_bytes: Duration::ZERO,
    };

    fn read(host: &FakeHost, max_bytes: u32) -> Result<Vec<u8>, Failure> {
        let request = Request::get("https://contoso.example/").body(None::<&[u8]>).unwrap();
        block_on(exchange(host, request, &TIMEOUTS, max_bytes)).map(Response::into_body)
    }

    #[test]
    fn chunks_become_one_body() {
        assert_eq!(
            read(&FakeHost::new([(200, ["one", " ", "two"].as_slice())]), 7).unwrap(),
            b"one two"
        );
        assert_eq!(read(&FakeHost::new([(200, [].as_slice())]), 7).unwrap(), b"");
    }

    #[test]
    fn the_limit_holds_over_all_chunks_and_over_the_announced_length() {
        let failure = read(&FakeHost::new([(200, ["one", " ", "two"].as_slice())]), 6).unwrap_err();
        assert_eq!((failure.cause, failure.status), (Cause::AnswerTooLarge, Some(200)));
        let announced = FakeHost::new([(200, ["CUT"].as_slice())]).with_header("content-length", "7");
        assert_eq!(read(&announced, 6).unwrap_err().cause, Cause::AnswerTooLarge);
    }

    #[test]
    fn a_body_that_breaks_or_is_not_of_the_announced_length_is_cut_off() {
        let broken = FakeHost::new([(200, ["one", "CUT"].as_slice())]);
        assert_eq!(read(&broken, 100).unwrap_err().cause, Cause::CutOff);
        for length in ["2", "4"] {
            let host = FakeHost::new([(200, ["one"].as_slice())]).with_header("content-length", length);
            let failure = read(&host, 100).unwrap_err();
            assert_eq!(
                (failure.cause, failure.status, failure.sent),
                (Cause::CutOff, Some(200), true)
            );
        }
    }

    #[test]
    fn an_answer_without_a_body_may_announce_one() {
        let host = FakeHost::new([(304, [].as_slice())]).with_header("content-length", "5");
        assert_eq!(read(&host, 1).unwrap(), b"");
    }
}
