//! Incoming and outgoing bodies.

use std::future::IntoFuture;
use std::pin::pin;

use dynamics365::face::{Body, Cause, Failure};
use wasip3::http::types::{ErrorCode, Request, Response, Trailers};
use wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter};
use wasip3::{wit_future, wit_stream};

use crate::failure::failure;
use crate::wait::Wait;

/// Size of the read buffer, in bytes.
const CHUNK: usize = 64 << 10;

/// The result of sending a message.
pub(crate) type Transmission = FutureReader<Result<(), ErrorCode>>;

/// The end of a body: its trailers, or an error.
type End = Result<Option<Trailers>, ErrorCode>;

/// An incoming body.
pub(crate) struct Incoming {
    /// `None` once it has ended.
    source: Option<(StreamReader<u8>, FutureReader<End>)>,
    wait: Wait,
    /// Dropping it tells the host that the body was consumed.
    _taken: FutureWriter<Result<(), ErrorCode>>,
    /// The request that this body answers. When its transmission or its unfinished upload is dropped, Wasmtime
    /// ends the response as if it were complete.
    _request: Option<(Transmission, Option<Outgoing>)>,
}

impl Incoming {
    /// The body of a response. It keeps what must not be dropped before it is read.
    pub(crate) fn of_response(
        response: Response,
        transmission: Transmission,
        upload: Option<Outgoing>,
        wait: Wait,
    ) -> Self {
        let (taken, reader) = wit_future::new(|| Ok(()));
        Self {
            source: Some(Response::consume_body(response, reader)),
            wait,
            _taken: taken,
            _request: Some((transmission, upload)),
        }
    }

    /// The body of a request to this component.
    pub(crate) fn of_request(request: Request, wait: Wait) -> Self {
        let (taken, reader) = wit_future::new(|| Ok(()));
        Self {
            source: Some(Request::consume_body(request, reader)),
            wait,
            _taken: taken,
            _request: None,
        }
    }
}

impl Body for Incoming {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        while let Some((stream, _)) = &mut self.source {
            let (result, bytes) = self.wait.until(stream.read(Vec::with_capacity(CHUNK))).await?;
            // A read may return nothing before the end.
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
            if result == StreamResult::Dropped
                && let Some((_, end)) = self.source.take()
            {
                self.wait.until(end.into_future()).await?.map_err(failure)?;
            }
        }
        Ok(None)
    }
}

/// An outgoing body. If it is dropped before `finish`, the receiver sees it as cut off.
pub(crate) struct Outgoing {
    stream: StreamWriter<u8>,
    end: FutureWriter<End>,
}

impl Outgoing {
    /// A new body, and the stream and end to build its message with.
    pub(crate) fn new() -> (Self, StreamReader<u8>, FutureReader<End>) {
        let (stream, reader) = wit_stream::new();
        let (end, end_reader) = unfinished();
        (Self { stream, end }, reader, end_reader)
    }

    /// Writes bytes and returns their buffer. `wait` limits how long the receiver may stall.
    pub(crate) async fn write(&mut self, bytes: Vec<u8>, wait: Wait) -> (Vec<u8>, Result<(), Failure>) {
        let (mut result, mut rest) = {
            let mut writing = pin!(self.stream.write(bytes));
            match wait.until(writing.as_mut()).await {
                Ok(written) => written,
                Err(failure) => return (writing.cancel().1.into_vec(), Err(failure)),
            }
        };
        while rest.remaining() > 0 {
            if result == StreamResult::Dropped {
                let failure = Failure::new(Cause::CutOff, "the connection was closed");
                return (rest.into_vec(), Err(failure));
            }
            let mut writing = pin!(self.stream.write_buf(rest));
            (result, rest) = match wait.until(writing.as_mut()).await {
                Ok(written) => written,
                Err(failure) => return (writing.cancel().1.into_vec(), Err(failure)),
            };
        }
        (rest.into_vec(), Ok(()))
    }

    /// Ends the body as complete.
    pub(crate) fn finish(self) {
        let Self { stream, end } = self;
        drop(stream);
        whole(end);
    }
}

/// The end of a message without a body.
pub(crate) fn no_body() -> FutureReader<End> {
    let (end, reader) = unfinished();
    whole(end);
    reader
}

fn unfinished() -> (FutureWriter<End>, FutureReader<End>) {
    wit_future::new(|| Err(ErrorCode::InternalError(None)))
}

/// Marks a body as complete in the background: a host that knows the length may never read this.
fn whole(end: FutureWriter<End>) {
    crate::spawn_local(async move {
        let _ = end.write(Ok(None)).await;
    });
}
