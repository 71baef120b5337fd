//! Bodies on their way in and out.

use std::future::IntoFuture;
use std::pin::pin;

use dynamics365::face::{Body, Cause, Failure};
use wasip3::http::types::{ErrorCode, Request, Response, Trailers};
use wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter};
use wasip3::{wit_future, wit_stream};

use crate::failure::failure;
use crate::wait::Wait;

/// How much is read from a stream at once, in bytes.
const CHUNK: usize = 64 << 10;

/// How a message went: sent, or why not.
pub(crate) type Transmission = FutureReader<Result<(), ErrorCode>>;

/// How a body ended, with the trailers that came after it.
type End = Result<Option<Trailers>, ErrorCode>;

/// A body on its way in.
pub(crate) struct Incoming {
    /// `None` once it has ended.
    source: Option<(StreamReader<u8>, FutureReader<End>)>,
    wait: Wait,
    /// Says to the host that the body was taken, when dropped.
    _taken: FutureWriter<Result<(), ErrorCode>>,
    /// The request that this body answers. Wasmtime ends the answer, as if it were whole, when its request's transmission is
    /// dropped, and so does dropping an unfinished upload.
    _request: Option<(Transmission, Option<Outgoing>)>,
}

impl Incoming {
    /// The body of an answer, with what has to be kept until it has been read.
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
            // A read may bring nothing without being the last.
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

/// A body on its way out. Dropped before it is finished, it tells the other side that it was cut off.
pub(crate) struct Outgoing {
    stream: StreamWriter<u8>,
    end: FutureWriter<End>,
}

impl Outgoing {
    /// A body, and what a message is made of for it.
    pub(crate) fn new() -> (Self, StreamReader<u8>, FutureReader<End>) {
        let (stream, reader) = wit_stream::new();
        let (end, end_reader) = unfinished();
        (Self { stream, end }, reader, end_reader)
    }

    /// Writes bytes, and returns their memory. `wait` is for the other side, which may take none.
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

    /// Ends the body, whole.
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

/// Says that a body is whole. Nobody waits for it to be heard: a host that knows the length may never ask.
fn whole(end: FutureWriter<End>) {
    crate::spawn_local(async move {
        let _ = end.write(Ok(None)).await;
    });
}
