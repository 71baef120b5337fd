//! The only interface to the outside: what the core needs from its host. `wasi/` implements it on WASI 0.2;
//! the unit tests have their own implementation.
//!
//! Two things bypass it: the environment variables, which `exports/` reads, and the salt of a PS256
//! signature, which ring takes directly from WASI because it accepts no other source.

use std::time::Duration;

use http::{Request, Response};

/// The functions of the host.
#[expect(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Host {
    /// The streamed body of an answer.
    type Body: Body;

    /// Sends a request and returns the answer as soon as its headers are received. The URI of `request` is
    /// absolute. A body that is `None` is absent, which differs from an empty one. An answer that begins
    /// before the end of the request's body ends the upload.
    ///
    /// # Errors
    /// A [`Failure`] if no answer begins, or if the request's body breaks off.
    async fn send<B: Body>(
        &self,
        request: Request<Option<B>>,
        timeouts: &Timeouts,
    ) -> Result<Response<Self::Body>, Failure>;

    /// The wall clock, in seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;

    /// The time since some moment in the past, by a monotonic clock.
    fn elapsed(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// The time until the call's deadline (`deadline.rs`). A host that belongs to no call has no deadline.
    fn time_left(&self) -> Duration {
        Duration::MAX
    }

    /// Cryptographically secure random bytes.
    fn random(&self) -> [u8; 16];

    /// Writes a line to the operator's log. If the log is closed or full, the line is lost without an error.
    fn log(&self, line: &str);
}

/// The streamed body of a request or an answer.
#[expect(
    async_fn_in_trait,
    reason = "a component has one thread, so no future needs to be Send"
)]
pub trait Body {
    /// The next bytes, at least one. `None` at the end.
    ///
    /// # Errors
    /// A [`Failure`] if the connection breaks before the end.
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure>;

    /// Takes back the bytes that were sent, so that a body with a secret can wipe them.
    fn sent(&mut self, chunk: Vec<u8>) {
        drop(chunk);
    }
}

/// Buffered bytes.
impl Body for &[u8] {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        const CHUNK: usize = 64 << 10;
        let (now, later) = self.split_at(self.len().min(CHUNK));
        *self = later;
        Ok((!now.is_empty()).then(|| now.to_vec()))
    }
}

/// The timeouts of a request.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// Until the answer begins.
    pub first_byte: Duration,
    /// Between two chunks of the answer.
    pub between_bytes: Duration,
}

impl Timeouts {
    /// Limits each timeout to `limit`.
    pub fn at_most(self, limit: Duration) -> Self {
        Self {
            connect: self.connect.min(limit),
            first_byte: self.first_byte.min(limit),
            between_bytes: self.between_bytes.min(limit),
        }
    }
}

/// Why there is no answer, or no usable one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The host does not allow the request.
    DeniedByHost,
    /// No connection was established.
    NoConnection,
    /// A timeout has expired.
    TimedOut,
    /// The connection broke before the end of the answer.
    CutOff,
    /// The answer is larger than the settings allow.
    AnswerTooLarge,
    /// The answer is complete, but not of the expected kind.
    UnusableAnswer,
    /// The service reports that it is unavailable.
    ServiceUnavailable,
}

/// Why there is no complete and usable answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The kind of failure.
    pub cause: Cause,
    /// A description for people.
    pub detail: String,
    /// The status of the answer, if it began.
    pub status: Option<u16>,
    /// Whether the service may have received the request and acted on it.
    pub sent: bool,
    /// Whether the same request would fail in the same way again.
    pub lasting: bool,
    /// The wait in seconds that the service requests.
    pub retry_after_seconds: Option<u32>,
    /// The id of the request in the service's logs.
    pub request_id: Option<String>,
}

impl Failure {
    /// A failure after the request was sent, as far as is known.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            status: None,
            sent: true,
            lasting: false,
            retry_after_seconds: None,
            request_id: None,
        }
    }

    /// A failure of a request that cannot have been sent.
    pub fn not_sent(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            sent: false,
            ..Self::new(cause, detail)
        }
    }
}

/// A host for the unit tests, with prepared answers and a simulated clock.
#[cfg(test)]
pub(crate) mod fake {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::task::{Context, Poll, Waker};

    use http::{StatusCode, Uri, header};

    use super::*;

    type Answers = Box<dyn Fn(&Uri) -> Response<Vec<&'static str>>>;

    pub(crate) struct FakeHost {
        /// The wall clock at the start. Sleeping advances both clocks.
        pub clock: Cell<u64>,
        pub slept: Cell<Duration>,
        answers: RefCell<VecDeque<Response<Vec<&'static str>>>>,
        /// Creates the answers after the prepared ones.
        otherwise: Option<Answers>,
        /// How often an answer suspends before it arrives.
        pub turns: Cell<u32>,
        pub sent: RefCell<Vec<Request<Vec<u8>>>>,
        drawn: Cell<u8>,
        pub logged: RefCell<Vec<String>>,
    }

    impl FakeHost {
        /// Returns these answers in order: a status, and a body in chunks. A chunk `"BROKEN"` simulates a
        /// connection that breaks before the answer, and `"REFUSED"` a refused connection.
        pub(crate) fn new(answers: impl IntoIterator<Item = (u16, &'static [&'static str])>) -> Self {
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
                otherwise: None,
                turns: Cell::new(1),
                sent: RefCell::default(),
                drawn: Cell::new(0),
                logged: RefCell::default(),
            }
        }

        /// Answers by the URI of the request.
        pub(crate) fn answering(answer: impl Fn(&Uri) -> Response<Vec<&'static str>> + 'static) -> Self {
            Self {
                otherwise: Some(Box::new(answer)),
                ..Self::new([])
            }
        }

        /// Lets other calls run.
        pub(crate) async fn pass_a_turn(&self) {
            yield_now().await;
        }

        /// Adds a header to the next answer.
        pub(crate) fn with_header(self, name: &'static str, value: &str) -> Self {
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
            for _ in 0..self.turns.get() {
                yield_now().await;
            }
            let (head, body) = request.into_parts();
            let mut bytes = Vec::new();
            if let Some(mut body) = body {
                while let Some(chunk) = body.chunk().await? {
                    bytes.extend(chunk);
                }
            }
            let otherwise = self.otherwise.as_ref().map(|answer| answer(&head.uri));
            self.sent.borrow_mut().push(Request::from_parts(head, bytes));
            match self.answers.borrow_mut().pop_front().or(otherwise) {
                Some(answer) if answer.body() == &["BROKEN"] => Err(cut_off()),
                Some(answer) if answer.body() == &["REFUSED"] => Err(Failure::not_sent(Cause::NoConnection, "refused")),
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

        fn log(&self, line: &str) {
            self.logged.borrow_mut().push(line.to_owned());
        }
    }

    impl Body for VecDeque<&'static str> {
        /// A chunk `"CUT"` simulates a broken connection.
        async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
            match self.pop_front() {
                Some("CUT") => Err(cut_off()),
                chunk => Ok(chunk.map(|chunk| chunk.as_bytes().to_vec())),
            }
        }
    }

    /// Runs several calls concurrently, in rounds. Returns the round in which each call ended.
    pub(crate) fn at_once<T>(calls: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<(T, u32)> {
        let mut calls: Vec<_> = calls.into_iter().map(|call| (Box::pin(call), None)).collect();
        for turn in 0.. {
            for (call, ended) in calls.iter_mut().filter(|(_, ended)| ended.is_none()) {
                if let Poll::Ready(outcome) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    *ended = Some((outcome, turn));
                }
            }
            assert!(turn < 100_000, "a call does not end");
            if calls.iter().all(|(_, ended)| ended.is_some()) {
                break;
            }
        }
        calls.into_iter().filter_map(|(_, ended)| ended).collect()
    }

    /// Suspends once, so that other calls run.
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
        Failure::new(Cause::CutOff, "cut")
    }
}
