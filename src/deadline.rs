//! How long one call may take: all its waits, attempts and bodies together.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};

use crate::host::{Body, Cause, Failure, Host, Timeouts};

/// Bytes per second of a body, in either direction, that count as progress: each of them moves the deadline on. A transfer that
/// is faster goes on as long as it has to; one that drips ends.
const PROGRESS: u64 = 16 << 10;

/// A host as one call sees it: every wait ends when the call's time is over.
pub(crate) struct Timed<'h, H> {
    host: &'h H,
    deadline: Rc<Deadline>,
}

/// When a call's time is over. Times are by the clock that is never set.
struct Deadline {
    begin: Duration,
    /// How long the call may take without progress, and the setting that says so. `None`: as long as it likes.
    limit: Cell<Option<(Duration, &'static str)>>,
    /// The bytes that have flowed.
    flowed: Cell<u64>,
}

impl<'h, H: Host> Timed<'h, H> {
    /// Of a call that begins now.
    pub(crate) fn begin(host: &'h H) -> Self {
        let deadline = Deadline {
            begin: host.elapsed(),
            limit: Cell::new(None),
            flowed: Cell::new(0),
        };
        Self {
            host,
            deadline: Rc::new(deadline),
        }
    }

    /// Limits the call, from its beginning on. `name` is the setting's.
    pub(crate) fn limit(&self, limit: Duration, name: &'static str) {
        self.deadline.limit.set(Some((limit, name)));
    }

    /// Waits for something, no longer than the call may take.
    ///
    /// # Errors
    /// Its own, or that the time is over. Nothing was sent when it was over before.
    pub(crate) async fn within<T>(&self, future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.deadline.within(self.host, future).await
    }

    /// The same call.
    pub(crate) fn share(&self) -> Self {
        Self {
            host: self.host,
            deadline: Rc::clone(&self.deadline),
        }
    }
}

impl<'h, H: Host> Host for Timed<'h, H> {
    type Body = TimedBody<'h, H>;

    async fn send<B: Body>(
        &self,
        request: Request<Option<B>>,
        timeouts: &Timeouts,
    ) -> Result<Response<Self::Body>, Failure> {
        let deadline = &*self.deadline;
        let request = request.map(|body| body.map(|body| Counted { body, deadline }));
        let answer = self.within(self.host.send(request, timeouts)).await?;
        Ok(answer.map(|body| TimedBody {
            body,
            call: self.share(),
        }))
    }

    fn now(&self) -> u64 {
        self.host.now()
    }

    fn elapsed(&self) -> Duration {
        self.host.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.host.sleep(duration.min(self.time_left())).await;
    }

    fn time_left(&self) -> Duration {
        self.deadline.left(self.host)
    }

    fn random(&self) -> [u8; 16] {
        self.host.random()
    }

    fn log(&self, line: &str) {
        self.host.log(line);
    }
}

/// The body of an answer that has to come within the call's time.
pub(crate) struct TimedBody<'h, H: Host> {
    body: H::Body,
    call: Timed<'h, H>,
}

impl<H: Host> Body for TimedBody<'_, H> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let chunk = self.call.within(self.body.chunk()).await?;
        self.call.deadline.count(chunk.as_deref());
        Ok(chunk)
    }
}

/// The body of a request, whose bytes count as progress.
struct Counted<'a, B> {
    body: B,
    deadline: &'a Deadline,
}

impl<B: Body> Body for Counted<'_, B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let chunk = self.body.chunk().await?;
        self.deadline.count(chunk.as_deref());
        Ok(chunk)
    }

    fn sent(&mut self, chunk: Vec<u8>) {
        self.body.sent(chunk);
    }
}

impl Deadline {
    fn count(&self, chunk: Option<&[u8]>) {
        let length = chunk.map_or(0, |chunk| chunk.len() as u64);
        self.flowed.set(self.flowed.get().saturating_add(length));
    }

    fn left(&self, host: &impl Host) -> Duration {
        let Some((limit, _)) = self.limit.get() else {
            return Duration::MAX;
        };
        let gained = self.flowed.get().saturating_mul(1000).checked_div(PROGRESS);
        let end = self.begin.saturating_add(limit);
        let end = end.saturating_add(Duration::from_millis(gained.unwrap_or_default()));
        end.saturating_sub(host.elapsed())
    }

    async fn within<T>(
        &self,
        host: &impl Host,
        future: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut left = self.left(host);
        if left.is_zero() {
            return Err(Failure {
                sent: false,
                ..self.over()
            });
        }
        let mut future = pin!(future);
        // What is there already needs no timer.
        let mut outcome = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        loop {
            if let Poll::Ready(outcome) = outcome {
                return outcome;
            }
            if left.is_zero() {
                return Err(self.over());
            }
            let mut timer = pin!(host.sleep(left));
            outcome = poll_fn(|cx| match future.as_mut().poll(cx) {
                Poll::Ready(outcome) => Poll::Ready(Poll::Ready(outcome)),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| Poll::Pending),
            })
            .await;
            // Meanwhile, bytes may have flowed.
            left = self.left(host);
        }
    }

    fn over(&self) -> Failure {
        let (limit, name) = self.limit.get().unwrap_or_default();
        let limit = limit.as_millis();
        Failure {
            lasting: true,
            ..Failure::new(
                Cause::TimedOut,
                format!(
                    "the call took longer than {limit} ms as a whole, not counting a second for each {PROGRESS} bytes of a body: \
                     raise {name}, or ask for less at a time"
                ),
            )
        }
    }
}
