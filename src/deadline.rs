//! How long one call may take: all its waits, attempts and bodies together.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};

use crate::host::{Body, Cause, Failure, Host, Timeouts};

/// So many bytes of a body, in either direction, put the deadline off by a second, though never further away than the limit. A
/// transfer that is faster goes on as long as it has to; one that drips ends.
const PROGRESS: u64 = 16 << 10;

/// A host as one call sees it: every wait ends when the call's time is over.
pub(crate) struct Timed<'h, H> {
    host: &'h H,
    deadline: Rc<Deadline>,
}

/// When a call's time is over. Times are by the clock that is never set.
struct Deadline {
    begin: Duration,
    end: Cell<Duration>,
    /// How long the call may take without progress, and the setting that says so. `None`: as long as it likes.
    limit: Cell<Option<(Duration, &'static str)>>,
}

impl<'h, H: Host> Timed<'h, H> {
    /// Of a call that begins now.
    pub(crate) fn begin(host: &'h H) -> Self {
        let deadline = Deadline {
            begin: host.elapsed(),
            end: Cell::new(Duration::MAX),
            limit: Cell::new(None),
        };
        Self {
            host,
            deadline: Rc::new(deadline),
        }
    }

    /// Limits the call, from its beginning on. `name` is the setting's.
    pub(crate) fn limit(&self, limit: Duration, name: &'static str) {
        self.deadline.limit.set(Some((limit, name)));
        self.deadline.end.set(self.deadline.begin.saturating_add(limit));
    }

    /// Waits for something, no longer than the call may take.
    ///
    /// # Errors
    /// Its own, or that the time is over. Nothing was sent when it was over before.
    pub(crate) async fn within<T>(&self, future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        // One function for all futures of an outcome: they are many, and it is not small.
        self.wait(pin!(future)).await
    }

    async fn wait<T>(&self, mut future: Pin<&mut dyn Future<Output = Result<T, Failure>>>) -> Result<T, Failure> {
        if self.time_left().is_zero() {
            return Err(Failure {
                sent: false,
                ..self.over()
            });
        }
        // What is there already needs no timer.
        let mut outcome = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        loop {
            if let Poll::Ready(outcome) = outcome {
                return outcome;
            }
            // Bytes may have flowed since the last look.
            let left = self.time_left();
            if left.is_zero() {
                return Err(self.over());
            }
            let mut timer = pin!(self.host.sleep(left));
            outcome = poll_fn(|cx| match future.as_mut().poll(cx) {
                Poll::Ready(outcome) => Poll::Ready(Poll::Ready(outcome)),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| Poll::Pending),
            })
            .await;
        }
    }

    /// That its time is over.
    pub(crate) fn over(&self) -> Failure {
        let (limit, name) = self.deadline.limit.get().unwrap_or_default();
        let limit = limit.as_millis();
        Failure {
            lasting: true,
            ..Failure::new(
                Cause::TimedOut,
                format!(
                    "the call took longer than {limit} ms, and less than {PROGRESS} bytes per second flowed: raise {name}, or ask for \
                     less at a time"
                ),
            )
        }
    }

    /// The same call.
    pub(crate) fn share(&self) -> Self {
        Self {
            host: self.host,
            deadline: Rc::clone(&self.deadline),
        }
    }

    /// Counts a piece of a body as progress.
    fn count(&self, chunk: Option<&[u8]>) {
        let (Some(chunk), Some((limit, _))) = (chunk, self.deadline.limit.get()) else {
            return;
        };
        let microseconds = (chunk.len() as u64).saturating_mul(1_000_000).checked_div(PROGRESS);
        let gained = Duration::from_micros(microseconds.unwrap_or_default());
        let end = self.deadline.end.get().saturating_add(gained);
        self.deadline.end.set(end.min(self.elapsed().saturating_add(limit)));
    }
}

impl<'h, H: Host> Host for Timed<'h, H> {
    type Body = TimedBody<'h, H>;

    async fn send<B: Body>(
        &self,
        request: Request<Option<B>>,
        timeouts: &Timeouts,
    ) -> Result<Response<Self::Body>, Failure> {
        let request = request.map(|body| body.map(|body| Counted { body, call: self }));
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
        self.deadline.end.get().saturating_sub(self.elapsed())
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
        self.call.count(chunk.as_deref());
        Ok(chunk)
    }
}

/// The body of a request, whose bytes count as progress.
struct Counted<'a, 'h, H, B> {
    body: B,
    call: &'a Timed<'h, H>,
}

impl<H: Host, B: Body> Body for Counted<'_, '_, H, B> {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let chunk = self.body.chunk().await?;
        self.call.count(chunk.as_deref());
        Ok(chunk)
    }

    fn sent(&mut self, chunk: Vec<u8>) {
        self.body.sent(chunk);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;

    use pollster::block_on;

    use super::*;
    use crate::host::fake::FakeHost;

    const LIMIT: Duration = Duration::from_secs(10);

    fn call(host: &FakeHost) -> Timed<'_, FakeHost> {
        let call = Timed::begin(host);
        call.limit(LIMIT, "THE_SETTING");
        call
    }

    #[test]
    fn a_wait_without_end_ends_and_says_which_limit_it_was() {
        let host = FakeHost::new([]);
        let call = call(&host);
        let failure = block_on(call.within(pending::<Result<(), _>>())).unwrap_err();
        assert_eq!(
            (failure.cause, failure.sent, host.slept.get()),
            (Cause::TimedOut, true, LIMIT)
        );
        assert!(
            failure.detail.contains("10000 ms") && failure.detail.contains("THE_SETTING"),
            "{failure:?}"
        );
        let failure = block_on(call.within(async { Ok(()) })).unwrap_err();
        assert!(!failure.sent, "nothing is begun afterwards");
    }

    #[test]
    fn the_limit_counts_from_the_beginning_and_without_one_there_is_no_end() {
        let host = FakeHost::new([]);
        let call = Timed::begin(&host);
        assert_eq!(call.time_left(), Duration::MAX - host.elapsed());
        block_on(call.sleep(Duration::from_secs(4)));
        call.limit(LIMIT, "");
        assert_eq!(call.time_left(), Duration::from_secs(6));
        block_on(call.sleep(Duration::from_secs(60)));
        assert_eq!(host.slept.get(), LIMIT, "no wait goes beyond it");
    }

    #[test]
    fn bytes_put_the_end_off_as_far_as_the_limit_and_no_further() {
        let host = FakeHost::new([]);
        let call = call(&host);
        let piece: &'static str = String::from_utf8(vec![b'x'; 2 * PROGRESS as usize]).unwrap().leak();
        let mut body = TimedBody::<FakeHost> {
            body: VecDeque::from([piece; 100]),
            call: call.share(),
        };
        block_on(body.chunk()).unwrap();
        assert_eq!(call.time_left(), LIMIT, "a burst is no credit for later");
        for _ in 0..20 {
            block_on(host.sleep(Duration::from_secs(2)));
            block_on(body.chunk()).unwrap();
            assert_eq!(call.time_left(), LIMIT);
        }
        // Too slow: a second is lost in each round.
        for left in (3..10).rev() {
            block_on(host.sleep(Duration::from_secs(3)));
            block_on(body.chunk()).unwrap();
            assert_eq!(call.time_left(), Duration::from_secs(left));
        }
        block_on(host.sleep(Duration::from_secs(3)));
        assert!(block_on(body.chunk()).is_err());
    }
}
