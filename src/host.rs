//! The only door to the outside: what the rooms need of the host they run in, and what they do with an answer as it
//! arrives. `wasi.rs` implements it over WASI 0.2; the unit tests have one of their own.
//!
//! Two things pass beside it: the environment variables, which `component.rs` reads, and the salt of a PS256 signature,
//! which ring draws from WASI itself, since it accepts no other source.

use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode, header};
use uuid::Uuid;

use crate::contract::types::OutageCause;

/// What the outside offers.
#[expect(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Host {
    /// An answer's body, as it flows in.
    type Body: Body;

    /// Sends a request and returns the answer once its headers are there. `request` has an absolute URI; a body that is
    /// `None` is no body at all, not an empty one. An answer that comes before the body has ended ends the upload.
    ///
    /// # Errors
    /// A [`Failure`] when no answer begins, or when the body breaks off.
    async fn send<B: Body>(
        &self,
        request: Request<Option<B>>,
        timeouts: &Timeouts,
    ) -> Result<Response<Self::Body>, Failure>;

    /// The wall clock, in seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;

    /// The time since some moment in the past, by a clock that is never set.
    fn elapsed(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// Bytes fit for cryptography.
    fn random(&self) -> [u8; 16];
}

/// The body of a request or an answer, as it flows.
#[expect(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Body {
    /// The next bytes, at least one; `None` at the end.
    ///
    /// # Errors
    /// A [`Failure`] when the connection breaks before the end.
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure>;

    /// Takes back what was sent, for a body that holds a secret to wipe it.
    fn sent(&mut self, chunk: Vec<u8>) {
        drop(chunk);
    }
}

/// Bytes that are all there.
impl Body for &[u8] {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        const CHUNK: usize = 64 << 10;
        let (now, later) = self.split_at(self.len().min(CHUNK));
        *self = later;
        Ok((!now.is_empty()).then(|| now.to_vec()))
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the answer to begin.
    pub first_byte: Duration,
    /// For more of an answer that has begun.
    pub between_bytes: Duration,
}

impl Timeouts {
    /// The same, but none longer than `limit`.
    pub fn at_most(self, limit: Duration) -> Self {
        Self {
            connect: self.connect.min(limit),
            first_byte: self.first_byte.min(limit),
            between_bytes: self.between_bytes.min(limit),
        }
    }
}

/// Why no whole answer came.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind of failure it is.
    pub cause: OutageCause,
    /// For people.
    pub detail: String,
    /// The status of the answer, when it began.
    pub status: Option<u16>,
    /// Whether the service may have received the request and acted on it.
    pub sent: bool,
    /// The seconds that the service asked to wait.
    pub retry_after_seconds: Option<u32>,
    /// What the service's logs know the request by.
    pub request_id: Option<String>,
}

impl Failure {
    /// Of a request that was sent, as far as is known.
    pub fn new(cause: OutageCause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            status: None,
            sent: true,
            retry_after_seconds: None,
            request_id: None,
        }
    }

    /// Of a request that cannot have been sent.
    pub fn not_sent(cause: OutageCause, detail: impl Into<String>) -> Self {
        Self {
            sent: false,
            ..Self::new(cause, detail)
        }
    }
}

/// A fresh GUID (version 4).
pub fn new_guid(host: &impl Host) -> String {
    uuid::Builder::from_random_bytes(host.random()).into_uuid().to_string()
}

/// Whether a text is a GUID as Microsoft's services write it: `00000000-0000-0000-0000-000000000000`.
pub fn is_guid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

/// Sends a request and reads the whole answer, up to `max_bytes` of body.
///
/// # Errors
/// A [`Failure`] when no answer begins, when it breaks off, or when it is too large.
pub async fn exchange<B: Body>(
    host: &impl Host,
    request: Request<Option<B>>,
    timeouts: &Timeouts,
    max_bytes: u32,
) -> Result<Response<Vec<u8>>, Failure> {
    let answer = host.send(request, timeouts).await?;
    let (head, mut body) = answer.into_parts();
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
pub async fn read_whole(
    body: &mut impl Body,
    status: StatusCode,
    headers: &HeaderMap,
    max_bytes: u32,
) -> Result<Vec<u8>, Failure> {
    let max_bytes = u64::from(max_bytes);
    let announced = announced_length(status, headers);
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
        return Err(Failure::new(
            OutageCause::CutOff,
            "the answer is not as long as it announced",
        ));
    }
    Ok(bytes)
}

/// The length that an answer says its body has. An answer of 204 or 304 has no body, whatever it says
/// (RFC 9110, 8.6).
fn announced_length(status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return None;
    }
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(max_bytes: u64) -> Failure {
    Failure::new(
        OutageCause::AnswerTooLarge,
        format!(
            "the answer is larger than the {max_bytes} bytes that the settings allow, or than memory: ask for less at a time"
        ),
    )
}

/// A host for the unit tests: answers from a list, a clock that is set by hand.
#[cfg(test)]
pub mod fake {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    pub struct FakeHost {
        /// The wall clock at the start; sleeping moves both clocks on.
        pub clock: Cell<u64>,
        pub slept: Cell<Duration>,
        answers: RefCell<VecDeque<Response<Vec<&'static str>>>>,
        pub sent: RefCell<Vec<Request<Vec<u8>>>>,
        drawn: Cell<u8>,
    }

    impl FakeHost {
        /// Answers these in turn: a status, a body in chunks. A chunk `"BROKEN"` is a connection that breaks before the
        /// answer, `"REFUSED"` none at all.
        pub fn new(answers: impl IntoIterator<Item = (u16, &'static [&'static str])>) -> Self {
            let answer = |(status, chunks): (u16, &[&'static str])| {
                let mut response = Response::new(chunks.to_vec());
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
                response
            };
            Self {
                clock: Cell::new(1_700_000_000),
                slept: Cell::default(),
                answers: RefCell::new(answers.into_iter().map(answer).collect()),
                sent: RefCell::default(),
                drawn: Cell::new(0),
            }
        }

        /// Adds a header to the next answer.
        pub fn with_header(self, name: &'static str, value: &str) -> Self {
            let value = value.parse().unwrap();
            self.answers
                .borrow_mut()
                .front_mut()
                .unwrap()
                .headers_mut()
                .insert(name, value);
            self
        }
    }

    impl Host for FakeHost {
        type Body = VecDeque<&'static str>;

        async fn send<B: Body>(
            &self,
            request: Request<Option<B>>,
            _: &Timeouts,
        ) -> Result<Response<Self::Body>, Failure> {
            yield_now().await;
            let (head, body) = request.into_parts();
            let mut bytes = Vec::new();
            if let Some(mut body) = body {
                while let Some(chunk) = body.chunk().await? {
                    bytes.extend(chunk);
                }
            }
            self.sent.borrow_mut().push(Request::from_parts(head, bytes));
            match self.answers.borrow_mut().pop_front() {
                Some(answer) if answer.body() == &["BROKEN"] => Err(cut_off()),
                Some(answer) if answer.body() == &["REFUSED"] => {
                    Err(Failure::not_sent(OutageCause::NoConnection, "refused"))
                }
                Some(answer) => Ok(answer.map(VecDeque::from)),
                None => Err(cut_off()),
            }
        }

        fn now(&self) -> u64 {
            self.clock.get() + self.slept.get().as_secs()
        }

        fn elapsed(&self) -> Duration {
            Duration::from_secs(1000) + self.slept.get()
        }

        async fn sleep(&self, duration: Duration) {
            self.slept.set(self.slept.get() + duration);
        }

        fn random(&self) -> [u8; 16] {
            self.drawn.set(self.drawn.get().wrapping_add(1));
            [self.drawn.get(); 16]
        }
    }

    impl Body for VecDeque<&'static str> {
        /// A chunk `"CUT"` is where the connection breaks.
        async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
            match self.pop_front() {
                Some("CUT") => Err(cut_off()),
                chunk => Ok(chunk.map(|chunk| chunk.as_bytes().to_vec())),
            }
        }
    }

    /// An answer takes its time: others come to their turn before.
    async fn yield_now() {
        let mut has_yielded = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut has_yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn cut_off() -> Failure {
        Failure::new(OutageCause::CutOff, "cut")
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::fake::FakeHost;
    use super::*;

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
        assert_eq!(
            (failure.cause, failure.status),
            (OutageCause::AnswerTooLarge, Some(200))
        );
        let announced = FakeHost::new([(200, ["CUT"].as_slice())]).with_header("content-length", "7");
        assert_eq!(read(&announced, 6).unwrap_err().cause, OutageCause::AnswerTooLarge);
    }

    #[test]
    fn a_body_that_breaks_or_is_not_of_the_announced_length_is_cut_off() {
        let broken = FakeHost::new([(200, ["one", "CUT"].as_slice())]);
        assert_eq!(read(&broken, 100).unwrap_err().cause, OutageCause::CutOff);
        for length in ["2", "4"] {
            let host = FakeHost::new([(200, ["one"].as_slice())]).with_header("content-length", length);
            let failure = read(&host, 100).unwrap_err();
            assert_eq!(
                (failure.cause, failure.status, failure.sent),
                (OutageCause::CutOff, Some(200), true)
            );
        }
    }

    #[test]
    fn an_answer_without_a_body_may_announce_one() {
        let host = FakeHost::new([(304, [].as_slice())]).with_header("content-length", "5");
        assert_eq!(read(&host, 1).unwrap(), b"");
    }

    #[test]
    fn guids_are_version_4_and_recognised() {
        let guid = new_guid(&FakeHost::new([]));
        assert_eq!(guid, "01010101-0101-4101-8101-010101010101");
        assert!(is_guid(&guid));
        for text in [
            "",
            "01010101010141018101010101010101",
            "{01010101-0101-4101-8101-010101010101}",
            "x1010101-0101-4101-8101-010101010101",
        ] {
            assert!(!is_guid(text), "{text}");
        }
    }
}
