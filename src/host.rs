//! The only door to the outside: what the core needs of the host it runs in. `wasi/` implements it over WASI 0.2; the unit tests
//! have one of their own.
//!
//! Two things pass beside it: the environment variables, which `exports.rs` reads, and the salt of a PS256 signature,
//! which ring draws from WASI itself, since it accepts no other source.

use std::time::Duration;

use http::{Request, Response};

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

    /// How much of its time a call has left (`deadline.rs`). A host of no call in particular has no end.
    fn time_left(&self) -> Duration {
        Duration::MAX
    }

    /// Bytes fit for cryptography.
    fn random(&self) -> [u8; 16];

    /// Tells the operator something, on a line of its own. A host whose log is closed or full loses the line and nothing else.
    fn log(&self, line: &str);
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

/// What kept an answer from coming, or from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The host does not let the component send this.
    DeniedByHost,
    /// No connection was made.
    NoConnection,
    /// It took longer than the timeouts allow.
    TimedOut,
    /// The connection broke before the answer ended.
    CutOff,
    /// The answer is larger than the settings allow.
    AnswerTooLarge,
    /// The answer came whole and is not what was asked for.
    UnusableAnswer,
    /// The service says that it cannot serve now.
    ServiceUnavailable,
}

/// Why no whole answer came.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind of failure it is.
    pub cause: Cause,
    /// For people.
    pub detail: String,
    /// The status of the answer, when it began.
    pub status: Option<u16>,
    /// Whether the service may have received the request and acted on it.
    pub sent: bool,
    /// Whether the same request would fail in the same way again.
    pub lasting: bool,
    /// The seconds that the service asked to wait.
    pub retry_after_seconds: Option<u32>,
    /// What the service's logs know the request by.
    pub request_id: Option<String>,
}

impl Failure {
    /// Of a request that was sent, as far as is known.
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

    /// Of a request that cannot have been sent.
    pub fn not_sent(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            sent: false,
            ..Self::new(cause, detail)
        }
    }
}

/// A host for the unit tests: answers from a list, a clock that is set by hand.
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
        /// The wall clock at the start; sleeping moves both clocks on.
        pub clock: Cell<u64>,
        pub slept: Cell<Duration>,
        answers: RefCell<VecDeque<Response<Vec<&'static str>>>>,
        /// What comes when there are no more of them.
        otherwise: Option<Answers>,
        /// How many turns of others an answer takes.
        pub turns: Cell<u32>,
        pub sent: RefCell<Vec<Request<Vec<u8>>>>,
        drawn: Cell<u8>,
        pub logged: RefCell<Vec<String>>,
    }

    impl FakeHost {
        /// Answers these in turn: a status, a body in chunks. A chunk `"BROKEN"` is a connection that breaks before the
        /// answer, `"REFUSED"` none at all.
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

        /// Answers by where a request goes.
        pub(crate) fn answering(answer: impl Fn(&Uri) -> Response<Vec<&'static str>> + 'static) -> Self {
            Self {
                otherwise: Some(Box::new(answer)),
                ..Self::new([])
            }
        }

        /// Lets others come to their turn.
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
        /// A chunk `"CUT"` is where the connection breaks.
        async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
            match self.pop_front() {
                Some("CUT") => Err(cut_off()),
                chunk => Ok(chunk.map(|chunk| chunk.as_bytes().to_vec())),
            }
        }
    }

    /// Runs several calls at once, in turns. Says in which turn each ended.
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
        Failure::new(Cause::CutOff, "cut")
    }
}
